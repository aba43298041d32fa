"""`audionas predict`, and the Python door: `m = audionas.load("exp/x")`, `m(waveform)`, `m.labels`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from audionas.core.errors import UserError
from audionas.data import audio
from audionas.export.bundle import ModelBundle


class Model:
    """A trained keyword model that takes waveforms."""

    def __init__(self, bundle: ModelBundle) -> None:
        self.bundle = bundle
        self.labels = bundle.labels
        self.network = bundle.network()
        self.sample_rate = self.network.front_end.sample_rate

    def __call__(self, wave: np.ndarray | Tensor) -> dict[str, float]:
        """Score per label of one clip: (N,) samples in [-1, 1] at `sample_rate`, or int16.

        Shorter clips are padded with zeros, longer ones cut to the trained length. Raises UserError
        for anything that is not a one-dimensional waveform of such samples.
        """
        array = np.asarray(wave)
        if array.ndim != 1 or array.size == 0:
            raise UserError(f"expected a waveform (N,), got shape {array.shape}", hint="Give one mono clip.")
        if array.dtype != np.int16 and not np.issubdtype(array.dtype, np.floating):
            raise UserError(f"expected samples in [-1, 1] or int16, got {array.dtype}")
        if not np.isfinite(array).all():
            raise UserError("the waveform holds samples that are not finite numbers")
        scores = self.scores(self._fitted(array)[None])[0]
        return dict(zip(self.labels, scores.tolist(), strict=True))

    def scores(self, waves: np.ndarray) -> np.ndarray:
        """(B, samples) float32 waveforms to (B, classes) probabilities."""
        with torch.inference_mode():
            scores: np.ndarray = self.network(torch.from_numpy(waves)).numpy()
        return scores

    def _fitted(self, wave: np.ndarray) -> np.ndarray:
        scale = 32768.0 if wave.dtype == np.int16 else 1.0
        clip = np.zeros(self.bundle.samples, dtype=np.float32)
        part = wave[: self.bundle.samples].astype(np.float32) / scale
        clip[: len(part)] = part
        return clip


def load(folder: str | Path) -> Model:
    """The trained model of a run folder (`exp/x`), or of its `model/` folder."""
    folder = Path(folder)
    return Model(ModelBundle.load(folder if (folder / "bundle.json").exists() else folder / "model"))


def predict(folder: Path, files: Sequence[Path], *, resample: bool = False) -> list[dict[str, Any]]:
    """One row a file: label and score per label. Every unreadable file is reported at once."""
    model = load(folder)
    seconds = model.bundle.samples / model.sample_rate
    rows, problems, hints = [], [], set()
    for file in files:
        try:
            wave = audio.read(file, rate=model.sample_rate, seconds=seconds, resample=resample)
        except UserError as error:
            problems += error.problems
            hints.add(error.hint)
            continue
        scores = model(wave)
        best, _ = max(scores.items(), key=lambda pair: pair[1])
        rows.append({"file": str(file), "label": best, "scores": scores})
    if problems:
        raise UserError(problems, hint="\n".join(sorted(filter(None, hints))))
    return rows
