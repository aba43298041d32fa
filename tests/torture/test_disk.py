"""A disk that is full or read-only is said; what was written stays whole, and with room the work goes on."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.torture._commands import COMMANDS
from tests.torture._forks import Forks
from tests.torture._left import Whole, require_same
from tests.torture._seeds import sizes, survived

ROOM = 64 << 20  # bytes: enough for each of the commands
MOST = {
    **{"train": (1, 30), "prep": (1, 40), "store": (1, 30), "search": (0, 20), "compare": (0, 8)},
    "export": (0, 12),
}
CASES = [
    pytest.param(name, tries, id=f"{name}-{size}", marks=mark)
    for name, most in MOST.items()
    for size, tries, mark in sizes(*most)
]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """`disk(size)`: an empty disk of so many bytes; called again, it is as large as that, with its files."""
    place = tmp_path / "disk"
    place.mkdir()

    def sized(size: int) -> Path:
        again = ["-o", f"{'remount,' * os.path.ismount(place)}size={size}"]
        done = subprocess.run(["mount", "-t", "tmpfs", *again, "none", str(place)], capture_output=True)
        if done.returncode:
            assert not os.path.ismount(place), (
                done.stderr.decode()
            )  # it could be mounted: its size is the test's
            pytest.skip(f"no small disk can be mounted here: {done.stderr.decode().strip()}")
        return place

    yield sized
    if os.path.ismount(place):
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize(("name", "tries"), CASES)
def test_a_full_disk(
    disk: Callable[[int], Path],
    forks: Forks,
    prepared: Callable[..., Path],
    whole: Callable[..., Whole],
    name: str,
    tries: int,
) -> None:
    command, expected = COMMANDS[name], whole(name)
    disk(ROOM)
    place = prepared(command, disk(ROOM) / "probe")
    forks.run(*command.first, cwd=place)
    took = sum(f.stat().st_size for f in place.rglob("*") if f.is_file())

    def attempt(rng: np.random.Generator) -> None:
        folder = disk(ROOM) / f"{rng.integers(1 << 40):x}"
        prepared(command, folder)
        begun = _used(disk(ROOM))
        size = begun + 4096 * int(rng.integers(1, max(2, took // 4096)))
        disk(size)
        full = forks.run(*command.first, cwd=folder)
        told = f"{size - begun} of some {took} bytes"
        disk(ROOM)
        assert full.status in (0, 1), f"{told}: {full.told}"
        assert full.status == 0 or "error: " in full.err, f"{told}: {full.told}"
        assert full.left == [], told
        require_same(forks.run(*command.again, cwd=folder), folder, expected, told)
        shutil.rmtree(folder)  # else the next tries have less room

    survived(f"full disk {name}", tries, attempt)


def _used(disk: Path) -> int:
    told = os.statvfs(disk)
    return (told.f_blocks - told.f_bfree) * told.f_frsize


READING = {
    "search": ("search", "conf.yaml"),
    "train": ("train", "conf.yaml"),
    "prep": ("prep", "folder", "words", "data", "--dev", "0.25", "--test", "0.25"),
    "compare": ("compare", "conf.yaml"),
    "export": ("export", "exp/tones"),
}


@pytest.mark.story
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a folder read-only")
@pytest.mark.parametrize("name", READING)
def test_a_read_only_folder(forks: Forks, prepared: Callable[..., Path], name: str) -> None:
    folder = prepared(COMMANDS[name])
    done = forks.run(*READING[name], cwd=folder, hooks={"read_only": {"folder": "."}})
    assert done.status == 1, done.told
    assert "error: " in done.err, done.told
    assert "Read-only file system" in done.err, done.told


@pytest.mark.story
@pytest.mark.parametrize("words", [("list", "zoo"), ("--version",), ("list", "methods", "--json")])
def test_standard_output_that_is_full(words: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "audionas", *words]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1, done.stderr
    assert "error: " in done.stderr
    assert "Traceback" not in done.stderr
