"""The waveform store: every clip as decoded, once; bad recordings are named, never silent."""

from pathlib import Path

import numpy as np
import pytest

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from audionas.data import audio, kaldi
from audionas.data.store import Waves, waves

RATE = 8000


def corpus(folder: Path, lengths: list[int], rates: dict[int, int] | None = None) -> kaldi.DataDir:
    items = []
    rng = np.random.default_rng(0)
    for number, length in enumerate(lengths):
        path = folder / "wav" / f"s-yes-{number}.wav"
        wave = (rng.integers(-32768, 32768, length) / 32768).astype(np.float32)
        audio.write(path, wave, (rates or {}).get(number, RATE))
        items.append(kaldi.Item(f"s-yes-{number}", str(path), "yes", 0.0, speaker="s"))
    return kaldi.write(folder / "train", items)


def decode(data: kaldi.DataDir, folder: Path, **more) -> Waves:
    return waves(data, rate=RATE, samples=4000, folder=folder, reporter=Reporter(quiet=True), **more)


def test_rows_are_the_recordings_sample_by_sample(tmp_path: Path) -> None:
    lengths = [4000, 100, 5000, *[300] * 80]  # more than one block
    data = corpus(tmp_path, lengths)
    found = decode(data, tmp_path / "cache")
    assert found.kept.tolist() == list(range(len(lengths)))
    for row, item in zip(found.array, data, strict=True):
        wave = audio.read(item.audio, rate=RATE, seconds=0.5)
        assert np.array_equal(row, (wave * 32768).astype(np.int16))


def test_a_segment_ends_where_it_ends(tmp_path: Path) -> None:
    whole = corpus(tmp_path, [4000])[0]
    parts = [kaldi.Item(f"s-{i}", whole.audio, "yes", 0.1, start, "s") for i, start in enumerate((0.0, 0.25))]
    found = decode(kaldi.write(tmp_path / "parts", parts), tmp_path / "cache")
    wave = (audio.read(whole.audio, rate=RATE, seconds=None) * 32768).astype(np.int16)
    for row, start in zip(found.array, (0, 2000), strict=True):
        assert np.array_equal(row[:800], wave[start : start + 800])
        assert not row[800:].any()


def test_decoded_once_and_again_when_the_data_change(tmp_path: Path) -> None:
    data = corpus(tmp_path, [4000, 4000])
    first = np.array(decode(data, tmp_path / "cache").array)
    for item in data:
        Path(item.audio).unlink()
    assert np.array_equal(decode(data, tmp_path / "cache").array, first)
    with pytest.raises(UserError, match=r"s-yes-1\.wav"):
        decode(data[1:], tmp_path / "cache")


def test_sums_that_are_exchanged_are_seen_though_the_recordings_are_decoded_already(tmp_path: Path) -> None:
    """What is stored has the sums of the files, so it is found again; the recorded ones are others."""
    data = corpus(tmp_path, [4000, 4000])
    decode(data, tmp_path / "cache")
    table = data.path / "utt2sha256"
    sound = table.read_text()
    (one, first), (two, second) = (line.split() for line in sound.splitlines())
    table.write_text(f"{one} {second}\n{two} {first}\n")
    for number in (0, 1):
        with pytest.raises(UserError, match=rf"s-yes-{number}\.wav: changed since it was prepared"):
            decode(kaldi.read(data.path), tmp_path / "cache")
    assert len(decode(kaldi.read(data.path), tmp_path / "cache", on_bad="keep").kept) == 2
    table.write_text(sound)
    assert len(decode(kaldi.read(data.path), tmp_path / "cache").kept) == 2


def test_every_bad_recording_is_named_at_once_or_left_out_aloud(tmp_path: Path, capsys) -> None:
    data = corpus(tmp_path, [4000] * 5, rates={4: 11025})
    Path(data[1].audio).write_bytes(b"not audio")
    Path(data[3].audio).unlink()
    with pytest.raises(UserError) as caught:
        decode(data, tmp_path / "cache")
    for number in (1, 3, 4):
        assert f"s-yes-{number}.wav" in str(caught.value)
    assert "s-yes-0.wav" not in str(caught.value)
    for _ in range(2):  # said again when the store is reused
        found = waves(
            data, rate=RATE, samples=4000, on_bad="skip", folder=tmp_path / "cache", reporter=Reporter()
        )
        assert found.kept.tolist() == [0, 2]
        assert found.array.shape == (2, 4000)
        said = capsys.readouterr().err
        assert "3 of 5 recordings left out" in said
        assert "s-yes-3.wav" in said
    assert decode(data, tmp_path / "cache", on_bad="skip", resample=True).kept.tolist() == [0, 2, 4]


def test_nothing_readable_is_an_error_even_when_skipping(tmp_path: Path) -> None:
    data = corpus(tmp_path, [4000])
    Path(data[0].audio).write_bytes(b"")
    with pytest.raises(UserError, match="no recording can be read"):
        decode(data, tmp_path / "cache", on_bad="skip")


def test_settings_and_audio_make_the_key(tmp_path: Path) -> None:
    data = corpus(tmp_path, [4000, 4000], rates={0: RATE})
    keys = {
        decode(data, tmp_path / "cache").key,
        decode(data, tmp_path / "cache", resample=True).key,
        decode(data[:1], tmp_path / "cache").key,
    }
    assert len(keys) == 3


@pytest.mark.story
def test_three_processes_write_the_same_bytes(tmp_path: Path) -> None:
    data = corpus(tmp_path, [300] * 130)
    files = []
    for workers in (1, 3):
        folder = tmp_path / str(workers)
        decode(data, folder, workers=workers)
        files.append({f.name: f.read_bytes() for f in folder.glob("waves-*/*") if f.suffix == ".i2"})
    assert files[0] == files[1]
    assert len(files[0]) == 1
