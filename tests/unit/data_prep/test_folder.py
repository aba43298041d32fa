"""`audionas prep folder` and `prep manifest`: splits are disjoint, seeded and complete."""

import importlib.util
import json
import shutil
import zlib
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile

from audionas.core.errors import UserError
from audionas.core.files import shipped
from audionas.data import kaldi
from audionas.data.labels import read_labels

PATTERN = "/(?P<speaker>[^_/]+)_[^/]*$"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"prep_{name}", shipped("data_prep") / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


folder, manifest = load("folder"), load("manifest")


def clip(path: Path, rate: int = 16000, channels: int = 1) -> None:
    seed = zlib.crc32(f"{path.parent.name}/{path.name}".encode())
    wave = np.random.default_rng(seed).uniform(-0.5, 0.5, (rate // 10, channels))
    encoded = BytesIO()  # soundfile itself would wait for the disk each time
    soundfile.write(encoded, wave, rate, format="WAV")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded.getvalue())


def tree(root: Path, speakers: int = 10) -> Path:
    for word in ("hey jarvis", "alexa"):
        for speaker in range(speakers):
            for take in range(3):
                clip(root / word / f"s{speaker}_{take}.wav")
    clip(root / "_background_noise_" / "rain.wav")
    return root


def read(out: Path) -> dict[str, kaldi.DataDir]:
    return {name: kaldi.read(out / name) for name in ("train", "dev", "test") if (out / name).exists()}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("pattern", ["", PATTERN])
def test_splits_are_disjoint_complete_and_near_their_shares(tmp_path: Path, seed: int, pattern: str) -> None:
    source = tree(tmp_path / "src")
    folder.main(source, tmp_path / "out", speaker_pattern=pattern, dev=0.2, test=0.1, seed=seed)
    splits = read(tmp_path / "out")
    assert [len(data) for data in splits.values()] == [42, 12, 6]
    files = [item.audio for data in splits.values() for item in data]
    assert sorted(files) == sorted(str(f) for f in source.rglob("*.wav") if f.parent.name[0] != "_")
    speakers = [{item.speaker for item in data} for data in splits.values()]
    assert len(set.union(*speakers)) == sum(map(len, speakers)) == (10 if pattern else 60)
    assert read_labels(tmp_path / "out" / "train") == ["alexa", "hey jarvis"]
    assert [item.label for item in kaldi.read(tmp_path / "out" / "noise")] == ["noise"]
    if not pattern:  # each class gives its share
        assert all(
            len(data.where(lambda item: item.label == "alexa")) * 2 == len(data) for data in splits.values()
        )
    before = {name: data.fingerprint for name, data in splits.items()}
    folder.main(source, tmp_path / "out", speaker_pattern=pattern, dev=0.2, test=0.1, seed=seed)
    assert before == {name: data.fingerprint for name, data in read(tmp_path / "out").items()}
    folder.main(source, tmp_path / "out", speaker_pattern=pattern, dev=0.2, test=0.1, seed=seed + 100)
    assert before != {name: data.fingerprint for name, data in read(tmp_path / "out").items()}


@pytest.mark.parametrize("speakers", [3, 4])
def test_few_speakers_still_fill_every_split(tmp_path: Path, speakers: int) -> None:
    folder.main(tree(tmp_path / "src", speakers), tmp_path / "out", speaker_pattern=PATTERN)
    counts = [len({item.speaker for item in data}) for data in read(tmp_path / "out").values()]
    assert counts == [speakers - 2, 1, 1]


def test_too_few_are_refused_with_a_way_out(tmp_path: Path) -> None:
    source = tree(tmp_path / "src", 2)
    with pytest.raises(UserError, match=r"2 speakers \(s0, s1\) cannot fill 3 splits") as caught:
        folder.main(source, tmp_path / "out", speaker_pattern=PATTERN)
    assert "--test 0" in caught.value.hint
    folder.main(source, tmp_path / "out", speaker_pattern=PATTERN, test=0.0)
    assert sorted(read(tmp_path / "out")) == ["dev", "train"]
    clip(source / "rare" / "s0_0.wav")
    with pytest.raises(UserError, match="class 'rare': 1 file cannot fill 3 splits"):
        folder.main(source, tmp_path / "out")


def test_an_empty_class_is_refused(tmp_path: Path) -> None:
    source = tree(tmp_path / "src")
    (source / "silent").mkdir()
    (source / "mute").mkdir()
    with pytest.raises(UserError) as caught:
        folder.main(source, tmp_path / "out")
    assert [Path(problem.split(":")[0]).name for problem in caught.value.problems] == ["mute", "silent"]


@pytest.mark.parametrize(("dev", "test"), [(-0.1, 0.1), (0.5, 0.6), (float("nan"), 0.1)])
def test_shares_are_checked(tmp_path: Path, dev: float, test: float) -> None:
    with pytest.raises(UserError, match="together at most 1"):
        folder.main(tree(tmp_path / "src", 1), tmp_path / "out", dev=dev, test=test)


def test_bad_files_are_all_named_then_skipped_or_converted(tmp_path: Path) -> None:
    source = tree(tmp_path / "src", 4)
    clip(source / "alexa" / "slow_0.wav", rate=8000)
    clip(source / "alexa" / "wide_0.wav", channels=2)
    (source / "alexa" / "void_0.wav").write_bytes(b"")
    with pytest.raises(UserError) as caught:
        folder.main(source, tmp_path / "out")
    assert len(caught.value.problems) == 3
    assert "--resample" in caught.value.hint
    folder.main(source, tmp_path / "skipped", on_bad="skip")
    assert sum(map(len, read(tmp_path / "skipped").values())) == 24
    folder.main(source, tmp_path / "converted", on_bad="skip", resample=True)
    items = [item for data in read(tmp_path / "converted").values() for item in data]
    assert len(items) == 26
    for item in items:
        info = soundfile.info(item.audio)
        assert (info.samplerate, info.channels, info.frames) == (16000, 1, 1600)
    with pytest.raises(UserError, match="--on-bad maybe"):
        folder.main(source, tmp_path / "out", on_bad="maybe")


def test_manifest_keeps_the_splits_of_its_lists(tmp_path: Path) -> None:
    files = sorted(str(f) for f in tree(tmp_path / "src").glob("[a-z]*/*.wav"))
    parts = {"train": files[:40], "dev": files[40:50], "test": files[50:]}
    for split, part in parts.items():
        rows = [{"audio_filepath": f, "duration": 0.1, "command": Path(f).parent.name} for f in part]
        (tmp_path / f"{split}.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lists = {split: tmp_path / f"{split}.json" for split in parts}
    manifest.main(tmp_path / "out", **lists, form="nemo")
    found = read(tmp_path / "out")
    assert {split: sorted(item.audio for item in data) for split, data in found.items()} == parts
    assert read_labels(tmp_path / "out" / "train") == ["alexa", "hey jarvis"]
    with pytest.raises(UserError, match="Did you mean 'nemo'"):
        manifest.main(tmp_path / "out", **lists, form="nemoo")


def test_a_test_set_alone_can_be_prepared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tree(tmp_path / "src", 2)
    for number, pattern in enumerate(("", PATTERN)):
        out = tmp_path / f"out{number}"
        folder.main(source, out, speaker_pattern=pattern, dev=0.0, test=1.0)
        assert {name: len(data) for name, data in read(out).items()} == {"test": 12}
        said = capsys.readouterr().err
        assert f"next: audionas eval exp/NAME --data {out / 'test'}" in said
        assert "data.dev" not in said
    folder.main(source, tmp_path / "half", dev=0.5, test=0.5)
    assert sorted(read(tmp_path / "half")) == ["dev", "test"]


def test_a_rare_class_is_left_out_when_told_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tree(tmp_path / "src", 2)
    clip(source / "rare" / "s0_0.wav")
    with pytest.raises(UserError) as caught:
        folder.main(source, tmp_path / "out")
    assert "--min-clips 3" in caught.value.hint
    folder.main(source, tmp_path / "out", min_clips=3)
    assert read_labels(tmp_path / "out" / "train") == ["alexa", "hey jarvis"]
    assert "left out: class 'rare', 1 clip (--min-clips 3)" in capsys.readouterr().err


@pytest.mark.parametrize("seed", range(3))
def test_files_with_the_same_bytes_stay_in_one_split(tmp_path: Path, seed: int) -> None:
    source = tree(tmp_path / "src")
    for file in sorted((source / "alexa").glob("*.wav"))[:10]:
        file.with_stem(f"{file.stem}_again").write_bytes(file.read_bytes())
    folder.main(source, tmp_path / "out", dev=0.3, test=0.3, seed=seed)
    sums = [{item.sha256 for item in data} for data in read(tmp_path / "out").values()]
    assert sum(map(len, sums)) == len(set.union(*sums))
    assert all(sums)


def test_a_single_class_and_what_archivers_leave(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tree(tmp_path / "src", 2)
    (source / "__MACOSX" / "alexa").mkdir(parents=True)
    folder.main(source, tmp_path / "out", test=0.0)
    assert f"left out: {source / '__MACOSX'}" in capsys.readouterr().err
    for file in (source / "alexa").iterdir():
        file.unlink()
    (source / "alexa").rmdir()
    with pytest.raises(UserError, match="only the class 'hey jarvis'"):
        folder.main(source, tmp_path / "one", test=0.0)


def test_numbers_without_their_words_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted(str(f) for f in tree(tmp_path / "src", 2).glob("[a-z]*/*.wav"))
    rows = [
        {"key": f"k{n}", "wav": file, "txt": int("alexa" in file), "duration": 0.1}
        for n, file in enumerate(files)
    ]
    (tmp_path / "data.list").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "words.txt").write_text("jarvis 0\nalexa 1\n")
    manifest.main(tmp_path / "out", tmp_path / "data.list")
    assert "the labels 0, 1 are numbers; name the words with --words FILE" in capsys.readouterr().err
    manifest.main(tmp_path / "out", tmp_path / "data.list", words=tmp_path / "words.txt")
    assert "--words" not in capsys.readouterr().err
    assert read_labels(tmp_path / "out" / "train") == ["alexa", "jarvis"]


def test_both_and_known_divide_the_clips_of_train_and_dev(tmp_path: Path) -> None:
    source, out = tree(tmp_path / "src"), tmp_path / "out"
    clip(source / "rare" / "s0_0.wav")
    clip(source / "rare" / "s1_0.wav")
    folder.main(source, out, speaker_pattern=PATTERN, dev=0.2, test=0.2, known=0.1, seed=1)
    parts = {name: {item.id for item in kaldi.read(out / name)} for name in ("both", "known")}
    splits = {name: {item.id for item in data} for name, data in read(out).items()}
    assert parts["both"] | parts["known"] == splits["train"] | splits["dev"]
    assert not parts["both"] & parts["known"]
    assert not (parts["both"] | parts["known"]) & splits["test"]
    assert {"alexa", "hey jarvis"} <= {item.label for item in kaldi.read(out / "known")}
    assert {item.label for item in kaldi.read(out / "both")} == set(read_labels(out / "labels.txt"))


def test_without_known_there_are_no_such_folders(tmp_path: Path) -> None:
    folder.main(tree(tmp_path / "src"), tmp_path / "out", speaker_pattern=PATTERN)
    assert not (tmp_path / "out" / "both").exists()
    assert not (tmp_path / "out" / "known").exists()


BOTH_ASKED = {"known": 0.1, "negatives": [Path()]}


@pytest.mark.parametrize(
    "wrong",
    [{"known": -0.1}, {"known": 1.0}, {"known": 0.1, "dev": 0.0}, {"known": 0.1, "test": 0.9}, BOTH_ASKED],
)
def test_a_share_that_nothing_can_give_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="--known"):
        folder.main(tree(tmp_path / "src", speakers=1), tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("files", [1, 3])
def test_other_sound_joins_what_is_no_word(tmp_path: Path, files: int) -> None:
    source = tree(tmp_path / "src")
    shutil.move(source / "alexa", source / "_other_")
    for number in range(files):
        wave = np.random.default_rng(number).uniform(-0.5, 0.5, 16_000 * 12)
        (tmp_path / "radio").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "radio" / f"{number}.flac", wave, 16_000)
    folder.main(source, tmp_path / "out", dev=0.2, test=0.2, negatives=[tmp_path / "radio"], seconds=0.5)
    splits = read(tmp_path / "out")
    assert read_labels(tmp_path / "out" / "train") == ["_other_", "hey jarvis"]
    times: dict[str, list[tuple[str, float]]] = {}
    for name, found in splits.items():
        own = [item for item in found if "radio" in item.audio]
        assert 0 < len(own) <= sum(item.label == "hey jarvis" for item in found)
        assert {(item.label, item.seconds) for item in own} == {("_other_", 0.5)}
        long = kaldi.read(tmp_path / "out" / f"{name}_long")
        spans = [(e.audio, e.start, e.start + e.seconds) for e in long]
        assert all(any(a == i.audio and s <= i.start < e for a, s, e in spans) for i in own)
        times[name] = [(audio, start) for audio, start, _ in spans]
    assert len({span for each in times.values() for span in each}) == sum(map(len, times.values()))
    hours = json.loads((tmp_path / "out" / "hours.json").read_text())
    assert sum(each["negatives"] for each in hours.values()) == pytest.approx(files * 12 / 3600)


def test_a_length_without_sense_is_refused_with_the_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"(?s)radio: no such.*--seconds 0: expected"):
        folder.main(tree(tmp_path / "src"), tmp_path / "out", negatives=[tmp_path / "radio"], seconds=0)


