"""Files of bounded size: the same bytes for any number of processes and after any interruption."""

import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audionas.core.cache import Block, Built, Plan, built
from audionas.core.errors import UserError
from audionas.core.reporter import Reporter

COUNT, BLOCK = 103, 5  # the last file and its last block are not full
SHAPE = (3, 2)


def plan(folder: Path, key: str = "a") -> Plan:
    """Of 20 rows a file: 480 bytes."""
    return Plan(folder / "store", key, COUNT, SHAPE, "float32", BLOCK, shard=500)


def fill(log: Path | None, bad: tuple[int, ...], start: int, stop: int) -> Block:
    """Rows of their own number; `log` gets a byte for each block."""
    if log is not None:
        with log.open("ab") as stream:
            stream.write(b".")
    rows = np.arange(start, stop, dtype=np.float32)[:, None, None] * np.ones(SHAPE, np.float32)
    return Block(rows, [(row, f"row {row} is bad") for row in bad if start <= row < stop])


def build(
    folder: Path, workers: int = 1, *, log: Path | None = None, bad: tuple[int, ...] = (), **more
) -> Built:
    more = {"reporter": Reporter(), **more}
    own = more.pop("plan", plan(folder))
    return built(own, partial(fill, log, bad), more.pop("reporter"), label="x", workers=workers, **more)


