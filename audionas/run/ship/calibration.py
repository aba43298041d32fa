"""Clips to calibrate int8 on, from the training data that the run folder names."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from audionas.core.rng import numpy_rng
from audionas.data import audio, kaldi
from audionas.data.files import sums
from audionas.data.sound import clip, cuts
from audionas.inputs.feed import config_of
from audionas.models.model import Model

MOST = 200  # clips
_BATCH = 32


class Calibration(NamedTuple):
    """Features (clips, F, T), not normalised, and their data directory."""

    features: np.ndarray
    source: str


def find(folder: Path, model: Model, asked: Path | None, reporter: Reporter) -> Calibration:
    """Up to 200 clips, chosen with a seed, from `asked` or from the model's training data.

    Raises UserError where neither is known or the directory is missing.
    """
    conf = config_of(folder) if asked is None else None
    source = asked or (Path(conf.data.train) if conf else None)
    if source is None:
        raise UserError(
            f"{folder}: int8 needs clips to calibrate on, and the model's training data are unknown",
            hint="Give a data directory: --calibrate DIR",
        )
    try:
        items = kaldi.read(source)
    except UserError as error:
        hint = "It was trained on this. Give another data directory: --calibrate DIR" if conf else error.hint
        raise UserError(error.problems, hint=hint) from error
    if not len(items):
        raise UserError(f"{source}: no clips to calibrate on")
    rng = numpy_rng("calibration", items.fingerprint)
    chosen = items.chosen(sorted(rng.permutation(len(items))[:MOST].tolist()))
    seconds = model.bundle.samples / model.sample_rate
    if words := cuts([item.seconds for item in chosen], seconds):
        reporter.note(f"calibrating on {source}: {words}")
    cache = Path(conf.data.cache) if conf and conf.data.cache else source.parent / "cache"
    chosen = sums.require_unchanged(chosen, cache, reporter)
    return Calibration(features_of(model, read(model, chosen)), str(source))


def read(model: Model, items: kaldi.DataDir) -> np.ndarray:
    """The clips (n, samples) as the model takes them; the first channel where there are several."""
    rate = model.sample_rate
    samples, channel = model.bundle.samples, model.bundle.first_channel
    most, form = samples / rate, {} if channel is None else {"channel": channel}
    parts = (
        clip(
            i.audio, rate, start=i.start, seconds=min(i.seconds, most), promised=i.seconds, loud=True, **form
        )
        for i in items  # training has judged how loud they are
    )
    return np.stack([audio.fitted(part, samples) for part in parts])


def features_of(model: Model, clips: np.ndarray) -> np.ndarray:
    """Map (n, samples) to the front-end's (n, F, T)."""
    front_end = model.network.front_end
    with torch.inference_mode():
        parts = [
            front_end(torch.from_numpy(clips[at : at + _BATCH]))[:, 0] for at in range(0, len(clips), _BATCH)
        ]
    return torch.cat(parts).numpy()