def radio(root: Path, seconds: float) -> Path:
    """Four recordings of noise."""
    rng = np.random.default_rng(0)
    root.mkdir(parents=True)
    for number in range(4):
        wave = rng.uniform(-0.1, 0.1, int(16_000 * seconds))
        soundfile.write(root / f"{number}.wav", wave, 16_000)
    return root


def test_other_sound_of_which_nothing_is_left_is_refused(tmp_path: Path) -> None:
    source = tree(tmp_path / "src", speakers=3)
    alexa = radio(tmp_path / "radio" / "alexa", 1.0).parent
    with pytest.raises(UserError, match="--negatives: no recording is left"):
        folder.main(source, tmp_path / "out", negatives=[alexa])
    quiet = tmp_path / "quiet"
    quiet.mkdir()
    soundfile.write(quiet / "a.wav", np.zeros(32_000), 16_000)
    with pytest.raises(UserError, match="--negatives: no recording is left"):
        folder.main(source, tmp_path / "out", negatives=[quiet], on_bad="skip")
    with pytest.raises(UserError, match="is as long as --seconds 1"):
        folder.main(source, tmp_path / "out", negatives=[radio(tmp_path / "short", 0.5)])
    assert not (tmp_path / "out" / "train").exists()


def test_what_an_earlier_call_wrote_is_deleted_where_this_one_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tree(tmp_path / "src", speakers=3), tmp_path / "out"
    folder.main(source, out, negatives=[radio(tmp_path / "radio", 2.0)], seconds=0.5)
    assert (out / "hours.json").exists()
    (out / "train_long" / "notes").write_text("mine")
    folder.main(source, out, known=0.1)
    assert {file.name for file in out.glob("*_long")} == {"train_long"}
    assert [file.name for file in (out / "train_long").iterdir()] == ["notes"]
    assert not (out / "hours.json").exists()
    assert "dev_long, which an earlier preparation wrote" in "".join(capsys.readouterr())
    (out / "known" / "utt2sha256").unlink()  # no more ours
    folder.main(source, out)
    assert (out / "known" / "wav.scp").exists()
    assert not (out / "both").exists()
