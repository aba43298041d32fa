"""`audionas prep wake_word`: clips, whole recordings, continuous negatives, from folders and from voices."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from audionas.core.errors import UserError
from audionas.core.files import read_json
from audionas.core.rng import numpy_rng
from audionas.data import audio, kaldi
from audionas.data.groups import read_groups
from audionas.data.labels import RATE, read_labels
from audionas.prep.wake import near_words
from audionas.prep.wake.spoken import VOICE_SHARES, split_words
from tests._wake import audio as long_audio
from tests._wake import clip
from tests.unit.data_prep.test_speech_commands import load

prep = load("wake_word")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten speakers' recordings of a word, and recordings of anything else."""
    folder = tmp_path_factory.mktemp("own")
    rng = numpy_rng("own recordings")
    for speaker in range(10):
        for take in range(2):
            audio.write(folder / "word" / f"s{speaker}_{take}.wav", clip(rng, positive=True), RATE)
    for number in range(12):
        audio.write(
            folder / "other" / f"day_{number}.wav", long_audio(7.0, [], seed=number, others=[1, 4]), RATE
        )
    return folder


def made(own: Path, out: Path, **changes: object) -> Path:
    wanted = {"word": "my word", "positives": own / "word", "negatives": own / "other"}
    prep.main(out, **{**wanted, **changes})
    return out


