"""Data with faults, from preparation to evaluation: named with their path, by choice skipped or converted."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audionas.data import kaldi
from audionas.data.kaldi import Item
from audionas.data.labels import write_labels
from tests._factory import config, tones
from tests._run import Run
from tests.unit.cli._command import contents, done, refused


def damage(file: Path) -> None:
    """No audio any more; its sum in the data directory stays that of preparation."""
    file.write_bytes(b"RIFF, and then nothing\n" * 50)


def keep_only(folder: Path, keep: tuple[str, ...]) -> None:
    items = list(kaldi.read(folder))
    shutil.rmtree(folder)
    kaldi.write(folder, [item for item in items if item.label in keep])


@pytest.mark.parametrize("command", ["check", "search", "train"])
def test_unreadable_recordings_are_all_named(command: str, own_data: Run) -> None:
    bad = [own_data.data / "wav" / f"train{i}-low-{i}.wav" for i in (0, 2)]
    for file in bad:
        damage(file)
    result = refused(command, own_data.conf, "arch=tc_resnet8")
    for file in bad:
        assert str(file) in result.err
    assert "on_bad" in result.err
    assert not own_data.exp.exists() or contents(own_data.exp) == {}


def test_unreadable_recordings_are_left_out_when_told_to_with_a_note(own_data: Run) -> None:
    bad = own_data.data / "wav" / "train0-low-0.wav"
    damage(bad)
    result = done("train", own_data.conf, "arch=tc_resnet8", "data.on_bad=skip", "train.epochs=1")
    assert "1 of 32 recordings left out" in result.err
    assert str(bad) in result.err
    found = done("check", own_data.conf, "data.on_bad=skip", "space=null", "--json")
    assert found.json["clips"] == {"train": 31, "dev": 32}
    assert str(bad) in found.err


def test_a_class_that_loses_its_last_clip_is_named(own_data: Run) -> None:
    for file in (own_data.data / "wav").glob("train*-low-*.wav"):
        damage(file)
    refused("train", own_data.conf, "arch=tc_resnet8", "data.on_bad=skip", says="no clips of low")


def test_nothing_readable_is_refused_even_when_skipping(own_data: Run) -> None:
    for file in (own_data.data / "wav").glob("dev*.wav"):
        damage(file)
    refused("train", own_data.conf, "arch=tc_resnet8", "data.on_bad=skip", says="no recording can be read")


def test_a_recording_replaced_after_training_is_not_trained_on_from_the_old_cache(own_data: Run) -> None:
    done("check", own_data.conf, "space=null")  # decodes, and keeps
    file = own_data.data / "wav" / "train0-low-0.wav"
    wave, rate = soundfile.read(file)
    soundfile.write(file, wave[::-1], rate)
    result = refused("train", own_data.conf, "arch=tc_resnet8", says=f"{file}: changed since it was prepared")
    assert f"rm {own_data.data}/train/utt2sha256" in result.err
    left = done("check", own_data.conf, "data.on_bad=skip", "space=null", "--json")
    assert left.json["clips"] == {"train": 31, "dev": 32}
    assert str(file) in left.err


def test_a_recording_replaced_before_an_evaluation_is_named(own: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.wav"
    item = kaldi.read(own.data / "test")[0]
    shutil.copy(item.audio, file)
    kaldi.write(
        tmp_path / "part", [kaldi.Item("x-1", str(file), item.label, 1.0, speaker="x")], relative=False
    )
    done("eval", own.exp, "--data", tmp_path / "part", "--json")
    wave, rate = soundfile.read(file)
    soundfile.write(file, wave[::-1], rate)
    refused("eval", own.exp, "--data", tmp_path / "part", "--json", says=f"{file}: changed since")


@pytest.mark.parametrize("command", ["check", "search", "train"])
def test_a_class_without_clips_is_named(command: str, own_data: Run) -> None:
    keep_only(own_data.data / "train", ("_silence_", "low", "high"))
    refused(command, own_data.conf, "arch=tc_resnet8", says="no clips of mid")


def test_a_label_that_is_no_class_is_named_with_the_nearest(own_data: Run) -> None:
    write_labels(own_data.data, ["_silence_", "low", "mid", "hihg"])
    result = refused(
        "train", own_data.conf, "arch=tc_resnet8", says="label 'high' is not a class of this model"
    )
    assert "Did you mean 'hihg'?" in result.err


def test_a_faulty_directory_is_told_with_file_and_line(own_data: Run) -> None:
    text = own_data.data / "dev" / "text"
    lines = text.read_text().splitlines()
    text.write_text("\n".join([lines[1], lines[0], *lines[2:-1]]) + "\n")
    result = refused("train", own_data.conf, "arch=tc_resnet8", says=f"{text}:2:")
    assert f"audionas check {text.parent}" in result.err


@pytest.fixture
def slow(tmp_path: Path) -> Run:
    """The same words at 8 kHz."""
    data = tones(tmp_path / "slow", rate=8000, per_class=4, speakers=2)
    return Run(config(data), data, tmp_path / "exp" / "tones")


@pytest.mark.story
def test_another_sample_rate_is_refused_or_converted(slow: Run) -> None:
    result = refused(
        "train", slow.conf, "arch=tc_resnet8", says="its sample rate is 8000 Hz, expected 16000 Hz"
    )
    assert "resample" in result.err
    done("train", slow.conf, "arch=tc_resnet8", "data.resample=true", "train.epochs=1")
    found = done("eval", slow.exp, "--data", slow.data / "test", "--json")
    assert found.json["n"] == 16
    assert "converted: 8,000 Hz to 16,000 Hz (16), of 16 recordings" in found.err


def test_evaluation_of_some_classes_only(own: Run, tmp_path: Path) -> None:
    items = kaldi.read(own.data / "test")
    kaldi.write(tmp_path / "part", [item for item in items if item.label in ("low", "high")], relative=False)
    result = done("eval", own.exp, "--data", tmp_path / "part", "--json")
    assert result.json["n"] == 16
    assert result.json["per_class"]["mid"]["n"] == 0


def test_an_evaluation_that_fails_keeps_the_earlier_one(own: Run, tmp_path: Path) -> None:
    before = contents(own.exp)
    broken = tmp_path / "broken.wav"
    items = list(kaldi.read(own.data / "test"))
    shutil.copy(items[0].audio, broken)
    kaldi.write(tmp_path / "part", [kaldi.Item("x-1", str(broken), "low", 1.0, speaker="x")], relative=False)
    damage(broken)
    refused("eval", own.exp, "--data", tmp_path / "part", "--json", says=str(broken))
    assert contents(own.exp) == before


def words(folder: Path, *classes: str, each: int = 4) -> Path:
    for number, label in enumerate(classes):
        (folder / label).mkdir(parents=True)
        for take in range(each):
            wave = 0.1 * np.sin(np.arange(16000) * 0.01 * (number + 1 + 0.1 * take))
            soundfile.write(folder / label / f"v{take}_{label}.wav", wave, 16000)
    return folder


def test_prep_folder_names_an_empty_class(tmp_path: Path) -> None:
    src = words(tmp_path / "src", "yes", "no")
    (src / "maybe").mkdir()
    refused("prep", "folder", src, tmp_path / "out", says="maybe")
    assert not (tmp_path / "out" / "train").exists()


def test_prep_folder_names_cut_and_loud_files(tmp_path: Path) -> None:
    src = words(tmp_path / "src", "yes", "no", each=5)
    cut, loud = src / "yes" / "v0_yes.wav", src / "no" / "v1_no.wav"
    cut.write_bytes(cut.read_bytes()[:-16000])
    wave, rate = soundfile.read(loud)
    soundfile.write(loud, wave * 32768, rate, subtype="FLOAT")
    result = refused(
        "prep", "folder", src, tmp_path / "out", says=f"{cut}: cut off: its header promises 1.000 s"
    )
    assert f"{loud}: its samples reach 3" in result.err
    assert "0.500 s can be decoded" in result.err
    refused("prep", "folder", src, tmp_path / "out", "--on-bad", "keep", says=f"{cut}: cut off")
    cut.unlink()
    assert f"kept: {loud}" in done("prep", "folder", src, tmp_path / "out", "--on-bad", "keep").err


def test_a_loud_recording_is_no_other_answer_but_an_error(own: Run, tmp_path: Path) -> None:
    wave, rate = soundfile.read(kaldi.read(own.data / "test")[0].audio)
    soundfile.write(tmp_path / "loud.wav", wave * 32768, rate, subtype="FLOAT")
    result = refused("predict", own.exp, tmp_path / "loud.wav", says="but full scale is 1")
    assert "to scale it: ffmpeg -i" in result.err


def test_prep_folder_names_a_class_that_cannot_fill_the_splits(tmp_path: Path) -> None:
    src = words(words(tmp_path / "src", "yes").parent / "src2", "no", each=2)
    refused("prep", "folder", src, tmp_path / "out", says="class 'no': 2 files cannot fill 3 splits")


def test_prep_folder_names_files_of_no_use_and_keeps_what_was_prepared(tmp_path: Path) -> None:
    src = words(tmp_path / "src", "yes", "no", each=5)
    done("prep", "folder", src, tmp_path / "out")
    before = contents(tmp_path / "out")
    damage(src / "yes" / "v0_yes.wav")
    result = refused("prep", "folder", src, tmp_path / "out", says=f"{src / 'yes' / 'v0_yes.wav'}")
    assert "skip" in result.err
    after = contents(tmp_path / "out")
    assert after.pop("cache/examined.jsonl"), "a repaired tree is not decoded again from its beginning"
    assert after == before
    skipped = done("prep", "folder", src, tmp_path / "out", "--on-bad", "skip")
    assert str(src / "yes" / "v0_yes.wav") in skipped.err


def test_prepared_words_can_be_trained_on(tmp_path: Path) -> None:
    data = tmp_path / "out"
    done("prep", "folder", words(tmp_path / "src", "yes", "no", each=5), data)
    conf = config(data, train={"epochs": 1, "batch_size": 2})
    done("train", conf, "arch=tc_resnet8")
    assert done("eval", tmp_path / "exp" / "tones", "--data", data / "test", "--json").json["labels"] == [
        "no",
        "yes",
    ]


def test_augmentation_beyond_the_clips_is_refused_before_anything_is_decoded(own_data: Run) -> None:
    settings = ("augment.shift_ms=5000", "spec_augment.time_masks=1", "spec_augment.time_width=5000")
    result = refused("train", own_data.conf, "arch=tc_resnet8", *settings)
    assert (
        "augment.shift_ms: 5000 ms is too far for clips of 1 s (data.seconds): give at most 500" in result.err
    )
    assert "spec_augment.time_width: 5000 is wider than the features (" in result.err
    assert not (own_data.data / "cache").exists()


def test_what_is_cut_off_is_said_by_check_eval_and_predict(own: Run, tmp_path: Path) -> None:
    file = next(iter(kaldi.read(own.data / "test"))).audio
    wave, rate = soundfile.read(file)
    soundfile.write(tmp_path / "long.wav", np.concatenate([np.zeros(30000), wave, np.zeros(30000)]), rate)
    label = next(iter(kaldi.read(own.data / "test"))).label
    kaldi.write(tmp_path / "some", [Item("a", str(tmp_path / "long.wav"), label, 0.0)])
    said = done("eval", own.exp, "--data", tmp_path / "some").err
    assert "1 of 1 clip is longer than 1 s: 79 % of their sound is not heard (audionas predict EXP" in said
    heard = done("predict", own.exp, tmp_path / "long.wav")
    assert "mean of 16 windows" in heard.out or "highest of 16 windows" in heard.out
    assert "1 of 1 recording longer than 1 s: heard in windows of 1 s, one every 0.25 s" in heard.err
    first = done("predict", own.exp, tmp_path / "long.wav", "--windows", "first").err
    assert "79 % of their sound is not heard (heard without --windows first)" in first
    refused(
        "predict", own.exp, tmp_path / "long.wav", "--windows", "last", says="expected highest, mean or first"
    )
    for number, part in enumerate(("train", "dev")):  # recordings that differ: no set may hold another's
        file = tmp_path / f"long-{part}.wav"
        soundfile.write(file, np.concatenate([np.zeros(30000), wave, np.zeros(30000 + number)]), rate)
        items = [*kaldi.read(own.data / part), Item(f"long-{part}", str(file), label, 0.0)]
        kaldi.write(tmp_path / "data" / part, items, relative=False)
    write_labels(tmp_path / "data", ["_silence_", "low", "mid", "high"])
    conf = (f"data.train={tmp_path}/data/train", f"data.dev={tmp_path}/data/dev")
    said = done("check", own.conf, *conf).err
    assert f"{tmp_path}/data/train: 1 of " in said
    assert "clips is longer than 1 s: 79 % of their sound is not heard (data.seconds=4.8 hears all)" in said


def test_predict_says_that_a_length_was_never_filled_in(own: Run, tmp_path: Path) -> None:
    wave, rate = soundfile.read(next(iter(kaldi.read(own.data / "test"))).audio)
    soundfile.write(tmp_path / "recorder.wav", wave, rate)
    content = bytearray((tmp_path / "recorder.wav").read_bytes())
    data = content.index(b"data")
    content[4:8] = content[data + 4 : data + 8] = bytes(4)
    (tmp_path / "recorder.wav").write_bytes(content)
    said = done("predict", own.exp, tmp_path / "recorder.wav").err
    assert f"1 file without a stated length, read to the end: {tmp_path}/recorder.wav" in said
