"""Large arrays computed once into a memory-mapped file that is either whole and the wanted one, or rebuilt.

The file holds the array's bytes and, after them, one JSON object with its key, shape, type and the
builder's note. Both are renamed into place together, so no interruption leaves an array under another's key.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter


class Stored(NamedTuple):
    """A read-only array on disk, and the note that its builder returned."""

    array: np.memmap
    note: Any


def memmap_cache(
    path: Path,
    shape: tuple[int, ...],
    dtype: str,
    key: str,
    fill: Callable[[np.memmap, Reporter], Any],
    reporter: Reporter,
) -> Stored:
    """The array under `path` if it was built for this key, shape and dtype; else build it with `fill`.

    `fill` writes into a zeroed array of `shape` and may return a JSON-able note, which is stored with it. A
    second process that wants the same file waits for the first instead of repeating its work. Raises
    UserError when the disk has no room.
    """
    header = {"key": key, "shape": list(shape), "dtype": np.dtype(dtype).str}
    found = _open(path, header)
    if found is not None:
        return found
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone(path, reporter):
        found = _open(path, header)  # another process may have built it while this one waited
        if found is None:
            _build(path, header, fill, reporter)
            found = _open(path, header)
    assert found is not None, f"{path} was built and cannot be opened"
    return found


def _open(path: Path, header: dict[str, Any]) -> Stored | None:
    """The stored array, or None for a missing, torn or different file."""
    bytes_wanted = _size(header)
    if not path.is_file() or path.stat().st_size <= bytes_wanted:
        return None
    with path.open("rb") as stream:
        stream.seek(bytes_wanted)
        tail = stream.read()
    try:
        stored = json.loads(tail)
    except ValueError:  # a file of another size, or not one of ours
        return None
    if not isinstance(stored, dict) or any(stored.get(name) != value for name, value in header.items()):
        return None
    array = np.memmap(path, dtype=header["dtype"], mode="r", shape=tuple(header["shape"]))
    return Stored(array, stored["note"])


def _build(
    path: Path, header: dict[str, Any], fill: Callable[[np.memmap, Reporter], Any], reporter: Reporter
) -> None:
    """Fill a file beside `path`, append the JSON, rename. One that a killed process left is begun again."""
    unfinished = path.with_name(path.name + ".part")
    unfinished.unlink(missing_ok=True)
    require_room(path, _size(header))
    try:
        array = np.memmap(unfinished, dtype=header["dtype"], mode="w+", shape=tuple(header["shape"]))
        note = fill(array, reporter)
        array.flush()
        del array
        with unfinished.open("ab") as stream:
            stream.write(json.dumps({**header, "note": note}).encode())
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _size(header: dict[str, Any]) -> int:
    return int(np.prod(header["shape"], dtype=np.int64)) * np.dtype(header["dtype"]).itemsize


def require_room(path: Path, size: int) -> None:
    """A full disk met through a memory map ends the process without a word; so ask before."""
    free = shutil.disk_usage(path.parent).free
    if size > free:
        raise UserError(
            f"{path}: needs {size / 1e6:.0f} MB, but only {free / 1e6:.0f} MB are free on that disk",
            hint="Free some space, or choose another folder.",
        )


@contextmanager
def alone(path: Path, reporter: Reporter) -> Iterator[None]:
    """Hold `path`'s lock file; a process that dies gives the lock back."""
    with path.with_name(path.name + ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            reporter.note(f"waiting for another process that is building {path}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
