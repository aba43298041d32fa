"""Recordings of several channels as examples of a fit: their features, stored session by session.

Sessions are what folds divide, so every fold finds the features of its sessions in the same files, whichever
part they are of. Each file has its sums beside it, from which any fold's mean and variance follow.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from audionas.core.files import sha256_text
from audionas.core.memmap import Stored, memmap_cache
from audionas.core.reporter import Reporter
from audionas.core.shards import Shards
from audionas.data import store
from audionas.data.kaldi import DataDir, Item
from audionas.data.store import Form
from audionas.features import FrontEnd
from audionas.inputs.split import Split

FLOOR = 1e-5  # the least standard deviation, as of features that are stored in one file


@dataclass(frozen=True)
class SegmentSplit(Split):
    """A row a channel: the recording of each, features, and mean and deviation of each coefficient (F,)."""

    items: list[Item]
    features: Shards
    mean: np.ndarray
    std: np.ndarray


def open_segments(
    directory: DataDir,
    labels: Sequence[str],
    front_end: FrontEnd,
    form: Form,
    folder: Path,
    reporter: Reporter,
) -> SegmentSplit:
    """The channels of every recording, session after session; features that are not there are computed.

    Raises UserError for a file that cannot be read or is not of this form.
    """
    sessions: dict[str, list[Item]] = defaultdict(list)
    for item in directory:
        sessions[item.speaker].append(item)
    stored = [
        _stored(items, front_end, form, folder, reporter)
        for items in reporter.progress(sessions.values(), f"features of {directory.path}", len(sessions))
    ]
    items = [item for some in sessions.values() for item in some for _ in range(form.channels)]
    mean, std = _statistics([one.note for one in stored])
    return SegmentSplit(
        ids=[f"{item.id}-{row % form.channels}" for row, item in enumerate(items)],
        targets=np.array([labels.index(item.label) for item in items], dtype=np.int64),
        speakers=[item.speaker for item in items],
        items=items,
        features=Shards([one.array for one in stored]),
        mean=mean,
        std=std,
    )


def _stored(
    items: Sequence[Item], front_end: FrontEnd, form: Form, folder: Path, reporter: Reporter
) -> Stored:
    """The features of one session (n * channels, F, T); computed once."""
    content = [(item.sha256, item.start, item.seconds) for item in items]
    identity = {"settings": front_end.settings, "form": form, "content": content}
    key = sha256_text(json.dumps(identity, sort_keys=True))
    shape = (len(items) * form.channels, *front_end.shape(form.samples))

    def fill(out: np.memmap, _: Reporter) -> dict[str, Any]:
        total, squares = np.zeros(shape[1]), np.zeros(shape[1])
        for place, wave in enumerate(store.read_all(items, form)):
            with torch.inference_mode():
                x = front_end(torch.from_numpy(wave))[:, 0].numpy()
            out[place * form.channels : (place + 1) * form.channels] = x
            total += x.sum((0, 2), dtype=np.float64)
            squares += np.square(x, dtype=np.float64).sum((0, 2))
        return {"sum": total.tolist(), "squares": squares.tolist(), "count": shape[0] * shape[2]}

    return memmap_cache(folder / f"session-{key[:16]}.f32", shape, "float32", key, fill, reporter)


def _statistics(notes: Sequence[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (F,) float32 of each coefficient over all channels and frames."""
    count = sum(note["count"] for note in notes)
    mean = np.sum([note["sum"] for note in notes], axis=0) / count
    variance = np.sum([note["squares"] for note in notes], axis=0) / count - mean**2
    std = np.sqrt(np.maximum(variance, 0.0))
    return mean.astype(np.float32), np.maximum(std, FLOOR).astype(np.float32)
