"""The SHA-256 of recordings as they are now: hashed once, and again where size or times of a file differ.

A record in the folder of caches, one per data directory, has a row per file: a digest of its path, its state
(`core.files.state`) and its sum. Opening a directory again costs one `stat` a file.
"""

import hashlib
from collections.abc import Mapping, Sequence
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
from audionas.data.kaldi import DataDir
from audionas.data.tables import base

_CHUNK = 256  # files hashed at a time by a worker: fewer files than this start no process
_GONE = (-1, -1, -1)  # the state of a file that is missing


class _Record(NamedTuple):
    """Per file: digest of its path (n,) uint64, sorted; state (n, 3) int64; SHA-256 (n, 32) uint8."""

    names: np.ndarray
    states: np.ndarray
    sums: np.ndarray


def current(
    data: DataDir, folder: Path, reporter: Reporter, workers: int | None = None
) -> tuple[DataDir, dict[int, str]]:
    """The directory with the sums that its files have now, and, by row, what has changed since preparation.

    A missing file keeps its recorded sum: reading it is an error of its own. `workers` processes hash.
    """
    paths = list(dict.fromkeys(path for path, _ in data.files))
    file = folder / f"sums-{sha256_text(base(data.path))[:12]}.safetensors"
    names = np.array([_digest(path) for path in paths], np.uint64)
    states = np.array([_state(path) for path in paths], np.int64)
    sums, fits = _recalled(_loaded(file), names, states)
    todo = np.flatnonzero(~fits & (states[:, 0] >= 0))
    answers = ordered(_hashed, [paths[row] for row in todo], workers=workers, chunk=_CHUNK)
    for row, answer in zip(
        todo, reporter.progress(answers, f"checksums of {data.path}", len(todo)), strict=True
    ):
        sums[row], fits[row] = np.frombuffer(answer or bytes(32), np.uint8), bool(answer)
    if len(todo):
        try:
            _store(file, names[fits], states[fits], sums[fits])
        except UserError as error:
            reporter.note(f"{error.problems[0]}; the files are hashed each time")
    return _compared(data, {path: sums[row].tobytes().hex() for row, path in enumerate(paths) if fits[row]})


def require_unchanged(data: DataDir, folder: Path, reporter: Reporter, workers: int | None = None) -> DataDir:
    """The directory with its sums of now. Raises one UserError for all files that changed since."""
    now, changed = current(data, folder, reporter, workers)
    if changed:
        raise UserError(list(dict.fromkeys(changed.values())), hint=f"{remedy(data.path)}.")
    return now


def remedy(path: Path) -> str:
    """Advice about changed files."""
    accept = command("rm", path / "utt2sha256")
    return f"Restore changed files, or prepare the data again, or, if all labels still hold, {accept}"


def _compared(data: DataDir, sums: Mapping[str, str]) -> tuple[DataDir, dict[int, str]]:
    changed, same = {}, True
    for row, (path, recorded) in enumerate(data.files):
        now = sums.get(path, recorded)
        same = same and now == recorded
        if now != recorded and recorded:
            changed[row] = f"{path}: changed since it was prepared"
    if same:
        return data, changed
    filled = (replace(item, sha256=sums.get(item.audio, item.sha256)) for item in data)
    return DataDir(data.path, filled), changed


def _digest(path: str) -> int:
    return int.from_bytes(
        hashlib.blake2b(path.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big"
    )


def _state(path: str) -> Sequence[int]:
    try:
        return state(path)
    except OSError:
        return _GONE


def _hashed(path: str) -> bytes:
    try:
        return bytes.fromhex(sha256(path))
    except OSError:  # reading it for its sound says why
        return b""


def _recalled(record: _Record, names: np.ndarray, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The recorded sums (n, 32), and whether they hold (n,): the state is the recorded one."""
    at = np.minimum(np.searchsorted(record.names, names), max(0, len(record.names) - 1))
    if not len(record.names):
        return np.zeros((len(names), 32), np.uint8), np.zeros(len(names), bool)
    return record.sums[at].copy(), (record.names[at] == names) & (record.states[at] == states).all(1)


def _loaded(file: Path) -> _Record:
    """The record; an empty one where there is none, or no complete one."""
    empty = _Record(np.zeros(0, np.uint64), np.zeros((0, 3), np.int64), np.zeros((0, 32), np.uint8))
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


def _store(file: Path, names: np.ndarray, states: np.ndarray, sums: np.ndarray) -> None:
    """Write the record: these files, and those of before that are others."""
    before = _loaded(file)
    rest = ~np.isin(before.names, names)
    parts = [
        np.concatenate(pair) for pair in zip((names, states, sums), (p[rest] for p in before), strict=True)
    ]
    _, order = np.unique(parts[0], return_index=True)
    tensors.save_arrays(dict(zip(_Record._fields, (part[order] for part in parts), strict=True)), file)
