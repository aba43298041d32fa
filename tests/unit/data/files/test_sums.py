"""Recordings replaced after preparation: never read from an old cache, always named or read anew."""

import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from audionas.core.errors import UserError
from audionas.core.files import sha256, state
from audionas.core.reporter import Reporter
from audionas.data import audio, kaldi
from audionas.data.augment import WaveAugment
from audionas.data.conf import Augment
from audionas.data.files import sums
from audionas.data.store import Waves, waves
from audionas.data.tables import misfits
from audionas.listen.sounds import recordings

RATE = 8000


def write(path: Path, seed: int, samples: int = 800) -> None:
    audio.write(path, np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32), RATE)


def corpus(folder: Path, count: int = 3) -> kaldi.DataDir:
    items = []
    for number in range(count):
        write(folder / "wav" / f"s-{number}.wav", number)
        items.append(
            kaldi.Item(f"s-{number}", str(folder / "wav" / f"s-{number}.wav"), "yes", 0.0, speaker="s")
        )
    return kaldi.write(folder / "train", items)


def decode(folder: Path, **more) -> Waves:
    data = kaldi.read(folder / "train")
    quiet = Reporter(quiet=True)
    return waves(data, rate=RATE, samples=800, folder=folder / "cache", reporter=quiet, workers=1, **more)


def replace(path: Path, seed: int = 99) -> None:
    """Other sound in a file of the same size, with the same modification time."""
    before = path.stat()
    write(path, seed)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def heard(found: Waves, row: int, path: Path) -> bool:
    return np.array_equal(
        found.array[row], (audio.read(path, rate=RATE, seconds=None) * 32768).astype(np.int16)
    )


def test_a_replaced_recording_is_refused_by_name_with_the_way_out(tmp_path: Path) -> None:
    corpus(tmp_path)
    decode(tmp_path)
    replace(tmp_path / "wav" / "s-1.wav")
    with pytest.raises(UserError) as caught:
        decode(tmp_path)
    assert caught.value.problems == [f"{tmp_path}/wav/s-1.wav: changed since it was prepared"]
    assert f"rm {tmp_path}/train/utt2sha256" in caught.value.hint
    (tmp_path / "train" / "utt2sha256").unlink()  # what the hint says
    assert heard(decode(tmp_path), 1, tmp_path / "wav" / "s-1.wav")


def test_it_is_left_out_or_read_anew_when_told_to(tmp_path: Path) -> None:
    corpus(tmp_path)
    keys = {decode(tmp_path, on_bad="skip").key, decode(tmp_path, on_bad="keep").key}
    replace(tmp_path / "wav" / "s-1.wav")
    skipped, kept = decode(tmp_path, on_bad="skip"), decode(tmp_path, on_bad="keep")
    assert skipped.kept.tolist() == [0, 2]
    assert heard(kept, 1, tmp_path / "wav" / "s-1.wav")
    assert not keys & {skipped.key, kept.key}
    assert skipped.fingerprint != corpus(tmp_path / "b").fingerprint


def test_without_recorded_sums_a_replaced_recording_is_read_anew(tmp_path: Path) -> None:
    corpus(tmp_path)
    (tmp_path / "train" / "utt2sha256").unlink()
    first = decode(tmp_path)
    replace(tmp_path / "wav" / "s-1.wav")
    again = decode(tmp_path)
    assert heard(again, 1, tmp_path / "wav" / "s-1.wav")
    assert (again.key, again.fingerprint) != (first.key, first.fingerprint)


