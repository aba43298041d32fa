"""Features of a whole data set, computed once into memory-mapped files, and their statistics."""

import copy
import json
from functools import partial
from pathlib import Path

import numpy as np
import torch

from audionas.core.cache import Block, Plan, built
from audionas.core.files import sha256_text
from audionas.core.reporter import Reporter
from audionas.core.shards import Shards
from audionas.features._frontend import FrontEnd

FLOOR = 1e-5  # the least standard deviation, so that a constant coefficient does not divide by zero
_BLOCK = 512  # clips read at a time for the statistics
_BATCH, _BYTES = 64, 4 << 20  # limits of a block: clips, bytes


def feature_store(
    front_end: FrontEnd,
    waves: np.ndarray | Shards,
    *,
    key: str,
    folder: Path,
    reporter: Reporter,
    workers: int | None = None,
) -> Shards:
    """Features (n, F, T) float32 of `waves` (n, samples) int16, read-only.

    `key` identifies the waves (their fingerprint). The files are in a folder inside `folder`, named
    after the key and the front-end's settings; missing ones are computed by `workers` processes (default:
    all cores), whose number does not change the files.
    """
    count, samples = waves.shape
    identity = {"settings": front_end.settings, "waves": key, "count": count}
    full_key = sha256_text(json.dumps(identity, sort_keys=True))
    own = copy.deepcopy(front_end).cpu()
    return built(
        Plan(
            folder / f"features-{full_key[:12]}",
            full_key,
            count,
            front_end.shape(samples),
            "float32",
            max(1, min(_BATCH, _BYTES // (2 * samples))),
        ),
        partial(_computed, own, waves),
        reporter,
        label="features",
        workers=workers,
    ).array


def _computed(front_end: FrontEnd, waves: np.ndarray | Shards, start: int, stop: int) -> Block:
    """The features of some clips, on one thread, as the last bits may depend on the number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            x = torch.from_numpy(waves[start:stop].astype(np.float32) / 32768)
            return Block(front_end(x)[:, 0].numpy(), [])
    finally:
        torch.set_num_threads(threads)


def statistics(store: np.ndarray | Shards) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of every coefficient over clips and frames: (n, F, T) to two (F,) float32.

    Sums are float64, in blocks, so that neither memory nor precision depends on the number of clips.
    """
    total = np.zeros(store.shape[1])
    squares = np.zeros(store.shape[1])
    for at in range(0, len(store), _BLOCK):
        block = np.asarray(store[at : at + _BLOCK], dtype=np.float64)
        total += block.sum(axis=(0, 2))
        squares += np.square(block).sum(axis=(0, 2))
    count = store.shape[0] * store.shape[2]
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
    return mean.astype(np.float32), np.maximum(std, FLOOR).astype(np.float32)
