"""Features of a whole data set, computed once into a memory-mapped file, and their statistics."""

import copy
import json
from pathlib import Path

import numpy as np
import torch

from audionas.core.files import sha256_text
from audionas.core.memmap import memmap_cache
from audionas.core.report import Reporter
from audionas.features._frontend import FrontEnd

FLOOR = 1e-5  # the least standard deviation: a coefficient that never changes must not divide by zero
_BLOCK = 512  # clips read at a time for the statistics


def feature_store(
    front_end: FrontEnd,
    waves: np.ndarray,
    *,
    key: str,
    folder: Path,
    reporter: Reporter,
    batch: int = 256,
    device: str = "cpu",
) -> np.memmap:
    """Features (n, F, T) float32 of `waves` (n, samples) int16, read-only.

    `key` identifies the waves (their fingerprint). The file in `folder` is named after the key and the
    front-end's settings and is computed only when it is not there.
    """
    identity = {"settings": front_end.settings, "waves": key, "count": len(waves)}
    full_key = sha256_text(json.dumps(identity, sort_keys=True))
    shape = (len(waves), *front_end.shape(waves.shape[1]))

    def fill(out: np.memmap, reporter: Reporter) -> None:
        module = copy.deepcopy(front_end).to(device)
        starts = range(0, len(waves), batch)
        for at in reporter.progress(starts, "features"):
            x = torch.from_numpy(waves[at : at + batch].astype(np.float32) / 32768).to(device)
            with torch.inference_mode():
                out[at : at + batch] = module(x)[:, 0].cpu().numpy()

    return memmap_cache(
        folder / f"features-{full_key[:12]}.f32", shape, "float32", full_key, fill, reporter
    ).array


def statistics(store: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
