"""A large array computed once into files of bounded size; a torn or outdated file is computed again.

A file holds the bytes of its rows and, after them, one JSON object: the key of the array, the numbers of its
rows, a checksum of each block, and the faults that were found. It is filled under a temporary name and
renamed when it is complete, so a process that is killed loses one file's work, not the others'.
"""

import json
import os
import re
import shutil
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from audionas.core.errors import UserError
from audionas.core.files import locked, parsed, read_json, write_json
from audionas.core.pool.ordered import ordered
from audionas.core.reporter import Reporter, amount
from audionas.core.shards import Mapped, Shards

SHARD = 256 << 20  # most bytes per file
_SEAL = "checked.json"  # size and modification time of every file when its contents were last verified
Fault = tuple[int, str]  # index in the whole array of a row that could not be computed, and the reason


class Block(NamedTuple):
    """Computed rows (n, ...), and the faults of those that could not be computed."""

    rows: np.ndarray
    faults: list[Fault]


@dataclass(frozen=True)
class Plan:
    """An array to compute: `shape` is that of one row, `block` the number of rows computed at a time."""

    folder: Path
    key: str
    count: int
    shape: tuple[int, ...]
    dtype: str
    block: int
    shard: int = SHARD

    @property
    def row_bytes(self) -> int:
        """Bytes per row."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize

    @property
    def rows(self) -> int:
        """Rows per file: a whole number of blocks."""
        return self.block * max(1, self.shard // (self.block * self.row_bytes))

    @property
    def files(self) -> int:
        """The number of files."""
        return -(-self.count // self.rows)

    def path(self, file: int) -> Path:
        """The path of a file."""
        return self.folder / f"{file:05d}.{np.dtype(self.dtype).str[1:]}"

    def span(self, file: int) -> tuple[int, int]:
        """The first row of a file, and the first row after it."""
        return file * self.rows, min(self.count, (file + 1) * self.rows)

    def blocks(self, file: int) -> list[tuple[int, int]]:
        """The blocks of a file, each as its first row and the first row after it."""
        start, stop = self.span(file)
        return [(at, min(stop, at + self.block)) for at in range(start, stop, self.block)]

    def mapped(self, file: int) -> Mapped:
        """The rows of a file as an array."""
        start, stop = self.span(file)
        return Mapped(str(self.path(file)), self.dtype, 0, (stop - start, *self.shape))

    def header(self, file: int) -> dict[str, Any]:
        """The fields that identify a file."""
        dtype = np.dtype(self.dtype).str
        span = list(self.span(file))
        return {"key": self.key, "rows": span, "block": self.block, "shape": list(self.shape), "dtype": dtype}


class Built(NamedTuple):
    """The array, the faults in the order of its rows, and a checksum of each block."""

    array: Shards
    faults: list[Fault]
    sums: list[int]


def built(
    plan: Plan,
    fill: Callable[[int, int], Block],
    reporter: Reporter,
    *,
    label: str,
    faulty: bool = False,
    hint: str = "",
    workers: int | None = None,
) -> Built:
    """The array of this plan: existing intact files are used, the others computed.

    `fill(start, stop)` computes a block of rows; another process can import it by its name, or it is a
    `functools.partial` of such a function. `workers` processes (default: all cores) compute; neither their
    number nor an interruption changes the bytes. A damaged file is computed again, with a note. A file with
    faults is kept only if `faulty`. A second process waits for the first.

    Raises UserError with every fault and the `hint`, unless `faulty`, and where the disk has no room.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    if any(_tail(plan, file) is None for file in range(plan.files)) or _touched(plan) or _left(plan):
        said = f"waiting for another process that is building {plan.folder}"
        with locked(plan.folder.with_name(plan.folder.name + ".lock"), wait=lambda: reporter.note(said)):
            _complete(plan, fill, reporter, label, faulty, hint, workers)
    tails = [_tail(plan, file) or {} for file in range(plan.files)]
    faults = [(row, why) for tail in tails for row, why in tail["faults"]]
    sums = [value for tail in tails for value in tail["crc32"]]
    return Built(Shards([plan.mapped(file) for file in range(plan.files)]), faults, sums)


def _complete(
    plan: Plan,
    fill: Callable[[int, int], Block],
    reporter: Reporter,
    label: str,
    faulty: bool,
    hint: str,
    workers: int | None,
) -> None:
    """Check what may have changed, compute what is missing, and seal it."""
    for draft in _left(plan):  # a killed process's: this one holds the lock
        draft.unlink()
    _drop_damaged(plan, reporter, workers)
    missing = [file for file in range(plan.files) if _tail(plan, file) is None]
    if missing and len(missing) < plan.files:
        there = f"{plan.files - len(missing)} of {amount(plan.files, 'file')} exist"
        reporter.note(f"{plan.folder}: {there}; computing the rest")
    _require_room(plan.folder, sum(end - start for start, end in map(plan.span, missing)) * plan.row_bytes)
    faults: list[Fault] = []
    for file, sums, found in _computed(plan, missing, fill, reporter, label, workers):
        if faulty or not found:
            _finish(plan, file, sums, found)
        else:
            _draft(plan, file).unlink()
        faults += found
    if faults and not faulty:
        raise UserError([why for _, why in faults], hint=hint)
    write_json(plan.folder / _SEAL, _states(plan))


