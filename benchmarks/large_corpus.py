"""The cost of a large corpus: clips per second and peak memory of preparation, decoding, features, batches.

    python benchmarks/large_corpus.py --clips 1000 10000 100000 --folder scratch

The clips are tones in noise of 0.25 to 1 s at 16 kHz, 16-bit WAV, in ten classes; clip i is the same in every
corpus. Each stage is a separate process, whose start and imports count. Ten times per second the script reads
its memory and that of its workers from Linux' smaps_rollup: `anonymous` is the memory of all of them without
files (a page that several share counts once), `resident` the largest of them with the pages of mapped files,
which the system reclaims whenever it needs them. The corpora, 70 kB per clip, are removed at the end.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from audionas.core.pool.ordered import ordered
from audionas.core.reporter import Reporter
from audionas.core.rng import numpy_rng
from audionas.core.shards import Shards
from audionas.data import kaldi
from audionas.data.batches import Batches
from audionas.data.kaldi import DataDir
from audionas.data.store import Waves, waves
from audionas.features import Features, build, feature_store, statistics

RATE = SAMPLES = 16_000  # one second of each clip is kept
CLASSES, PER_SPEAKER, BATCH = 10, 100, 128


class Measured(NamedTuple):
    """Figures of one stage: seconds, processor seconds, and the peaks of both kinds of memory in bytes."""

    seconds: float
    busy: float
    anonymous: int
    resident: int


def generate(folder: Path, number: int) -> None:
    """Write one clip."""
    label, speaker = number % CLASSES, number // PER_SPEAKER
    rng = numpy_rng("large corpus", number)
    time_axis = np.arange(rng.integers(RATE // 4, RATE + 1)) / RATE
    pitch = 200 * 1.3**label * rng.uniform(0.97, 1.03)
    signal = 0.3 * np.sin(2 * np.pi * pitch * time_axis) + rng.normal(0, 0.03, len(time_axis))
    path = folder / f"tone{label}" / f"s{speaker:05d}_{number % PER_SPEAKER:03d}.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, len(signal), "NONE", ""))
        file.writeframes(np.round(signal * 32767).astype("<i2").tobytes())


def corpus(folder: Path, clips: int, workers: int) -> None:
    """Write all clips of a corpus."""
    for label in range(CLASSES):
        (folder / f"tone{label}").mkdir(parents=True)
    written = ordered(partial(generate, folder), range(clips), workers=workers, chunk=64)
    for _ in Reporter().progress(written, "writing clips", clips):
        pass


def decoded(folder: Path, workers: int) -> tuple[DataDir, Waves]:
    """The prepared directory and its waveforms, from the store if they exist there."""
    data = kaldi.read(folder / "data" / "train")
    how: dict[str, Any] = {"folder": folder / "cache", "reporter": Reporter(), "workers": workers}
    return data, waves(data, rate=RATE, samples=SAMPLES, **how)


def features(folder: Path, workers: int) -> tuple[DataDir, Shards]:
    """The prepared directory and its features, log-mel by default, with the statistics over all."""
    data, clips = decoded(folder, workers)
    how: dict[str, Any] = {"folder": folder / "cache", "reporter": Reporter(), "workers": workers}
    stored = feature_store(build(Features()), clips.array, key=clips.key, **how)
    statistics(stored)
    return data, stored


def one_epoch(folder: Path, workers: int) -> None:
    """Run one shuffled pass over all batches of features."""
    data, stored = features(folder, workers)
    names = sorted(data.labels)
    targets = np.array([names.index(item.label) for item in data])
    batches = Batches(
        stored,
        targets,
        [item.id for item in data],
        [item.label for item in data],
        batch_size=BATCH,
        seed=0,
        shuffle=True,
        workers=workers,
    )
    seen = sum(len(batch.x) for batch in Reporter().progress(batches.epoch(0), "batches", len(batches)))
    assert seen == len(data), f"{seen} of {len(data)} clips"
    batches.close()


STAGES = {"decode": decoded, "features": features, "batches": one_epoch}
TITLES = {
    "prepare": "`audionas prep folder`: decode, hash, write the data directory",
    "decode": "read the data directory, store waveforms",
    "features": "the same, found stored; store features, their statistics",
    "batches": "the same, found stored; one shuffled epoch of batches",
}


def commands(folder: Path, workers: int) -> dict[str, list[str]]:
    """The command of each stage."""
    parts = ["--dev", "0", "--test", "0", "--speaker-pattern", "/(?P<speaker>[^_/]+)_[^/]*$"]
    prep = ["prep", "folder", str(folder / "wav"), str(folder / "data"), *parts, "--workers", str(workers)]
    own = [sys.executable, __file__, "--folder", str(folder), "--workers", str(workers), "--stage"]
    return {"prepare": [sys.executable, "-m", "audionas", *prep], **{name: [*own, name] for name in STAGES}}


def measured(command: list[str]) -> Measured:
    """Run a command, and sample its memory while it runs.

    A process that ends between two samples leaves its shared pages to the others, where they would be counted
    again; so every sample is taken twice, and counts if no process has started or ended.
    """
    start, busy, anonymous, resident = time.perf_counter(), _busy(), 0, 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            first, second = ({pid: memory(pid) for pid in family(process.pid)} for _ in range(2))
            if first.keys() == second.keys() and all((*first.values(), *second.values())):
                sums = [sum(rollup["Pss_Anon"] for rollup in look.values()) for look in (first, second)]
                anonymous = max(anonymous, min(sums))
                resident = max([resident, *(rollup["Rss"] for rollup in second.values())])
            time.sleep(0.1)
    if process.returncode:
        sys.exit(f"stopped: {' '.join(command)}")
    return Measured(time.perf_counter() - start, _busy() - busy, anonymous, resident)


def _busy() -> float:
    """Processor seconds of all processes that this one and its children have waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def family(pid: int) -> Iterator[int]:
    """A process and its descendants."""
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has just ended
        return
    for child in children:
        yield from family(int(child))


