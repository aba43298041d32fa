"""Image files decoded once into shards of uint8 squares, several shards at a time.

A shard is a memory-mapped file that is whole or not there, so a decoding that was interrupted goes on
with the shards that are missing.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import NamedTuple

import numpy as np

from audionas.core import parallel
from audionas.core.errors import UserError
from audionas.core.files import sha256_text
from audionas.core.memmap import Stored, memmap_cache
from audionas.core.report import Reporter
from audionas.core.shards import Shards
from audionas.data._image_files import decoded

SHARD = 4096  # images a file: 0.8 GB of 256 pixels a side
_THREADS = 2  # of a process that decodes alone: decoding releases the interpreter lock
_BLOCK = 64  # images decoded ahead of the writer
Fact = tuple[str, int, int]  # of a file: its name below the root, bytes, time of change in ns


class Decoded(NamedTuple):
    """Pixels (n, side, side, 3) uint8 on disk, and a digest of the files that they were decoded from."""

    pixels: np.ndarray | Shards
    digest: str


class _Shard(NamedTuple):
    """What one file of the store holds."""

    files: tuple[Path, ...]
    path: Path
    key: str


class _BadImages(UserError):
    """Files that cannot be decoded."""


def store(
    root: Path,
    facts: Sequence[Fact],
    side: int,
    folder: Path,
    reporter: Reporter,
    *,
    shard: int = SHARD,
    workers: int | None = None,
) -> Decoded:
    """The squares of the files below `root` that `facts` names, in their order; what is missing is decoded.

    `workers` processes (default: all cores, shared out over torchrun's processes on this machine) decode a
    shard each; one missing shard is decoded here.

    Raises:
        UserError: naming every file that cannot be decoded; the disk has no room for all shards.
    """
    shards = [_planned(root, facts[at : at + shard], side, folder) for at in range(0, len(facts), shard)]
    missing = [one for one in shards if not one.path.exists()]
    _require_room(folder, sum(len(one.files) for one in missing) * side * side * 3)
    label = f"decoding {root}"
    if len(missing) > 1:
        _build_all(missing, side, reporter, label, workers)
    stored = [_built(one, side, reporter, label, _THREADS) for one in shards]
    digest = "\n".join(one.note for one in stored)
    return Decoded(stored[0].array if len(stored) == 1 else Shards([s.array for s in stored]), digest)


def _planned(root: Path, facts: Sequence[Fact], side: int, folder: Path) -> _Shard:
    key = sha256_text(json.dumps({"stored": side, "files": list(facts)}))
    files = tuple(root / name for name, _, _ in facts)
    return _Shard(files, folder / f"images-{key[:12]}.u8", key)


def _build_all(
    missing: Sequence[_Shard], side: int, reporter: Reporter, label: str, workers: int | None
) -> None:
    """In worker processes. Each process of torchrun begins elsewhere and finds what the others made."""
    beside, own = (int(os.environ.get(name, default)) for name, default in _TORCHRUN)
    start = len(missing) * own // beside
    order = [*missing[start:], *missing[:start]]
    workers = workers or max(1, parallel.cores() // beside)
    problems: list[str] = []

    def steps() -> Iterator[None]:
        found = parallel.ordered(partial(_problems, side=side), order, workers=workers, chunk=1)
        for one, bad in zip(order, found, strict=True):
            problems.extend(bad)
            yield from repeat(None, len(one.files))

    for _ in reporter.progress(steps(), label, sum(len(one.files) for one in missing)):
        pass
    if problems:
        raise _refusal(problems)


_TORCHRUN = (("LOCAL_WORLD_SIZE", "1"), ("LOCAL_RANK", "0"))


def _problems(one: _Shard, side: int) -> list[str]:
    """Decode a shard in a worker; what is wrong with its files."""
    try:
        _built(one, side, Reporter(quiet=True), "", 1)
    except _BadImages as error:
        return error.problems
    return []


def _built(one: _Shard, side: int, reporter: Reporter, label: str, threads: int) -> Stored:
    def fill(out: np.memmap, reporter: Reporter) -> str:
        rows = reporter.progress(range(len(one.files)), label)
        return _decode_all(one.files, side, out, rows, threads)

    shape = (len(one.files), side, side, 3)
    return memmap_cache(one.path, shape, "uint8", one.key, fill, reporter)


def _decode_all(files: Sequence[Path], side: int, out: np.memmap, rows: Iterator[int], threads: int) -> str:
    """Write every image into its row of `out`; the SHA-256 over all files."""
    problems = []
    digest = hashlib.sha256()
    for row, result in zip(rows, _ahead(files, side, threads), strict=True):
        if isinstance(result, str):
            problems.append(result)
        else:
            out[row], own = result
            digest.update(own)
    if problems:
        raise _refusal(problems)
    return digest.hexdigest()


def _refusal(problems: list[str]) -> _BadImages:
    return _BadImages(problems, hint="Repair or remove these images; what is decoded already is kept.")


def _ahead(files: Sequence[Path], side: int, threads: int) -> Iterator[tuple[np.ndarray, bytes] | str]:
    """Every file decoded, with its digest, in order and a block at a time; or why it cannot be."""

    def decode(path: Path) -> tuple[np.ndarray, bytes] | str:
        try:
            data = path.read_bytes()
            return decoded(data, side), hashlib.sha256(data).digest()
        except OSError as error:
            return f"{path}: cannot be read as an image ({error})"

    if threads == 1:
        yield from map(decode, files)
        return
    with ThreadPoolExecutor(threads) as pool:
        blocks = (files[at : at + _BLOCK] for at in range(0, len(files), _BLOCK))
        yield from chain.from_iterable(list(pool.map(decode, block)) for block in blocks)


def _require_room(folder: Path, size: int) -> None:
    """Before hours of decoding: whether all of it will fit."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if size > free:
        raise UserError(
            f"{folder}: the decoded images need {size / 1e9:.1f} GB, but only {free / 1e9:.1f} GB are free",
            hint="Choose a folder on another disk with images.cache, fewer pixels with images.stored, "
            "or a part with images.subset.",
        )