def test_a_moved_copy_is_the_same_and_its_cache_is_used(tmp_path: Path) -> None:
    corpus(tmp_path / "a")
    first = decode(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    again = decode(tmp_path / "b")
    assert again.key == first.key
    os.utime(tmp_path / "a" / "wav" / "s-0.wav")
    assert decode(tmp_path / "a").key == first.key


def test_a_file_is_hashed_again_only_where_its_state_differs(tmp_path: Path) -> None:
    data = corpus(tmp_path)
    sums.current(data, tmp_path / "cache", Reporter(quiet=True))
    (record,) = (tmp_path / "cache").glob("sums-*.safetensors")
    found = load_file(record)
    found["sums"][:] = 7  # what is recorded is believed: no file was read again
    save_file(found, record)
    now, changed = sums.current(data, tmp_path / "cache", Reporter(quiet=True))
    assert {item.sha256 for item in now} == {"07" * 32}
    assert len(changed) == 3
    os.utime(data[1].audio)
    now, changed = sums.current(data, tmp_path / "cache", Reporter(quiet=True))
    assert now[1].sha256 == sha256(data[1].audio)
    assert sorted(changed) == [0, 2]


@pytest.mark.parametrize("damage", [b"", b"\x00" * 40])
def test_a_damaged_record_is_no_record(tmp_path: Path, damage: bytes) -> None:
    data = corpus(tmp_path)
    sums.current(data, tmp_path / "cache", Reporter(quiet=True))
    (record,) = (tmp_path / "cache").glob("sums-*.safetensors")
    record.write_bytes(damage)
    assert sums.current(data, tmp_path / "cache", Reporter(quiet=True)) == (data, {})


def test_a_record_that_cannot_be_written_is_told_and_no_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = corpus(tmp_path)
    (tmp_path / "cache").write_text("no folder")
    assert sums.current(data, tmp_path / "cache", Reporter()) == (data, {})
    assert "cannot be written" in capsys.readouterr().err


def test_a_part_of_a_directory_keeps_what_is_known_of_the_rest(tmp_path: Path) -> None:
    data = corpus(tmp_path)
    sums.current(data, tmp_path / "cache", Reporter(quiet=True))
    os.utime(data[0].audio)
    sums.current(data[:1], tmp_path / "cache", Reporter(quiet=True))
    (record,) = (tmp_path / "cache").glob("sums-*.safetensors")
    assert sorted(load_file(record)["states"].tolist()) == sorted(state(item.audio) for item in data)


def test_a_recording_shorter_than_recorded_is_refused_without_sums_too(tmp_path: Path) -> None:
    corpus(tmp_path)
    (tmp_path / "train" / "utt2sha256").unlink()
    write(tmp_path / "wav" / "s-2.wav", 5, samples=400)
    with pytest.raises(UserError, match=r"s-2\.wav: lasts 0\.050 s, but 0\.100 s are recorded of it"):
        decode(tmp_path)


def test_changed_recordings_are_all_named_once(tmp_path: Path) -> None:
    data = corpus(tmp_path)
    parts = [
        kaldi.Item(f"s-{i}", data[0].audio, "yes", 0.04, 0.05 * i, "s", data[0].sha256) for i in range(2)
    ]
    cut = kaldi.write(tmp_path / "parts", parts)
    for item in data:
        replace(Path(item.audio))
    with pytest.raises(UserError) as caught:
        sums.require_unchanged(data, tmp_path / "cache", Reporter(quiet=True))
    assert len(caught.value.problems) == 3
    with pytest.raises(UserError) as caught:
        sums.require_unchanged(cut, tmp_path / "cache", Reporter(quiet=True))
    assert len(caught.value.problems) == 1


def records(folder: Path, *seconds: float) -> Path:
    """A directory of recordings of 0.1 s whose utt2dur tells other times; returns it."""
    corpus(folder)
    lines = (f"s-{number} {each}\n" for number, each in enumerate(seconds))
    (folder / "train" / "utt2dur").write_text("".join(lines))
    return folder / "train"


def test_recordings_that_last_longer_or_shorter_than_recorded_are_named_together(tmp_path: Path) -> None:
    data = records(tmp_path, 0.05, 0.1, 0.3)
    (data / "utt2sha256").unlink()  # without sums too
    with pytest.raises(UserError) as caught:
        decode(tmp_path)
    assert caught.value.problems == [
        f"{tmp_path}/wav/s-0.wav: lasts 0.100 s, but 0.050 s are recorded of it",
        f"{tmp_path}/wav/s-2.wav: lasts 0.100 s, but 0.300 s are recorded of it",
    ]
    assert f"audionas check {data} --fix" in caught.value.hint
    assert [str(fault).partition(": ")[0] for fault in kaldi.validate(data)] == [
        f"{data}/utt2dur:1",
        f"{data}/utt2dur:3",
    ]
    assert kaldi.fix(data) is not None  # what the hint says
    assert heard(decode(tmp_path), 0, tmp_path / "wav" / "s-0.wav")
    assert kaldi.repair(data) is None


def test_a_difference_of_roundings_is_none(tmp_path: Path) -> None:
    data = records(tmp_path, 0.085, 0.1, 0.115)
    assert len(decode(tmp_path).array) == 3
    assert kaldi.validate(data) == []


def test_they_are_left_out_when_told_to(tmp_path: Path) -> None:
    records(tmp_path, 0.05, 0.1, 0.1)
    assert decode(tmp_path, on_bad="skip").kept.tolist() == [1, 2]


def test_a_record_of_seconds_is_believed_until_the_file_changes(tmp_path: Path) -> None:
    data, quiet = corpus(tmp_path), Reporter(quiet=True)
    sums.current(data, tmp_path / "cache", quiet)
    (record,) = (tmp_path / "cache").glob("sums-*.safetensors")
    found = load_file(record)
    found["seconds"][:] = 7
    save_file(found, record)
    os.utime(data[1].audio)
    _, changed = sums.current(data, tmp_path / "cache", quiet)
    assert sorted(changed) == [0, 2]
    assert "lasts 7.000 s" in changed[0]


def test_parts_of_recordings_are_written_with_segments_and_may_end_early(tmp_path: Path) -> None:
    whole = list(corpus(tmp_path))
    parts = [dataclasses.replace(item, seconds=0.05) for item in whole[:1]] + whole[1:]
    assert not kaldi.write(tmp_path / "train", parts).whole
    assert (tmp_path / "train" / "segments").exists()
    assert kaldi.validate(tmp_path / "train") == []
    assert not decode(tmp_path).array[0][400:].any()
    assert kaldi.write(tmp_path / "train", whole).whole
    assert not (tmp_path / "train" / "segments").exists()


def test_an_mp3_may_last_a_frame_longer_than_its_header_says() -> None:
    assert misfits("a.wav", 1.0, 1.1)
    assert not misfits("a.MP3", 1.0, 1.1)
    assert misfits("a.mp3", 1.0, 2.0)


def test_negatives_and_noise_are_compared_too(tmp_path: Path) -> None:
    data = records(tmp_path, 0.05, 0.1, 0.1)
    (data / "utt2sha256").unlink()
    with pytest.raises(UserError, match=r"s-0\.wav: lasts 0\.100 s"):
        recordings(data)
    with pytest.raises(UserError, match=r"s-0\.wav: lasts 0\.100 s"):
        WaveAugment(Augment(noise=str(data)), RATE, 1)
