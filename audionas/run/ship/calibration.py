"""Clips to calibrate int8 by, from the data that the run folder says a model was trained on."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.data import audio, kaldi
from audionas.inputs.feed import config_of
from audionas.models.model import Model

MOST = 200  # clips
_BATCH = 32


class Calibration(NamedTuple):
    """Features (clips, F, T), not normalised, and the data directory that they are from."""

    features: np.ndarray
    source: str


def find(folder: Path, model: Model, asked: Path | None) -> Calibration:
    """Up to 200 clips, chosen with a seed, of `asked` or of what the model was trained on.

    Raises UserError where neither is known or the directory is not there.
    """
    conf = config_of(folder) if asked is None else None
    source = asked or (Path(conf.data.train) if conf else None)
    if source is None:
        raise UserError(
            f"{folder}: int8 needs clips to calibrate by, and it is not known what the model was trained on",
            hint="Name a data directory: --calibrate DIR",
        )
    try:
        items = kaldi.read(source)
    except UserError as error:
        hint = "It was trained on this. Name another data directory: --calibrate DIR" if conf else error.hint
        raise UserError(error.problems, hint=hint) from error
    if not len(items):
        raise UserError(f"{source}: no clips to calibrate by")
    rng = numpy_rng("calibration", items.fingerprint)
    chosen = items.chosen(sorted(rng.permutation(len(items))[:MOST].tolist()))
    return Calibration(features_of(model, read(model, chosen)), str(source))


def read(model: Model, items: kaldi.DataDir) -> np.ndarray:
    """The clips (n, samples) as the model takes them; of several channels the first."""
    rate = model.sample_rate
    seconds, channel = model.bundle.samples / rate, model.bundle.first_channel
    clips = [
        audio.read(i.audio, rate=rate, seconds=seconds, start=i.start, resample=True, channel=channel)
        for i in items
    ]
    return np.stack(clips)


def features_of(model: Model, clips: np.ndarray) -> np.ndarray:
    """(n, samples) to the front-end's (n, F, T)."""
    front_end = model.network.front_end
    with torch.inference_mode():
        parts = [
            front_end(torch.from_numpy(clips[at : at + _BATCH]))[:, 0] for at in range(0, len(clips), _BATCH)
        ]
    return torch.cat(parts).numpy()
