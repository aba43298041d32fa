"""Stored arrays: built once for a key, never half, never another key's."""

import threading
from pathlib import Path

import numpy as np
import pytest

from audionas.core.errors import UserError
from audionas.core.memmap import Stored, memmap_cache
from audionas.core.reporter import Reporter


class Builder:
    """Fills with a value and counts."""

    def __init__(self, value: int = 7) -> None:
        self.value, self.calls = value, 0

    def __call__(self, out: np.memmap, reporter: Reporter) -> list[int]:
        self.calls += 1
        out[:] = self.value
        return [self.value]


def cached(path: Path, fill, key: str = "a", shape=(5, 3), dtype="int16") -> Stored:
    return memmap_cache(path, shape, dtype, key, fill, Reporter(quiet=True))


def test_built_once_for_one_key_shape_and_type(tmp_path: Path) -> None:
    path, build = tmp_path / "deep" / "x", Builder()
    for _ in range(2):
        array, note = cached(path, build)
        assert (array == 7).all()
        assert note == [7]
    assert build.calls == 1
    for different in ({"key": "b"}, {"shape": (3, 5)}, {"dtype": "uint16"}, {"shape": (4, 3)}):
        cached(path, build, **different)
    assert build.calls == 5


@pytest.mark.parametrize("cut", [1, 10, 29, 31, 60])
def test_a_torn_file_is_never_used(tmp_path: Path, cut: int) -> None:
    path, build = tmp_path / "x", Builder()
    cached(path, build)
    path.write_bytes(path.read_bytes()[:-cut])
    assert (cached(path, build).array == 7).all()
    assert build.calls == 2


def test_a_builder_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    def broken(out: np.memmap, reporter: Reporter) -> None:
        out[:] = 9
        raise KeyboardInterrupt

    path, build = tmp_path / "x", Builder()
    cached(path, build)
    with pytest.raises(KeyboardInterrupt):
        cached(path, broken, key="b")
    assert (cached(path, build).array == 7).all()
    assert build.calls == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x", "x.lock"]


def test_what_a_killed_process_left_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "x.part").write_bytes(b"\x01" * 30)
    array, _ = cached(tmp_path / "x", Builder(3))
    assert (array == 3).all()
    assert not (tmp_path / "x.part").exists()


def test_a_second_builder_waits_for_the_first(tmp_path: Path) -> None:
    begun, go_on, build = threading.Event(), threading.Event(), Builder()

    def slow(out: np.memmap, reporter: Reporter) -> list[int]:
        begun.set()
        go_on.wait()
        return build(out, reporter)

    first = threading.Thread(target=cached, args=(tmp_path / "x", slow))
    first.start()
    begun.wait()
    second = threading.Thread(target=cached, args=(tmp_path / "x", slow))
    second.start()
    go_on.set()
    first.join()
    second.join()
    assert build.calls == 1


def test_a_disk_without_room_is_said_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"but only .* MB are free"):
        cached(tmp_path / "x", Builder(), shape=(1 << 30, 1 << 20))
    assert not (tmp_path / "x.part").exists()