def contents(folder: Path) -> dict[str, bytes]:
    files = sorted((folder / "store").iterdir())
    return {file.name: file.read_bytes() for file in files if file.name != "checked.json"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    build(folder)
    return contents(folder)


def test_rows_are_what_was_computed_in_files_of_bounded_size(tmp_path: Path) -> None:
    array = (found := build(tmp_path)).array
    assert (array.shape, array.dtype, found.faults) == ((COUNT, *SHAPE), np.float32, [])
    np.testing.assert_array_equal(array[:][:, 0, 0], np.arange(COUNT))
    files = sorted((tmp_path / "store").glob("*.f4"))
    assert [file.name for file in files] == [f"{n:05d}.f4" for n in range(6)]
    first = np.memmap(files[1], "float32", "r", shape=(20, *SHAPE))  # a file is its rows from byte 0
    assert first[0, 0, 0] == 20


def test_drafts_of_a_killed_process_are_swept_and_nothing_else(tmp_path: Path) -> None:
    build(tmp_path)
    mine = tmp_path / "store" / "download.part"
    for name in ("00002.part", "00099.part", mine.name):  # of this plan, of a longer one, somebody else's
        (tmp_path / "store" / name).write_bytes(b"half")
    before = contents(tmp_path)
    build(tmp_path)
    assert before.keys() - contents(tmp_path).keys() == {"00002.part", "00099.part"}
    assert mine.read_bytes() == b"half"


def test_computed_once_for_a_key(tmp_path: Path) -> None:
    log = tmp_path / "log"
    for _ in range(2):
        build(tmp_path, log=log)
    assert len(log.read_bytes()) == 21
    build(tmp_path, log=log, plan=plan(tmp_path, "b"))
    assert len(log.read_bytes()) == 42


def test_any_number_of_processes_writes_the_same_bytes(whole: dict[str, bytes], tmp_path: Path) -> None:
    build(tmp_path, workers=3)
    assert contents(tmp_path) == whole


class Deadly(Reporter):
    """Kills its process when so many rows are done."""

    def __init__(self, rows: int) -> None:
        super().__init__(quiet=True)
        self.rows = rows

    def progress(self, items: Iterable[Any], label: str, total: int | None = None) -> Iterator[Any]:
        for number, item in enumerate(super().progress(items, label, total)):
            if number == self.rows and label == "x":
                os.kill(os.getpid(), signal.SIGKILL)
            yield item


@pytest.mark.parametrize(("rows", "files"), [(0, 0), (7, 0), (64, 3), (102, 5)])
@pytest.mark.parametrize("workers", [1, 3])
def test_killed_it_goes_on_with_the_first_missing_file(
    whole: dict[str, bytes], tmp_path: Path, capsys, workers: int, rows: int, files: int
) -> None:
    make = partial(build, tmp_path, workers, reporter=Deadly(rows))
    process = multiprocessing.get_context("fork").Process(target=make)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads that other tests left
        process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert len(list((tmp_path / "store").glob("*.f4"))) == files
    log = tmp_path / "log"
    build(tmp_path, workers, log=log)
    assert len(log.read_bytes()) == 21 - 4 * files
    assert contents(tmp_path) == whole
    assert ("computing the rest" in capsys.readouterr().err) == (files > 0)


@pytest.mark.parametrize("damage", ["flipped", "cut", "longer", "emptied", "gone", "headless"])
def test_a_damaged_file_is_said_and_computed_again(
    whole: dict[str, bytes], tmp_path: Path, capsys, damage: str
) -> None:
    build(tmp_path)
    file = tmp_path / "store" / "00002.f4"
    raw = bytearray(file.read_bytes())
    raw[7] ^= 1
    changed = {
        "flipped": bytes(raw),
        "cut": whole[file.name][:-1],
        "longer": whole[file.name] + b"x",
        "emptied": b"",
        "headless": whole[file.name][:480],
    }
    file.unlink()
    if damage != "gone":
        file.write_bytes(changed[damage])
    capsys.readouterr()
    log = tmp_path / "log"
    build(tmp_path, log=log)
    assert len(log.read_bytes()) == 4
    assert contents(tmp_path) == whole
    said = capsys.readouterr().err
    assert "5 of 6 files exist" in said
    assert ("00002.f4: damaged" in said) == (damage != "gone")


def test_a_file_that_was_only_touched_is_read_once_and_kept(tmp_path: Path, capsys) -> None:
    build(tmp_path)
    (tmp_path / "store" / "00001.f4").touch()
    log = tmp_path / "log"
    build(tmp_path, log=log)
    assert not log.exists()
    assert "damaged" not in capsys.readouterr().err


def test_faults_are_all_said_and_only_their_files_are_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        build(tmp_path, bad=(3, 45, 46), hint="Mend them.")
    assert caught.value.problems == ["row 3 is bad", "row 45 is bad", "row 46 is bad"]
    assert caught.value.hint == "Mend them."
    left = sorted(file.name for file in (tmp_path / "store").iterdir())
    assert left == ["00001.f4", "00003.f4", "00004.f4", "00005.f4"]
    log = tmp_path / "log"
    build(tmp_path, log=log)
    assert len(log.read_bytes()) == 8


def test_faults_that_are_allowed_are_kept_with_the_array(tmp_path: Path) -> None:
    for _ in range(2):
        found = build(tmp_path, bad=(3, 45), faulty=True)
        assert found.faults == [(3, "row 3 is bad"), (45, "row 45 is bad")]


def test_a_disk_without_room_is_said_before_anything_is_written(tmp_path: Path) -> None:
    large = replace(plan(tmp_path), count=1 << 40, shape=(1 << 20,), shard=1 << 60)
    with pytest.raises(UserError, match=r"but only .* MB are free"):
        build(tmp_path, plan=large)
    assert not list((tmp_path / "store").iterdir())


def test_a_second_process_waits_for_the_first(tmp_path: Path) -> None:
    begun, may_end, calls = threading.Event(), threading.Event(), []

    def slow(start: int, stop: int) -> Block:
        calls.append(start)
        begun.set()
        may_end.wait()
        return Block(np.full((stop - start, 3), 7, np.int16), [])

    def build() -> None:
        plan = Plan(tmp_path / "array", "key", 2, (3,), "int16", 2)
        assert (built(plan, slow, Reporter(quiet=True), label="rows", workers=1).array[:] == 7).all()

    first, second = threading.Thread(target=build), threading.Thread(target=build)
    first.start()
    begun.wait()
    second.start()
    may_end.set()
    first.join()
    second.join()
    assert calls == [0]
