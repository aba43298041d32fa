"""Inputs of an evaluation: clips, recordings of several channels, or test images, in batches."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from audionas.core.reporter import Reporter
from audionas.data import kaldi, store
from audionas.data.audio import Channel
from audionas.data.conf import Data
from audionas.data.files import sums
from audionas.data.kaldi import DataDir
from audionas.data.labels import require_known
from audionas.data.sound import conversion, cuts
from audionas.data.store import Form
from audionas.inputs.audio import open_split
from audionas.inputs.images import open_test
from audionas.inputs.split import Split

Opened = tuple[Split, Callable[[int, int], np.ndarray]]  # examples; rows of them as a float32 batch


def open_clips(
    model: Any, directory: Path, data: Data, reporter: Reporter, items: DataDir | None = None
) -> Opened:
    """The clips of a data directory, or `items` in it; a batch is (B, samples) in [-1, 1].

    Files of any rate and number of channels are converted; notes say what was, and what of them is cut off or
    padded.
    """
    items = kaldi.read(directory) if items is None else items
    clip = model.bundle.samples / model.sample_rate
    remedy = "audionas predict EXP FILE hears all of a file"
    if words := cuts([item.seconds for item in items], clip, remedy=remedy):
        reporter.note(f"{directory}: {words}")
    cache = Path(data.cache) if data.cache else directory.parent / "cache"
    if model.bundle.channels > 1:
        return _channels(model, sums.require_unchanged(items, cache, reporter))
    found = conversion((item.audio for item in items), model.sample_rate)
    if words := found.words(model.sample_rate):
        reporter.note(f"{directory}: {words}")
    rules = Data(
        train=str(directory),
        seconds=clip,
        on_bad=data.on_bad,
        resample=bool(found.rates),
        cache=str(cache),
    )
    channel: Channel = "mix" if found.mixed else None
    front_end = model.network.front_end
    split = open_split(items, rules, model.labels, front_end, model.bundle.samples, reporter, channel)
    array = split.waves.array
    return split, lambda start, end: array[start:end].astype(np.float32) / np.float32(32768)


def _channels(model: Any, items: DataDir) -> Opened:
    """Recordings of several channels, read when needed; a batch is (B * channels, samples)."""
    require_known(items, model.labels)
    form = Form(model.sample_rate, model.bundle.channels, model.bundle.samples)
    split = Split(
        ids=[item.id for item in items],
        targets=np.array([model.labels.index(item.label) for item in items], dtype=np.int64),
        speakers=[item.speaker or item.id for item in items],
    )
    return split, lambda start, end: np.concatenate(list(store.read_all(items[start:end], form)))


def open_pictures(model: Any, path: Path, data: Data, reporter: Reporter) -> Opened:
    """The test images of an archive, a file or a folder; a batch is (B, 3, H, W) in [0, 1]."""
    split = open_test(path, model.bundle, data.cache, reporter)
    pixels, rows = split.pool.pixels, split.rows
    return split, lambda start, end: model.ready(pixels[rows[start:end]])
