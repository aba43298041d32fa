"""Taking recordings in: any number of processes finds the same; an interrupted one goes on where it was."""

import json
import multiprocessing
import os
import shlex
import shutil
import signal
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audionas.config import load
from audionas.core.errors import UserError
from audionas.core.files import shipped
from audionas.core.reporter import Reporter
from audionas.data import audio
from audionas.data.kaldi import Item
from audionas.prep import intake
from tests._tiers import laws

RATE, CLIPS = 8000, 150


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    """Every fifth clip has another rate."""
    folder, found = tmp_path_factory.mktemp("intake"), []
    for number in range(CLIPS):
        rate = 11025 if number % 5 == 0 else RATE
        wave = np.random.default_rng(number).uniform(-0.5, 0.5, 200 + number).astype(np.float32)
        encoded = BytesIO()  # soundfile itself would wait for the disk each time
        soundfile.write(encoded, wave, rate, format="WAV")
        (folder / f"{number:03d}.wav").write_bytes(encoded.getvalue())
        found.append(Item(f"clip-{number:03d}", str(folder / f"{number:03d}.wav"), "a", 0.0))
    return found


def take(
    items: list[Item], out: Path, workers: int = 1, reporter: Reporter | None = None
) -> dict[str, list[Item]]:
    return intake.take(
        {"all": items},
        rate=RATE,
        on_bad="error",
        converted=out / "resampled",
        log=out / "log.jsonl",
        workers=workers,
        reporter=reporter or Reporter(),
    )


def told(taken: dict[str, list[Item]], out: Path) -> list[tuple[str, float, str, str]]:
    return [(i.id, i.seconds, i.sha256, i.audio.removeprefix(str(out))) for i in taken["all"]]


def contents(out: Path) -> dict[str, bytes]:
    return {str(f.relative_to(out)): f.read_bytes() for f in sorted(out.rglob("*")) if f.is_file()}


@pytest.fixture(scope="module")
def whole(items: list[Item], tmp_path_factory: pytest.TempPathFactory) -> tuple[list, dict[str, bytes]]:
    out = tmp_path_factory.mktemp("whole")
    return told(take(items, out), out), contents(out)


def test_three_processes_find_the_same(items: list[Item], whole: tuple, tmp_path: Path) -> None:
    assert (told(take(items, tmp_path, workers=3), tmp_path), contents(tmp_path)) == whole


class Deadly(Reporter):
    """Kills its process when 70 files are done."""

    def progress(self, items: Iterable[Any], label: str, total: int | None = None) -> Iterator[Any]:
        for number, item in enumerate(super().progress(items, label, total)):
            if number == 70:
                os.kill(os.getpid(), signal.SIGKILL)
            yield item


@pytest.mark.parametrize("workers", [1, 3])
def test_killed_it_goes_on_to_the_same_end(
    items: list[Item], whole: tuple, tmp_path: Path, capsys, workers: int
) -> None:
    process = multiprocessing.get_context("fork").Process(
        target=take, args=(items, tmp_path, workers, Deadly(quiet=True))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads that other tests left
        process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with (tmp_path / "log.jsonl").open("ab") as log:
        log.write(b'{"place": 75, "pa')
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in contents(tmp_path) if "wav" in name}
    assert (told(take(items, tmp_path, workers), tmp_path), contents(tmp_path)) == whole
    assert "70 of 150 files were decoded earlier" in capsys.readouterr().err
    again = [name for name, time in before.items() if (tmp_path / name).stat().st_mtime_ns != time]
    assert not [name for name in again if name < "resampled/all/clip-070.wav"]


def test_a_file_that_was_changed_is_examined_again(items: list[Item], tmp_path: Path) -> None:
    own = []
    for item in items[:5]:
        shutil.copy(item.audio, tmp_path / Path(item.audio).name)
        own.append(replace(item, audio=str(tmp_path / Path(item.audio).name)))
    good = Path(own[3].audio).read_bytes()
    Path(own[3].audio).write_bytes(b"no audio")
    with pytest.raises(UserError, match=r"003\.wav"):
        take(own, tmp_path)
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["place"] for line in lines] == [0, 1, 2, 4]
    Path(own[3].audio).write_bytes(good)
    audio.write(own[1].audio, np.full(123, 0.1, np.float32), RATE)
    found = take(own, tmp_path)["all"]
    assert [i.sha256 for i in found[2:]] == [i.sha256 for i in take(items[2:5], tmp_path / "b")["all"]]
    assert found[1].seconds == 123 / RATE
    assert not (tmp_path / "log.jsonl").exists()


