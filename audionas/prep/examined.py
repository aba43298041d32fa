"""The facts found in audio files, in columns, and the log from which an interrupted preparation resumes."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from audionas.core import records
from audionas.core.errors import UserError
from audionas.core.files import parsed, state
from audionas.core.pool.ordered import ordered
from audionas.core.records.prep import ExaminedRecord
from audionas.core.reporter import Reporter, amount
from audionas.data import audio

_CHUNK = 64  # files per task of a worker: fewer files than this start no process


class Task(NamedTuple):
    """A file, and the path of its mono copy if it needs one ("" for none)."""

    path: str
    copy: str


class Found:
    """For each file: seconds (0 if unusable), SHA-256, whether its copy is used, and its largest sample.

    `peaks` are those of the files; where a file keeps within full scale, that of the copy in its place.
    """

    def __init__(self, count: int) -> None:
        self.seconds = np.zeros(count)
        self.peaks = np.ones(count)
        self.copied = np.zeros(count, dtype=bool)
        self.open = np.zeros(count, dtype=bool)  # read to the end, since the header leaves the length open
        self.problems: dict[int, str] = {}
        self._sums = np.zeros((count, 32), dtype=np.uint8)

    def sha256(self, place: int) -> str:
        """The SHA-256 in hexadecimal digits."""
        digits: str = self._sums[place].tobytes().hex()
        return digits

    def put(self, place: int, answer: "dict[str, Any] | str") -> None:
        """Store the answer of `_examine` for a file."""
        if isinstance(answer, str):
            self.problems[place] = answer
            return
        for name in ("seconds", "copied", "open"):
            getattr(self, name)[place] = answer[name]
        self.peaks[place] = answer["peak"]
        self._sums[place] = np.frombuffer(bytes.fromhex(answer["sha256"]), dtype=np.uint8)


def examine(
    tasks: Sequence[Task], rate: int, *, log: Path | None, workers: int | None, reporter: Reporter
) -> Found:
    """Decode and hash every file in `workers` processes, and make the copies.

    The results also go to `log`; a later call with the same tasks reuses them for files that have not changed
    since.
    """
    found, known = Found(len(tasks)), np.zeros(len(tasks), dtype=bool)
    for place, told in _logged(tasks, rate, log):
        known[place] = True
        found.put(place, told)
    if known.any():
        reporter.note(
            f"{known.sum()} of {amount(len(tasks), 'file')} were decoded earlier; resuming, see {log}"
        )
    todo = np.flatnonzero(~known).tolist()
    answers = ordered(partial(_examine, rate), _Chosen(tasks, todo), workers=workers, chunk=_CHUNK)
    with closing(_Log(log)) as lines:
        for place, answer in zip(todo, reporter.progress(answers, "decoding", len(todo)), strict=True):
            found.put(place, answer)
            if not isinstance(answer, str):
                lines.write({"place": place, "path": tasks[place].path, "target": rate, **answer})
    return found


class _Chosen(Sequence[Task]):
    """Some of the tasks, without copying the list."""

    def __init__(self, tasks: Sequence[Task], places: list[int]) -> None:
        self._tasks, self._places = tasks, places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self._tasks[place] for place in self._places[index]]
        return self._tasks[self._places[index]]


class _Log:
    """Lines of JSON appended to a file, or to none. A line cut off earlier is removed."""

    def __init__(self, path: Path | None) -> None:
        self._file = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab+", buffering=0)  # a killed process loses no line
            self._file.truncate(_whole(path))

    def write(self, value: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(value).encode() + b"\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _whole(path: Path) -> int:
    """Bytes up to the end of the last complete line."""
    with path.open("rb") as stream:
        return sum(len(line) for line in stream if line.endswith(b"\n"))


def _logged(tasks: Sequence[Task], rate: int, log: Path | None) -> Iterator[tuple[int, dict[str, Any]]]:
    """The log's results for files that have not changed since."""
    if log is None or not log.exists():
        return
    with log.open("rb") as stream:
        for line in stream:
            with suppress(ValueError, UserError, OSError):  # cut off, or the file is gone
                told = parsed(line)
                records.check(ExaminedRecord, told, str(log))
                place = told["place"]
                same = place < len(tasks) and told["path"] == tasks[place].path and told["target"] == rate
                used = tasks[place].copy if same and told["copied"] else ""
                if same and bool(used) == told["copied"] and told["state"] == _states(told["path"], used):
                    yield place, told


def _states(*paths: str) -> list[list[int]]:
    """The states of files: see `core.files.state`."""
    return [state(path) for path in paths if path]


def _examine(rate: int, task: Task) -> "dict[str, Any] | str":
    """Seconds and SHA-256 of the file to use, this one or its copy; or the reason why there is none."""
    try:
        before = state(task.path) if Path(task.path).is_file() else []
        probe, used = audio.probe(task.path), ""
        peak, is_open = probe.peak, probe.open
        if probe.rate != rate or probe.channels != 1:
            if not task.copy:
                return _mismatch(task.path, probe, rate)
            wave = audio.read(task.path, rate=rate, seconds=None, resample=True, channel="mix", loud=True)
            audio.write(task.copy, wave, rate)
            probe, used = audio.probe(task.copy), task.copy
            peak = peak if peak > 1 else probe.peak  # channels may cancel each other
    except UserError as error:
        return error.problems[0]
    states = [before, *_states(used)]  # from before decoding: what was written during it is examined again
    facts = {"seconds": probe.seconds, "sha256": probe.sha256, "copied": bool(used), "state": states}
    return {**facts, "peak": peak, "open": is_open}


def _mismatch(path: str, probe: audio.Probe, rate: int) -> str:
    if probe.rate != rate:
        return f"{path}: its sample rate is {probe.rate} Hz, expected {rate} Hz"
    return f"{path}: has {probe.channels} channels, expected one"