@pytest.fixture(scope="module")
def data(own: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(own, tmp_path_factory.mktemp("made") / "data")


def test_two_labels_and_nobody_in_two_splits(data: Path) -> None:
    assert read_labels(data / "train") == ["_other_", "my_word"]
    parts = {split: kaldi.read(data / split) for split in ("train", "dev", "test")}
    for split, part in parts.items():
        assert set(part.labels) == {"_other_", "my_word"}, split
        assert all(item.seconds <= 1.5 + 1e-6 for item in part)
        assert not kaldi.validate(data / split)
    words = [sum(item.label == "my_word" for item in part) for part in parts.values()]
    assert words == [8 * (1 + prep.COPIES), 4, 8]
    speakers = [{i.speaker for i in part if i.label == "my_word"} for part in parts.values()]
    assert sum(map(len, speakers)) == len(set.union(*speakers)) == 20


def test_every_clip_has_its_source(data: Path) -> None:
    for split in ("train", "dev", "test"):
        items = list(kaldi.read(data / split))
        sources = read_groups(data / split, "source", [item.id for item in items])
        assert {(s, item.label) for s, item in zip(sources, items, strict=True)} == {
            ("word-own", "my_word"),
            ("own", "_other_"),
        }


def test_speakers_are_found_by_a_pattern(own: Path, tmp_path: Path) -> None:
    out = made(own, tmp_path / "data", speaker_pattern=r"(?P<speaker>(s\d|day))_")
    speakers = [{i.speaker for i in kaldi.read(out / f"{s}_words")} for s in ("dev", "test")]
    assert [len(each) for each in speakers] == [2, 4]
    assert not speakers[0] & speakers[1]


def test_continuous_negatives_have_their_hours_counted(data: Path) -> None:
    hours = read_json(data / "hours.json")
    for split in ("dev", "test"):
        items = kaldi.read(data / f"{split}_long")
        assert {item.label for item in items} == {"_other_"}
        assert hours[f"{split}_long"] == {"own": pytest.approx(sum(i.seconds for i in items) / 3600)}
        assert {item.label for item in kaldi.read(data / f"{split}_words")} == {"my_word"}
    total = sum(sum(h.values()) for h in (hours["dev_long"], hours["test_long"]))
    windows = [i for i in kaldi.read(data / "train") if i.label == "_other_"]
    assert total * 3600 + 1.5 * len(windows) == pytest.approx(12 * 7.0, abs=2.0)


def test_again_it_is_there_and_other_settings_are_refused(own: Path, data: Path) -> None:
    before = (data / "train" / "wav.scp").read_bytes()
    made(own, data)
    assert (data / "train" / "wav.scp").read_bytes() == before
    with pytest.raises(UserError, match="holds data made with seed=0"):
        made(own, data, seed=1)


@pytest.mark.story
def test_the_same_settings_make_the_same_data(own: Path, data: Path, tmp_path: Path) -> None:
    again = made(own, tmp_path / "again")
    for split in ("train", "dev", "test", "test_long"):
        assert kaldi.read(again / split).fingerprint == kaldi.read(data / split).fingerprint


def test_what_is_missing_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        prep.main(tmp_path / "x", word="?!", seconds=99.0)
    assert len(caught.value.problems) == 4
    with pytest.raises(UserError, match="cannot be read"):
        prep.read_words(tmp_path / "none.txt")


@pytest.mark.story
def test_voices_alone_fill_every_split_and_read_sentences(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="the extra 'mini' is not installed")
    out = tmp_path / "spoken"
    prep.main(out, word="hey jarvis", say=12, near_words=3, sentences=0.05, espeak_hours=0.01)
    speakers = []
    for split, share in VOICE_SHARES.items():
        part = kaldi.read(out / split)
        assert set(part.labels) == {"_other_", "hey_jarvis"}
        speakers.append({item.speaker for item in part})
        assert all(name.startswith("espeak-") for name in speakers[-1])
        read = [item for item in part if "-30-" in item.id]
        assert 1.5 * len(read) == pytest.approx(0.05 * 3600 * share, abs=1.5)
    assert sum(map(len, speakers)) == len(set.union(*speakers))
    hours = read_json(out / "hours.json")
    assert hours["test_espeak"] == {"espeak": pytest.approx(0.01, rel=0.01)}
    (reading,) = kaldi.read(out / "test_espeak")
    wave = audio.read(reading.audio, rate=RATE, seconds=None)
    assert np.abs(wave).max() > 0.1


@pytest.mark.story
def test_where_recordings_test_voices_only_train(own: Path, tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="the extra 'mini' is not installed")
    out = made(own, tmp_path / "data", say=4, near_words=2, sentences=0.02)
    spoken = {
        split: [i for i in kaldi.read(out / split) if i.speaker.startswith("espeak-")]
        for split in ("train", "dev", "test")
    }
    assert (len(spoken["dev"]), len(spoken["test"])) == (0, 0)
    assert sum(item.label == "my_word" for item in spoken["train"]) == 4
    items = list(kaldi.read(out / "train"))
    sources = Counter(read_groups(out / "train", "source", [item.id for item in items]))
    assert sources.keys() == {"word-own", "own", "word-espeak", "near-espeak", "espeak"}
    assert sources["word-espeak"] == sources["near-espeak"] == 4
    assert 1.5 * sum("-30-" in item.id for item in spoken["train"]) == pytest.approx(72, abs=1.5)
    assert "eSpeak NG" in kaldi.read_licence(out)


def test_no_word_of_the_sentences_is_in_two_splits() -> None:
    parts = split_words(near_words.WORDS, "hey Computer", seed=3)
    found = [set(part) for part in parts.values()]
    assert set.union(*found) == set(near_words.WORDS) - {"hey", "computer"}
    assert sum(map(len, found)) == len(set.union(*found))
    assert len(found[0]) / sum(map(len, found)) == pytest.approx(0.6, abs=0.01)
    assert parts != split_words(near_words.WORDS, "hey Computer", seed=4)


def test_too_few_words_for_sentences_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="the extra 'mini' is not installed")
    (tmp_path / "words.txt").write_text("two\nwords\n")
    with pytest.raises(UserError, match="2 words are too few for different sentences"):
        prep.main(tmp_path / "x", word="hey jarvis", say=3, words=tmp_path / "words.txt")


@pytest.mark.story
def test_another_language_is_spoken(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="the extra 'mini' is not installed")
    (tmp_path / "words.txt").write_text(
        "\n".join(f"{a}{b}" for a in "bdfgklmnst" for b in ("ei", "ach", "ut"))
    )
    german = {"word": "hallo Rechner", "say": 4, "language": "de", "sentences": 0.005}
    with pytest.raises(UserError, match="the built-in words are English"):
        prep.main(tmp_path / "x", **german)
    prep.main(tmp_path / "x", **german, words=tmp_path / "words.txt")
    assert set(kaldi.read(tmp_path / "x" / "train").labels) == {"_other_", "hallo_rechner"}
    with pytest.raises(UserError, match="no voice xx-nowhere"):
        prep.main(tmp_path / "y", word="hey", say=1, near_words=0, sentences=0, language="xx-nowhere")