def clips(folder: Path, contents: dict[str, int], rate: int = RATE) -> list[Item]:
    """One short clip for each path label/name.wav, the same bytes for the same number."""
    for name, number in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        audio.write(folder / name, np.full(80, number / 100, np.float32), rate)
    return [
        Item(name.replace("/", "-"), str(folder / name), name.partition("/")[0], 0.0) for name in contents
    ]


def intaken(splits: dict[str, list[Item]], out: Path, on_bad: str) -> dict[str, list[str]]:
    labels = ["a", "b"]
    taken = intake.take(
        splits, rate=RATE, on_bad=on_bad, converted=None, reporter=Reporter(), log=out / intake.LOG, workers=1
    )
    return {
        name: [item.id for item in data]
        for name, data in intake.store(out, taken, labels, Reporter(), on_bad=on_bad).items()
    }


def test_one_recording_in_two_sets_or_under_two_labels_is_refused_then_left_out(
    tmp_path: Path, capsys
) -> None:
    parts = {"a/1.wav": 1, "a/2.wav": 2, "a/3.wav": 3, "b/4.wav": 4, "b/5.wav": 5, "a/6.wav": 3, "b/7.wav": 7}
    train = clips(tmp_path / "train", parts)
    dev = clips(tmp_path / "dev", {"a/x.wav": 1, "a/y.wav": 5, "b/z.wav": 8})
    noise = clips(tmp_path / "noise", {"noise/x.wav": 7})
    splits = {"train": train, "dev": dev, "noise": noise}
    with pytest.raises(UserError) as caught:
        intaken(splits, tmp_path / "out", "error")
    assert [problem.partition(": ")[2].split(":")[0] for problem in caught.value.problems] == [
        "one recording in train and in dev",
        "one recording under two labels",
    ]
    assert "--on-bad skip" in caught.value.hint
    assert not (tmp_path / "out" / "train").exists()
    assert intaken(splits, tmp_path / "out", "skip") == {
        "train": ["a-2.wav", "a-3.wav", "a-6.wav", "b-4.wav", "b-7.wav"],
        "dev": ["a-x.wav", "b-z.wav"],
        "noise": ["noise-x.wav"],
    }
    said = capsys.readouterr().err
    assert "train: 2 clips left out" in said
    assert "dev: 1 clip left out" in said
    assert "1 recording stands twice or more in one set under one label" in said


def test_many_files_of_another_rate_are_one_line_and_all_in_a_file(tmp_path: Path) -> None:
    train = clips(tmp_path, {f"a/{n}.wav": n for n in range(20)}, rate=11025)
    (tmp_path / "a" / "7.wav").write_bytes(b"")
    with pytest.raises(UserError) as caught:
        intaken({"train": train}, tmp_path / "out", "error")
    shown = str(caught.value).splitlines()
    assert len(shown) == 4
    assert shown[0] == (
        f"{tmp_path}/a/0.wav: its sample rate is 11025 Hz, expected 8000 Hz (and 18 more of this kind)"
    )
    assert "7.wav: the file is empty" in shown[1]
    assert shown[2] == f"all 20 of them: {tmp_path / 'out' / 'cache' / 'bad.txt'}"
    assert (tmp_path / "out" / "cache" / "bad.txt").read_text().splitlines() == caught.value.problems


def test_a_single_class_is_refused_where_there_is_something_to_train_on(tmp_path: Path) -> None:
    only = clips(tmp_path, {"a/1.wav": 1})
    with pytest.raises(UserError, match="only the class 'a'"):
        intake.store(tmp_path / "out", {"train": only}, ["a"], Reporter())
    assert set(intake.store(tmp_path / "out", {"test": only}, ["a"], Reporter())) == {"test"}


@pytest.mark.parametrize(
    "conf",
    laws(["mini/conf/mini.yaml", "speech_commands/conf/tc_small.yaml", "wake_word/conf/searched.yaml"]),
)
def test_the_next_command_names_a_config_that_exists_and_can_be_pasted(conf: str) -> None:
    copying, searching = intake.following(
        Path("/a b/it's"), ["train", "dev", "test"], conf, ["data.resample=true"]
    )
    assert shlex.split(copying) == ["audionas", "recipe", "copy", conf.split("/")[0], "my_recipe"]
    words = shlex.split(searching)
    assert words[:2] == ["audionas", "search"]
    assert words[3:] == ["data.train=/a b/it's/train", "data.dev=/a b/it's/dev", "data.resample=true"]
    file = shipped("recipes") / conf.split("/")[0] / words[2].removeprefix("my_recipe/")
    found = load(file, words[3:])
    assert found.space is not None
    assert (found.data.dev, found.data.resample) == ("/a b/it's/dev", True)


def test_the_next_command_names_only_what_there_is() -> None:
    assert intake.following(Path("/out"), ["test"], "x/y") == ["audionas eval exp/NAME --data /out/test"]
    (only,) = intake.following(Path("/out"), ["train"], "x/y")
    assert "data.dev" not in only


