"""Image files decoded once into shards of uint8 squares, by several processes that resume."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from audionas.core.cache import Block, Plan, built
from audionas.core.files import sha256_text
from audionas.core.reporter import Reporter
from audionas.core.shards import Shards
from audionas.images.files import decoded

SHARD = 4 << 30  # bytes per file: ImageNet's 252 GB make 59 files, few enough to stay open
_BLOCK = 64  # images that a process decodes at a time
Fact = tuple[str, int, int]  # a file's name below the root, bytes, modification time in ns


class Decoded(NamedTuple):
    """Pixels (n, side, side, 3) uint8 on disk, and a digest of them."""

    pixels: Shards
    digest: str


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
    """The squares of the files below `root` that `facts` names, in order; missing ones are decoded.

    `workers` processes decode (default: all cores) into files of at most `shard` bytes.

    Raises UserError that names every file that cannot be decoded, or where the disk has no room for all.
    """
    key = sha256_text(json.dumps({"stored": side, "files": list(facts)}))
    files = [root / name for name, _, _ in facts]
    plan = Plan(
        folder=folder / f"images-{key[:12]}",
        key=key,
        count=len(files),
        shape=(side, side, 3),
        dtype="uint8",
        block=_BLOCK,
        shard=shard,
    )
    found = built(
        plan,
        partial(_block, files, side),
        reporter,
        label=f"decoding {root}",
        hint="Repair or remove these images.",
        workers=workers,
    )
    return Decoded(found.array, sha256_text(json.dumps(found.sums)))


def _block(files: Sequence[Path], side: int, start: int, stop: int) -> Block:
    """The squares of some files, black for those that cannot be decoded."""
    rows = np.zeros((stop - start, side, side, 3), np.uint8)
    faults = []
    for row in range(start, stop):
        try:
            rows[row - start] = decoded(files[row].read_bytes(), side)
        except OSError as error:
            faults.append((row, f"{files[row]}: cannot be read as an image ({error})"))
    return Block(rows, faults)
