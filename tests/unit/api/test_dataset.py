"""`audionas.prepare` and `audionas.Dataset`: what is prepared, what is counted, what is refused."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

import audionas
from tests._factory import tones


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two words and other sound of four speakers, three clips of half a second each."""
    folder = tmp_path_factory.mktemp("recorded") / "words"
    rng = np.random.default_rng(0)
    for label in ("yes", "no", "_unknown_"):
        (folder / label).mkdir(parents=True)
        for speaker in "abcd":
            for take in range(3):
                wave = 0.1 * rng.standard_normal(8000)
                soundfile.write(folder / label / f"{speaker}_{take}.wav", wave, 16_000)
    return folder


def test_a_folder_is_prepared_without_a_word(words: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pattern = r"/(?P<speaker>[^_/]+)_[^/]*$"
    data = audionas.prepare(words, speaker_pattern=pattern, dev=0.25, test=0.25, workers=1)
    assert capsys.readouterr() == ("", "")
    assert any(note.startswith("split by speaker") for note in data.notes)
    assert data.folder == words.with_name("words_data")
    assert data.labels == ["_unknown_", "no", "yes"]
    told = data.summary()
    assert {split: told[split]["clips"] for split in ("train", "dev", "test")} == {
        "train": 18,
        "dev": 9,
        "test": 9,
    }
    assert told["train"]["speakers"] == 2
    assert told["train"]["hours"] == pytest.approx(18 * 0.5 / 3600)


def test_the_lowest_rate_counts_sound_without_a_keyword(tmp_path: Path) -> None:
    tones(tmp_path / "data", per_class=3, speakers=3)
    radio = tmp_path / "radio"
    radio.mkdir()
    soundfile.write(radio / "hour.wav", np.zeros(16_000 * 30), 16_000)
    silent = 2 * 3 * 1.0  # seconds of _silence_ in dev and test
    assert audionas.Dataset(tmp_path / "data").summary()["lowest_rate"] == pytest.approx(3 * 3600 / silent)
    heard = audionas.Dataset(tmp_path / "data", negatives=radio).summary()
    assert heard["negative_hours"] == pytest.approx((30 + silent) / 3600)
    assert heard["lowest_rate"] == pytest.approx(3 * 3600 / (30 + silent))
    assert repr(audionas.Dataset(tmp_path / "data")).startswith("Dataset(")


def test_sound_without_the_words_is_prepared_with_them(words: Path, tmp_path: Path) -> None:
    radio = tmp_path / "radio"
    radio.mkdir()
    rng = np.random.default_rng(1)
    for number in range(3):
        soundfile.write(radio / f"{number}.wav", 0.1 * rng.standard_normal(16_000 * 10), 16_000)
    one = tmp_path / "one"
    shutil.copytree(words / "yes", one / "yes")
    data = audionas.prepare(one, negatives=radio, workers=1)
    assert data.labels == ["_unknown_", "yes"]
    assert data.negatives == (radio,)
    assert data.summary()["negative_hours"] == pytest.approx(2 * 10 / 3600)  # a third is for training
    assert data.summary()["lowest_rate"] == pytest.approx(3 * 3600 / 20)
    more = tmp_path / "more"
    more.mkdir()
    soundfile.write(more / "a.wav", np.zeros(16_000 * 7), 16_000)
    heard = audionas.Dataset(data.folder, [radio, more]).summary()
    assert heard["negative_hours"] == pytest.approx((2 * 10 + 7) / 3600)  # radio is not counted twice


def test_no_rate_is_claimed_where_every_clip_is_a_keyword(tmp_path: Path) -> None:
    tones(tmp_path / "data", classes=("low", "high"), per_class=3, speakers=3)
    assert audionas.Dataset(tmp_path / "data").summary()["lowest_rate"] is None


def test_what_is_prepared_is_taken_as_it_is(tmp_path: Path) -> None:
    tones(tmp_path / "data", per_class=3, speakers=3)
    assert audionas.prepare(tmp_path / "data").section == {
        "train": str(tmp_path / "data" / "train"),
        "dev": str(tmp_path / "data" / "dev"),
    }
    with pytest.raises(audionas.UserError, match="prepared already"):
        audionas.prepare(tmp_path / "data", dev=0.2)


def test_another_rate_is_converted(tmp_path: Path) -> None:
    tones(tmp_path / "data", per_class=3, speakers=3, rate=8000)
    assert audionas.Dataset(tmp_path / "data").section["resample"] is True


def test_what_cannot_be_prepared_is_refused(words: Path, tmp_path: Path) -> None:
    with pytest.raises(audionas.UserError, match="Did you mean 'speaker_pattern'"):
        audionas.prepare(words, tmp_path / "out", speaker_patern="x")
    with pytest.raises(audionas.UserError, match="holds no data directory train"):
        audionas.Dataset(tmp_path)
    tones(tmp_path / "data", per_class=3, speakers=3)
    with pytest.raises(audionas.UserError, match="no such folder"):
        audionas.Dataset(tmp_path / "data", negatives=[tmp_path / "nothing"])