def levels(folder: Path) -> dict[str, list[Item]]:
    """Clips of five levels: usual, 6 dB over full scale, integers in a float file, a last bit, nothing."""
    wave = np.random.default_rng(0).uniform(-1, 1, 800)
    found = []
    for name, peak in {"usual": 0.5, "over": 2.0, "loud": 32767.0, "still": 2.0**-15, "zeros": 0.0}.items():
        soundfile.write(folder / f"{name}.wav", wave * peak, RATE, subtype="FLOAT")
        found.append(Item(name, str(folder / f"{name}.wav"), "word", 0.0))
    silent = Item("silence", str(folder / "zeros.wav"), "_silence_", 0.0)
    for number, name in enumerate(("quiet", "room"), 1):  # of other lengths: no copies
        soundfile.write(folder / f"{name}.wav", np.zeros(800 + number), RATE, subtype="FLOAT")
    return {
        "all": [*found, replace(silent, audio=str(folder / "quiet.wav"))],
        "noise": [Item("room", str(folder / "room.wav"), "noise", 0.0)],
    }


def judge(folder: Path, on_bad: str, converted: Path | None = None) -> list[str]:
    splits = levels(folder)
    taken = intake.take(
        splits,
        rate=RATE,
        on_bad=on_bad,
        converted=converted,
        workers=1,
        reporter=Reporter(),
        log=folder / "log",
    )
    return [item.id for items in taken.values() for item in items]


def test_what_is_too_loud_or_silent_is_named_and_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        judge(tmp_path, "error")
    said = [problem.removeprefix(f"{tmp_path}/") for problem in caught.value.problems]
    assert said[0].startswith("loud.wav: its samples reach 327")
    assert "; to scale it: ffmpeg -i " in said[0]
    assert said[1].startswith("still.wav: nothing can be heard, its peak is -90 dBFS")
    assert said[2:] == ["zeros.wav: nothing can be heard, all samples are 0"]
    assert "--on-bad keep" in caught.value.hint
    with pytest.raises(UserError) as again:  # from the log
        judge(tmp_path, "error")
    assert again.value.problems == caught.value.problems


def test_it_is_left_out_or_kept_when_told_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert judge(tmp_path, "skip") == ["usual", "over", "silence", "room"]
    said = capsys.readouterr().err
    assert "left out: " in said
    assert "1 file with samples up to 6.0 dB over full scale, cut there" in said
    assert judge(tmp_path, "keep") == ["usual", "over", "loud", "still", "zeros", "silence", "room"]
    said = capsys.readouterr().err
    assert said.count("kept: ") == 3
    assert "data.on_bad=keep" in said


def test_keeping_does_not_keep_what_cannot_be_read(tmp_path: Path) -> None:
    items = levels(tmp_path)["all"]
    Path(items[0].audio).write_bytes(b"no audio")
    with pytest.raises(UserError) as caught:
        intake.take({"all": items}, rate=RATE, on_bad="keep", converted=None, workers=1, reporter=Reporter())
    assert len(caught.value.problems) == 1


def test_a_length_that_was_left_open_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audio.write(tmp_path / "a.wav", np.full(800, 0.1, np.float32), RATE)
    raw = bytearray((tmp_path / "a.wav").read_bytes())
    raw[4:8] = raw[40:44] = bytes(4)
    (tmp_path / "a.wav").write_bytes(raw)
    item = Item("a", str(tmp_path / "a.wav"), "word", 0.0)
    taken = intake.take({"all": [item]}, rate=RATE, on_bad="error", converted=None, reporter=Reporter())
    assert taken["all"][0].seconds == 0.1
    assert "1 file without a stated length, read to the end" in capsys.readouterr().err


def test_labels_that_differ_in_their_codec_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng, items = np.random.default_rng(0), []
    for label, form, subtype in (("yes", "FLAC", "PCM_16"), ("no", "OGG", "OPUS")):
        path = tmp_path / f"{label}.{form.lower()}"
        soundfile.write(path, rng.normal(0, 0.1, 8000), 16000, format=form, subtype=subtype)
        items.append(Item(label, str(path), label, 0.0))
    intake.take({"train": items}, rate=16000, on_bad="error", converted=None, reporter=Reporter(), workers=1)
    said = " ".join(capsys.readouterr().err.split())
    assert "attention: labels differ in their lossy codec" in said
    assert "opus in 0% of yes and 100% of no" in said
    intake.take(
        {"train": items[:1]}, rate=16000, on_bad="error", converted=None, reporter=Reporter(), workers=1
    )
    assert "attention" not in capsys.readouterr().err