def _computed(
    plan: Plan,
    missing: list[int],
    fill: Callable[[int, int], Block],
    reporter: Reporter,
    label: str,
    workers: int | None,
) -> Iterator[tuple[int, list[int], list[Fault]]]:
    """Fill every missing file, but for its tail; yield it with the checksums and the faults of its blocks."""
    tasks = [(file, start, stop) for file in missing for start, stop in plan.blocks(file)]
    done = ordered(partial(_write, plan, fill), tasks, workers=workers, chunk=1)
    shown = reporter.progress(_by_row(tasks, done), label, sum(stop - start for _, start, stop in tasks))
    results = (result for result in shown if result is not None)
    for file in missing:
        own = list(islice(results, len(plan.blocks(file))))
        yield file, [checksum for checksum, _ in own], [fault for _, faults in own for fault in faults]
    for _ in results:  # no result is left: this ends the progress bar
        pass


def _by_row(tasks: list[tuple[int, int, int]], results: Iterator[Any]) -> Iterator[Any]:
    """Yield the result of each block after one None for each of its other rows: progress counts rows."""
    for (_, start, stop), result in zip(tasks, results, strict=True):
        for _ in range(stop - start - 1):
            yield None
        yield result


def _write(
    plan: Plan, fill: Callable[[int, int], Block], task: tuple[int, int, int]
) -> tuple[int, list[Fault]]:
    """Compute a block into its place in a file, in a worker; return its checksum and faults.

    It is written, not mapped: then a full disk is an error, and no page counts as this process's memory.
    """
    file, start, stop = task
    rows, faults = fill(start, stop)
    assert rows.shape == (stop - start, *plan.shape), f"{rows.shape} for rows {start} to {stop}"
    data = np.ascontiguousarray(rows, dtype=plan.dtype).reshape(-1).view(np.uint8).data
    at, written = (start - plan.span(file)[0]) * plan.row_bytes, 0
    try:
        handle = os.open(_draft(plan, file), os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            while written < len(data):
                written += os.pwrite(handle, data[written:], at + written)
        finally:
            os.close(handle)
    except OSError as error:
        raise UserError(f"{plan.path(file)}: cannot be written ({error.strerror})") from error
    return zlib.crc32(data), faults


def _finish(plan: Plan, file: int, sums: list[int], faults: list[Fault]) -> None:
    draft = _draft(plan, file)
    with draft.open("ab") as stream:
        stream.write(json.dumps({**plan.header(file), "crc32": sums, "faults": faults}).encode())
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(plan.path(file))


def _draft(plan: Plan, file: int) -> Path:
    return plan.path(file).with_suffix(".part")


def _left(plan: Plan) -> list[Path]:
    """Every draft in the folder, also of files that another plan had."""
    return [file for file in plan.folder.glob("*.part") if re.fullmatch(r"[0-9]{5,}\.part", file.name)]


def _tail(plan: Plan, file: int) -> dict[str, Any] | None:
    """The JSON object after the rows of a file, or None for a missing, torn or different file."""
    path, (start, stop) = plan.path(file), plan.span(file)
    size = (stop - start) * plan.row_bytes
    if not path.is_file() or path.stat().st_size <= size:
        return None
    with path.open("rb") as stream:
        stream.seek(size)
        raw = stream.read()
    try:
        tail = parsed(raw)
    except ValueError:
        return None
    header = plan.header(file)
    if not isinstance(tail, dict) or {name: tail.get(name) for name in header} != header:
        return None
    return tail


def _require_room(folder: Path, size: int) -> None:
    """Say before anything is computed that the disk has no room for it."""
    free = shutil.disk_usage(folder.parent).free
    if size > free:
        raise UserError(
            f"{folder}: needs {size / 1e6:.0f} MB, but only {free / 1e6:.0f} MB are free on that disk",
            hint="Free some space, or choose another folder.",
        )


def _states(plan: Plan) -> dict[str, list[int]]:
    """Size and modification time of the existing files."""
    paths = [plan.path(file) for file in range(plan.files)]
    stats = {path.name: path.stat() for path in paths if path.exists()}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}


def _touched(plan: Plan) -> list[int]:
    """Files that were written since their contents were last verified."""
    try:
        sealed = read_json(plan.folder / _SEAL)
    except UserError:
        sealed = {}
    sealed = sealed if isinstance(sealed, dict) else {}
    states = _states(plan)
    names = [plan.path(file).name for file in range(plan.files)]
    return [file for file, name in enumerate(names) if name in states and sealed.get(name) != states[name]]


def _drop_damaged(plan: Plan, reporter: Reporter, workers: int | None) -> None:
    """Compare touched files with their checksums; remove those that do not agree, with a note."""
    doubtful = _touched(plan)
    sound = ordered(partial(_sound, plan), doubtful, workers=workers, chunk=1)
    shown = reporter.progress(sound, f"checking {plan.folder}", len(doubtful))
    for file, is_sound in zip(doubtful, shown, strict=True):
        if not is_sound:
            reporter.note(f"{plan.path(file)}: damaged; its rows are computed again")
            plan.path(file).unlink()


def _sound(plan: Plan, file: int) -> bool:
    tail = _tail(plan, file)
    if tail is None:
        return False
    with plan.path(file).open("rb") as stream:
        blocks = ((stop - start) * plan.row_bytes for start, stop in plan.blocks(file))
        return [zlib.crc32(stream.read(size)) for size in blocks] == tail.get("crc32")
