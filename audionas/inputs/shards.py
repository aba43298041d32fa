"""Recordings of several channels as examples of a fit: their features, stored session by session.

Folds divide sessions, so every fold finds the features of its sessions in the same files, whichever part
they belong to. Each session has its sums beside it, from which any fold's mean and variance follow.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from audionas.core.cache import Block, Plan, built
from audionas.core.files import sha256_text
from audionas.core.reporter import Reporter
from audionas.core.shards import Shards
from audionas.data import store
from audionas.data.kaldi import DataDir, Item
from audionas.data.store import Form
from audionas.features import FrontEnd
from audionas.inputs.split import Split

_BLOCK = 16  # recordings computed per batch
FLOOR = 1e-5  # the least standard deviation, the same as for features stored in one file


@dataclass(frozen=True)
class SegmentSplit(Split):
    """One row per channel: its recording and features; mean and deviation of each coefficient (F,)."""

    items: list[Item]
    features: Shards
    mean: np.ndarray
    std: np.ndarray
    fingerprint: str  # of the data directory


class _Session(NamedTuple):
    """The features (rows, F, T) of one session, and the sums (recordings, 2, F) of each recording."""

    features: Shards
    sums: Shards


def open_segments(
    directory: DataDir,
    labels: Sequence[str],
    front_end: FrontEnd,
    form: Form,
    folder: Path,
    reporter: Reporter,
) -> SegmentSplit:
    """The channels of every recording, session by session; missing features are computed.

    Raises UserError for a file that cannot be read or does not have this form.
    """
    sessions: dict[str, list[Item]] = defaultdict(list)
    for item in directory:
        sessions[item.speaker].append(item)
    stored = [
        _stored(items, front_end, form, folder, reporter)
        for items in reporter.progress(sessions.values(), f"features of {directory.path}", len(sessions))
    ]
    items = [item for some in sessions.values() for item in some for _ in range(form.channels)]
    mean, std = _statistics(stored)
    return SegmentSplit(
        ids=[f"{item.id}-{row % form.channels}" for row, item in enumerate(items)],
        targets=np.array([labels.index(item.label) for item in items], dtype=np.int64),
        speakers=[item.speaker for item in items],
        items=items,
        features=Shards.joined([one.features for one in stored]),
        mean=mean,
        std=std,
        fingerprint=directory.fingerprint,
    )


def _stored(
    items: Sequence[Item], front_end: FrontEnd, form: Form, folder: Path, reporter: Reporter
) -> _Session:
    """The features of one session and the sums of each recording, computed once."""
    content = [(item.sha256, item.start, item.seconds) for item in items]
    identity = {"settings": front_end.settings, "form": form, "content": content}
    key = sha256_text(json.dumps(identity, sort_keys=True))
    freq, frames = front_end.shape(form.samples)
    place, rows, dtype = folder / f"session-{key[:16]}", len(items) * form.channels, "float32"
    features = built(
        Plan(place, key, rows, (freq, frames), dtype, _BLOCK * form.channels),
        partial(_computed, items, front_end, form),
        reporter,
        label="features",
        workers=1,
    ).array
    sums = built(
        Plan(place.with_name(f"{place.name}-sums"), key, len(items), (2, freq), "float64", _BLOCK),
        partial(_summed, features, form.channels),
        reporter,
        label="sums of features",
        workers=1,
    ).array
    return _Session(features, sums)


def _computed(items: Sequence[Item], front_end: FrontEnd, form: Form, start: int, stop: int) -> Block:
    """The features of the channels in these rows, recording by recording."""
    waves = store.read_all(items[start // form.channels : stop // form.channels], form)
    with torch.inference_mode():
        return Block(np.concatenate([front_end(torch.from_numpy(w))[:, 0].numpy() for w in waves]), [])


def _summed(features: Shards, channels: int, start: int, stop: int) -> Block:
    """The sum and the sum of squares (2, F) of each of these recordings, over its channels and frames."""
    recordings = (features[at * channels : (at + 1) * channels] for at in range(start, stop))
    sums = [(x.sum((0, 2), dtype=np.float64), np.square(x, dtype=np.float64).sum((0, 2))) for x in recordings]
    return Block(np.array(sums), [])


def _statistics(sessions: Sequence[_Session]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (F,) float32 of each coefficient over all channels and frames."""
    count = sum(len(one.features) * one.features.shape[2] for one in sessions)
    # session by session, recording by recording: another order changes the last bits
    total, squares = np.sum([_in_turn(one.sums) for one in sessions], axis=0)
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
    return mean.astype(np.float32), np.maximum(std, FLOOR).astype(np.float32)


def _in_turn(sums: Shards) -> np.ndarray:
    """The sums of a session (2, F)."""
    total = np.zeros(sums.shape[1:])
    for row in range(len(sums)):
        total += sums[row]
    return total
