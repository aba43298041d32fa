"""A LiteRT file as a listener: the bundle's front-end, then the file hop by hop."""

import math
from pathlib import Path

import numpy as np

from audionas.core.errors import UserError
from audionas.export.litert import LiteFile
from audionas.features import build
from audionas.models.bundle import ModelBundle
from audionas.models.hops import HopListener, States


class LiteStream(HopListener):
    """A file of `export/litert.py`, float or int8; `LiteFile` keeps its states, inside or outside the file.

    Raises UserError for a file that is missing, that LiteRT cannot load, or that belongs to another bundle.
    """

    def __init__(self, file: Path, bundle: ModelBundle) -> None:
        if bundle.features is None:
            raise UserError(f"{file}: an image model cannot listen")
        ears = build(bundle.features)
        self.source, self.lite, self.frames = file, LiteFile(file), ears.stream()
        self.labels, self.sample_rate = bundle.labels, ears.sample_rate
        self.width, self.hop = self.lite.hop, self.lite.hop * ears.hop
        lead = 0 if ears.foreign else ears.lead
        self.warm_up = math.ceil((bundle.spec.io.frames + lead) / self.width) - 1
        if self.lite.freq != bundle.spec.io.freq:
            raise UserError(
                f"{file}: takes {self.lite.freq} frequencies, the model has {bundle.spec.io.freq}",
                hint="Export it again.",
            )
        self.reset()

    def start(self) -> States:
        """Return no states: the file's runtime starts afresh."""
        self.lite.reset()
        return []

    def run(self, part: np.ndarray, states: States) -> tuple[np.ndarray, States]:
        """Run one step."""
        return self.scores(part[0, 0])[None], states

    def scores(self, frames: np.ndarray) -> np.ndarray:
        """Map features (F, hop) to probabilities (classes,)."""
        return self.lite.step(frames)
