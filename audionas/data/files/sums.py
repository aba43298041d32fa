"""Sums and seconds of recordings as they are now: taken once, and again where size or times of a file differ.

A record in the folder of caches, one per data directory, has a row per file: a digest of its path, its state
(`core.files.state`), its SHA-256, and its seconds by its header. Opening a directory again costs one `stat`
a file.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from audionas.core import tensors
from audionas.core.errors import UserError
from audionas.core.files import sha256, sha256_text, state
from audionas.core.hostile import command
from audionas.core.pool.ordered import ordered
from audionas.core.reporter import Reporter
from audionas.data import audio
from audionas.data.kaldi import DataDir
from audionas.data.tables import base, misfits

_CHUNK = 256  # files hashed at a time by a worker: fewer files than this start no process
_CHANGED, _RECORDED = "changed since it was prepared", "are recorded of it"  # the ends of what is told
_GONE = (-1, -1, -1)  # the state of a file that is missing


class _Record(NamedTuple):
    """Per file: digest of its path (n,) uint64, sorted; state (n, 3) int64; SHA-256 (n, 32) uint8; seconds
    (n,) float64, 0 where its header cannot be read.
    """

    names: np.ndarray
    states: np.ndarray
    sums: np.ndarray
    seconds: np.ndarray


def current(
    data: DataDir, folder: Path, reporter: Reporter, workers: int | None = None
) -> tuple[DataDir, dict[int, str]]:
    """The directory with the sums that its files have now, and, by row, what no longer holds of what is
    recorded: another sum, or, of a whole recording, other seconds.

    A missing file keeps its recorded sum: reading it is an error of its own. `workers` processes hash.
    """
    paths = list(dict.fromkeys(path for path, *_ in data.files))
    file = folder / f"sums-{sha256_text(base(data.path))[:12]}.safetensors"
    names = np.array([_digest(path) for path in paths], np.uint64)
    states = np.array([_state(path) for path in paths], np.int64)
    sums, seconds, fits = _recalled(_loaded(file), names, states)
    todo = np.flatnonzero(~fits & (states[:, 0] >= 0))
    answers = ordered(_examined, [paths[row] for row in todo], workers=workers, chunk=_CHUNK)
    for row, answer in zip(
        todo, reporter.progress(answers, f"checksums of {data.path}", len(todo)), strict=True
    ):
        found, seconds[row] = answer
        sums[row], fits[row] = np.frombuffer(found or bytes(32), np.uint8), bool(found)
    if len(todo):
        try:
            _store(file, _Record(names[fits], states[fits], sums[fits], seconds[fits]))
        except UserError as error:
            reporter.note(f"{error.problems[0]}; the files are hashed each time")
    now = {
        path: (sums[row].tobytes().hex(), float(seconds[row])) for row, path in enumerate(paths) if fits[row]
    }
    return _compared(data, now)


def require_unchanged(data: DataDir, folder: Path, reporter: Reporter, workers: int | None = None) -> DataDir:
    """The directory with its sums of now. Raises one UserError for all files that changed since."""
    now, changed = current(data, folder, reporter, workers)
    if changed:
        words = list(dict.fromkeys(changed.values()))
        raise UserError(words, hint=f"{remedy(data.path, words)}.")
    return now


def remedy(path: Path, words: Iterable[str]) -> str:
    """Advice about what `current` tells of the files of a directory."""
    accept, again = command("rm", path / "utt2sha256"), command("audionas", "check", path, "--fix")
    advice = {
        _CHANGED: f"Restore changed files, or prepare the data again, or, if all labels still hold, {accept}",
        _RECORDED: f"To hear such recordings whole: {again}. For parts of recordings write segments",
    }
    told = list(words)
    return ". ".join(what for end, what in advice.items() if any(word.endswith(end) for word in told))


def _compared(data: DataDir, now: Mapping[str, tuple[str, float]]) -> tuple[DataDir, dict[int, str]]:
    changed, same = {}, True
    for row, (path, recorded, seconds) in enumerate(data.files):
        found, lasts = now.get(path, (recorded, 0.0))
        same = same and found == recorded
        if found != recorded and recorded:
            changed[row] = f"{path}: {_CHANGED}"
        elif data.whole and lasts and misfits(path, seconds, lasts):
            changed[row] = f"{path}: lasts {lasts:.3f} s, but {seconds:.3f} s {_RECORDED}"
    if same:
        return data, changed
    filled = (replace(i, sha256=now[i.audio][0]) if i.audio in now else i for i in data)
    return DataDir(data.path, filled, whole=data.whole), changed


def _digest(path: str) -> int:
    return int.from_bytes(
        hashlib.blake2b(path.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big"
    )


def _state(path: str) -> Sequence[int]:
    try:
        return state(path)
    except OSError:
        return _GONE


def _examined(path: str) -> tuple[bytes, float]:
    """SHA-256 and seconds; where they cannot be taken, reading it for its sound says why."""
    found = b""
    try:
        found = bytes.fromhex(sha256(path))
        return found, audio.length(path)
    except (OSError, UserError):
        return found, 0.0


def _recalled(
    record: _Record, names: np.ndarray, states: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The recorded sums (n, 32) and seconds (n,), and whether they hold (n,): the state is the recorded."""
    at = np.minimum(np.searchsorted(record.names, names), max(0, len(record.names) - 1))
    if not len(record.names):
        return np.zeros((len(names), 32), np.uint8), np.zeros(len(names)), np.zeros(len(names), bool)
    fits = (record.names[at] == names) & (record.states[at] == states).all(1)
    return record.sums[at].copy(), record.seconds[at].copy(), fits


def _loaded(file: Path) -> _Record:
    """The record; an empty one where there is none, or no complete one."""
    empty = _Record(
        np.zeros(0, np.uint64), np.zeros((0, 3), np.int64), np.zeros((0, 32), np.uint8), np.zeros(0)
    )
    if not file.is_file():
        return empty
    try:
        found = _Record(**tensors.load_arrays(file))
    except (UserError, TypeError):
        return empty
    count = len(found.names)
    alike = all(
        part.dtype == like.dtype and part.shape == (count, *like.shape[1:])
        for part, like in zip(found, empty, strict=True)
    )
    return found if alike and bool((found.names[1:] > found.names[:-1]).all()) else empty


def _store(file: Path, now: _Record) -> None:
    """Write the record: these files, and those of before that are others."""
    before = _loaded(file)
    rest = ~np.isin(before.names, now.names)
    parts = [np.concatenate(pair) for pair in zip(now, (p[rest] for p in before), strict=True)]
    _, order = np.unique(parts[0], return_index=True)
    tensors.save_arrays(dict(zip(_Record._fields, (part[order] for part in parts), strict=True)), file)