def memory(pid: int) -> dict[str, int]:
    """The smaps_rollup of a process in bytes; empty where it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    return {name.rstrip(":"): 1024 * int(kilobytes) for name, kilobytes, _ in map(str.split, lines)}


def main() -> None:
    """Run every stage for every number of clips, and print a table."""
    args = _arguments()
    if args.stage:
        STAGES[args.stage](args.folder, args.workers)
        return
    rows = []
    for clips in args.clips:
        folder = args.folder / f"corpus{clips}"
        folder.mkdir(parents=True)
        try:
            corpus(folder / "wav", clips, args.workers)
            for stage, command in commands(folder, args.workers).items():
                rows.append((stage, clips, measured(command)))
                print(_row(*rows[-1]), file=sys.stderr, flush=True)
        finally:
            shutil.rmtree(folder)
    print(f"{os.cpu_count()} cores, {args.workers} workers\n")
    heads = ("stage", "clips", "s", "clips/s", "processor: s", "clips/s", "anonymous: MiB", "resident: MiB")
    print(f"| {' | '.join(heads)} |\n|---{'|---:' * 7}|")
    for stage in TITLES:
        print("\n".join(_row(*row) for row in rows if row[0] == stage))


def _row(stage: str, clips: int, found: Measured) -> str:
    sizes = (found.anonymous >> 20, found.resident >> 20)
    times = (f"{t:,.1f}" + f" | {clips / t:,.0f}" for t in (found.seconds, found.busy))
    return f"| {' | '.join((TITLES[stage], f'{clips:,}', *times, *map('{:,}'.format, sizes)))} |"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clips", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--folder", type=Path, required=True, help="temporary folder for the corpora")
    parser.add_argument("--workers", type=int, default=2, help="processes per stage")
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
