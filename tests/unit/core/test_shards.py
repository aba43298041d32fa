"""Several arrays read as one: the same rows, and memory maps that travel as files."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from audionas.core.shards import Shards


def parts(folder: Path, lengths: tuple[int, ...] = (3, 1, 5)) -> tuple[Shards, np.ndarray]:
    """Memory-mapped parts of 2 x 2 bytes a row, and the same rows in one array."""
    whole = np.arange(sum(lengths) * 4, dtype=np.uint8).reshape(-1, 2, 2)
    maps, at = [], 0
    for number, length in enumerate(lengths):
        file = folder / f"{number}.u8"
        file.write_bytes(whole[at : at + length].tobytes())
        maps.append(np.memmap(file, "uint8", "r", shape=(length, 2, 2)))
        at += length
    return Shards(maps), whole


@pytest.mark.parametrize("rows", [[0], [8, 0, 3, 3, 2, 4], [], [-1, -9], list(range(9))], ids=str)
def test_rows_are_those_of_one_array(tmp_path: Path, rows: list[int]) -> None:
    shards, whole = parts(tmp_path)
    wanted = np.array(rows, dtype=np.int64)
    np.testing.assert_array_equal(shards[wanted], whole[wanted])
    assert (shards.shape, shards.ndim, shards.dtype, len(shards)) == (whole.shape, 3, whole.dtype, 9)


def test_one_row_and_no_row_beyond_the_end(tmp_path: Path) -> None:
    shards, whole = parts(tmp_path)
    np.testing.assert_array_equal(shards[3], whole[3])
    np.testing.assert_array_equal(shards[2:8:2], whole[2:8:2])
    for row in (9, -10):
        with pytest.raises(IndexError, match="of 9"):
            shards[np.array([0, row])]


def test_rows_are_copies(tmp_path: Path) -> None:
    shards, whole = parts(tmp_path)
    shards[np.array([1])][:] = 77
    np.testing.assert_array_equal(shards[1], whole[1])


def test_memory_maps_travel_as_files(tmp_path: Path) -> None:
    shards, whole = parts(tmp_path, (3000, 5000))
    travelled = pickle.dumps(shards)
    assert len(travelled) < 2000 < whole.nbytes
    again = pickle.loads(travelled)  # what a loader worker that is started, not forked, receives
    np.testing.assert_array_equal(again[np.arange(8000)], whole)


def test_chosen_rows_alone_are_there(tmp_path: Path) -> None:
    shards, whole = parts(tmp_path)
    rows = np.array([8, 0, 3, 4])
    some = shards.choose(rows)
    np.testing.assert_array_equal(some[:], whole[rows])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(some.choose(np.array([3, 1]))))[:], whole[[4, 0]])
    with pytest.raises(IndexError, match="of 4"):
        some[4]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files in /proc")
def test_files_are_opened_when_read_and_few_at_a_time(tmp_path: Path, monkeypatch) -> None:
    def opened() -> int:
        return sum(str(tmp_path) in os.readlink(f"/proc/self/fd/{fd}") for fd in fds())

    def fds() -> list[str]:
        return [fd for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")]

    monkeypatch.setattr("audionas.core.shards.MOST_OPEN", 3)
    shards, whole = parts(tmp_path, (2,) * 9)
    assert opened() == 0
    for rows in (np.array([0]), np.arange(18), np.array([0, 17, 5])):
        np.testing.assert_array_equal(shards[rows], whole[rows])
        assert 1 <= opened() <= 3
