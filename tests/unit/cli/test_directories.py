"""Data directories as they are: checked, repaired, compared, and evaluated on, with nothing silent."""

import shutil
from pathlib import Path

import numpy as np
import soundfile

from audionas.data import kaldi
from audionas.data.heard import FILE
from audionas.data.kaldi import Item
from tests._run import Run
from tests.unit.cli._command import contents, done, refused


def shuffle(file: Path) -> None:
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([*lines[1:], lines[0]]))


def test_a_folder_of_directories_is_checked_together(own_data: Run) -> None:
    result = done("check", own_data.data, "--json").json
    assert {name: row["clips"] for name, row in result["directories"].items()} == {
        "train": 32,
        "dev": 32,
        "test": 32,
        "noise": 1,
    }
    assert result["notes"] == []
    for name in ("dev", "test"):
        shuffle(own_data.data / name / "text")
    text = "not sorted: 'dev0-_silence_-0' comes after"
    said = refused("check", own_data.data, says=text)
    assert f"{own_data.data / 'dev'}: --fix would keep 32 utterances and drop 0" in said.err
    assert "test0-_silence_-0" in said.err
    said = done("check", own_data.data, "--fix")
    assert f"every change: {own_data.data / 'dev' / 'fix.txt'}" in said.err
    assert kaldi.validate(own_data.data / "dev") == kaldi.validate(own_data.data / "test") == []
    assert (own_data.data / "test" / "before_fix" / "text").exists()
    assert not (own_data.data / "train" / "before_fix").exists()


def test_what_is_no_data_is_refused(own_data: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused("check", tmp_path / "empty", says="no wav.scp")
    refused("check", own_data.data, "seed=1", says="takes no changes")
    refused("check", own_data.conf, "--fix", says="--fix repairs data directories")


def overlapping(data: Path) -> None:
    """Two training clips stand in dev as well, under other names."""
    items = list(kaldi.read(data / "dev"))
    for number, item in enumerate(kaldi.read(data / "train")[:2]):
        shutil.copy(item.audio, data / "wav" / f"copy{number}.wav")
        file = str(data / "wav" / f"copy{number}.wav")
        items.append(kaldi.Item(f"copy{number}", file, item.label, 1.0))
    kaldi.write(data / "dev", items)


def test_a_recording_in_train_and_dev_stops_a_training_or_is_left_out_of_it(own_data: Run) -> None:
    overlapping(own_data.data)
    for command in ("check", "search", "train"):
        said = refused(command, own_data.conf, "arch=tc_resnet8", says="one recording in train and in dev")
        assert "data.on_bad=skip" in said.err
    refused("check", own_data.data, says="one recording in train and in dev")
    (own_data.data / "train" / "utt2sha256").unlink()  # as in directories that others made
    result = done("check", own_data.conf, "data.on_bad=skip", "space=null", "--json")
    assert result.json["clips"] == {"train": 30, "dev": 34}
    assert f"{own_data.data / 'train'}: 2 clips left out" in result.err


def test_a_single_class_and_names_that_look_wrong(own_data: Run) -> None:
    for name in ("train", "dev"):
        items = [i for i in kaldi.read(own_data.data / name) if i.label in ("low", "high")]
        new = {"low": "False", "high": "True"}
        kaldi.write(own_data.data / name, [kaldi.Item(i.id, i.audio, new[i.label], 1.0) for i in items])
    (own_data.data / "labels.txt").unlink()
    said = done("check", own_data.conf, "space=null").err
    assert "attention: the label 'False' is what a program makes of a word without quotes" in said
    (own_data.data / "labels.txt").write_text("True\n")
    refused("check", own_data.conf, says="only the class 'True'")


def test_an_evaluation_on_what_was_trained_on_says_so(own: Run) -> None:
    result = done("eval", own.exp, "--data", own.data / "train", "--json").json
    assert result["trained_on"] == {"clips": 32, "speakers": 4}
    said = done("eval", own.exp, "--data", own.data / "train").out
    assert "ATTENTION: the model was trained on 32 of these 32 clips" in said
    fresh = done("eval", own.exp, "--data", own.data / "test", "--json").json
    assert fresh["trained_on"] == {"clips": 0, "speakers": 0}
    assert "ATTENTION" not in done("eval", own.exp, "--data", own.data / "test").out
    (own.exp / "model" / FILE).unlink()  # a run of an earlier version: its training data are still there
    assert done("eval", own.exp, "--data", own.data / "train", "--json").json == result


def test_a_plain_folder_is_evaluated_whatever_its_form(own: Run, tmp_path: Path) -> None:
    tree = tmp_path / "my words"
    for item in kaldi.read(own.data / "test"):
        wave, rate = soundfile.read(item.audio)
        file = tree / item.label / f"{item.speaker}_{item.id}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(file, wave, rate)
    plain = done(
        "eval", own.exp, "--folder", tree, "--speaker-pattern", "/(?P<speaker>[^_/]+)_[^/]*$", "--json"
    )
    direct = done("eval", own.exp, "--data", own.data / "test", "--json").json
    for key in ("accuracy", "interval", "confusion", "n", "speakers"):
        assert plain.json[key] == direct[key], key
    assert (own.exp / "eval" / "my words.json").exists()
    wide = tree / "low" / "wide.wav"
    soundfile.write(wide, np.random.default_rng(0).uniform(-0.3, 0.3, (44100, 2)), 44100)
    said = done("eval", own.exp, "--folder", tree)
    assert "converted: 44,100 Hz to 16,000 Hz (1), 2 channels mixed down (1), of 33 recordings" in said.err
    assert contents(tree).keys() == {str(f.relative_to(tree)) for f in tree.rglob("*.wav")}
    (tree / "hgih").mkdir()
    wide.rename(tree / "hgih" / "wide.wav")
    refused(
        "eval",
        own.exp,
        "--folder",
        tree,
        says="label 'hgih' is not a class of this model. Did you mean 'high'?",
    )
    refused("eval", own.exp, "--folder", tree, "--data", tree, says="either --data or --folder")
    refused("eval", own.exp, says="either --data or --folder")
    refused("eval", own.exp, "--folder", tree, "--by", "device", says="--by needs a data directory")


def test_a_plain_folder_says_copies_and_that_its_speakers_are_unknown(own: Run, tmp_path: Path) -> None:
    file = Path(next(iter(kaldi.read(own.data / "test"))).audio)
    for name in ("low/a.wav", "mid/b.wav", "mid/c.wav"):
        (tmp_path / "words" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, tmp_path / "words" / name)
    told = done("eval", own.exp, "--folder", tmp_path / "words")
    assert "attention: " in told.err
    assert "one recording under two labels" in told.err
    assert "over 3 clips of unknown speakers of" in told.out
    items = [Item(f"{n}-0", str(file), label, 1.0) for n, label in (("a", "low"), ("b", "mid"))]
    kaldi.write(tmp_path / "test", items)
    told = done("eval", own.exp, "--data", tmp_path / "test")
    assert "one recording under two labels" in told.err
