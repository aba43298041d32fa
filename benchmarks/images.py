"""The cost of reading a training image: from its file, from a packed smaller JPEG, from a decoded shard.

    python benchmarks/images.py
    python benchmarks/images.py --images 2048 --workers 8 --rounds 5

The script generates JPEG files of the size of ImageNet's (500 x 375 pixels, about 100 kB). Each reader gives
batches of uint8 squares in random order:

    files    the files themselves, decoded and resized each time
    packed   JPEGs resized and encoded again, concatenated in one file, decoded each time
    shards   squares of pixels, decoded once, memory-mapped (as `images.path: FOLDER` builds them)

Rates are for one core, over processor time, so that other work on the machine does not count. Recently
written files are read from memory: a disk must also deliver rate times bytes per image. With `--workers` a
last column has the rate by the clock, over loader processes that read ahead.
"""

import argparse
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from audionas.core.reporter import Reporter
from audionas.core.rng import numpy_rng
from audionas.core.shards import Shards
from audionas.data.batches import Batches
from audionas.images.files import decoded, read_file
from audionas.images.store import store

SIDE = 256
IMAGENET = 1_281_167  # training images
BATCH = 64
QUALITY = 90  # JPEG quality of the packed images


class Reader(NamedTuple):
    """A source of rows (b, side, side, 3) uint8, and the bytes that it reads per row."""

    name: str
    source: "Source | Shards"
    bytes_each: float


class Source:
    """Rows made on demand: as much of an array interface as batches need."""

    ndim = 4

    def __init__(self, length: int, one: Callable[[int], np.ndarray]) -> None:
        self.length, self.one = length, one

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        return np.stack([self.one(int(row)) for row in rows])


def generate(folder: Path, count: int) -> list[Path]:
    """Write JPEGs with coarse shapes and fine texture, about as long as those of photographs."""
    files = []
    for number in range(count):
        rng = numpy_rng("benchmark images", number)
        coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((500, 375))
        texture = rng.normal(0, 14, (375, 500, 1))
        pixels = np.clip(np.asarray(coarse) + texture, 0, 255).astype(np.uint8)
        files.append(folder / f"{number:05d}.JPEG")
        Image.fromarray(pixels).save(files[-1], quality=92)
    return files


def readers(files: list[Path], folder: Path) -> list[Reader]:
    """The three readers, over the same images."""
    facts = [(file.name, (s := file.stat()).st_size, s.st_mtime_ns) for file in files]
    squares = store(files[0].parent, facts, SIDE, folder, Reporter()).pixels
    packed = folder / "packed"
    ends = [0]
    with packed.open("wb") as out:
        for row in range(len(files)):
            stream = io.BytesIO()
            Image.fromarray(squares[row]).save(stream, "JPEG", quality=QUALITY)
            ends.append(ends[-1] + out.write(stream.getvalue()))
    data = np.memmap(packed, np.uint8, "r")
    return [
        Reader("files", Source(len(files), lambda i: read_file(files[i], SIDE)), _mean(files)),
        Reader(
            "packed",
            Source(len(files), lambda i: decoded(data[ends[i] : ends[i + 1]].tobytes(), SIDE)),
            ends[-1] / len(files),
        ),
        Reader("shards", squares, SIDE * SIDE * 3),
    ]


def _mean(files: list[Path]) -> float:
    return sum(file.stat().st_size for file in files) / len(files)


def rate(reader: Reader, epoch: int, workers: int, clock: Callable[[], float]) -> float:
    """Images per second over an epoch in random order."""
    count = len(reader.source)
    targets = np.zeros(count, np.int64)
    batches = Batches(
        reader.source,  # type: ignore[arg-type]
        targets,
        [""] * count,
        [""] * count,
        batch_size=BATCH,
        seed=0,
        shuffle=True,
        workers=workers,
    )
    start = clock()
    seen = sum(len(batch.x) for batch in batches.epoch(epoch))
    seconds = clock() - start
    batches.close()
    return seen / seconds


def main() -> None:
    """Print the table, one row per reader."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=0)
    given = parser.parse_args()
    head = "| reader | images/s on one core | kB per image | GB for ImageNet's training images |"
    print(head + (f" images/s, {given.workers} workers |" if given.workers else ""))
    print("|---|---:|---:|---:|" + ("---:|" if given.workers else ""))
    with tempfile.TemporaryDirectory() as name:
        source, cache = Path(name, "images"), Path(name, "cache")
        source.mkdir()
        cache.mkdir()
        for reader in readers(generate(source, given.images), cache):
            own = [rate(reader, epoch, 0, time.process_time) for epoch in range(given.rounds)]
            row = f"| {reader.name} | {np.median(own):,.0f} | {reader.bytes_each / 1e3:.0f} "
            row += f"| {reader.bytes_each * IMAGENET / 1e9:.0f} |"
            if given.workers:
                beside = [
                    rate(reader, epoch, given.workers, time.perf_counter) for epoch in range(given.rounds)
                ]
                row += f" {np.median(beside):,.0f} |"
            print(row, flush=True)


if __name__ == "__main__":
    main()
