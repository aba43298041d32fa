"""`audionas predict` and its Python interface: `m = audionas.load("exp/x")`, `m(waveform)`, `m.labels`."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor, nn

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from audionas.data import audio, sound
from audionas.images import augment, sets
from audionas.models.bundle import KeywordModel, ModelBundle
from audionas.models.names import find
from audionas.models.samples import checked
from audionas.models.scores import probabilities
from audionas.models.stream import TorchStream
from audionas.models.windows import Answer, Rule, answered, rule_for, slid
from audionas.nn.streaming import Pooling


class Classifier(ABC):
    """A trained model that takes one example at a time, or a prepared batch (`scores`)."""

    def __init__(self, bundle: ModelBundle, network: nn.Module) -> None:
        self.bundle = bundle
        self.labels = bundle.labels
        self.network = network

    @property
    def net(self) -> nn.Module:
        """The network alone, features or standardised images in, logits out."""
        net = self.network.net
        assert isinstance(net, nn.Module)
        return net

    def scores(self, batch: np.ndarray) -> np.ndarray:
        """Map (B, samples) or (B, 3, H, W) float32 inputs to (B, classes) probabilities.

        Raises UserError where the weights make no probabilities.
        """
        with torch.inference_mode():
            scores: np.ndarray = self.network(torch.from_numpy(batch)).numpy()
        return probabilities(scores, len(self.labels), "the model")

    def stream(self, pool: Pooling = "window") -> TorchStream:
        """The model fed in chunks: `s.step(samples)` gives scores (m, classes), one row per completed hop;
        `s.reset()` clears the state. Samples (n,) are in [-1, 1] or int16, at `s.sample_rate`, any n.

        The mean at the network's end is taken over the last clip (`window`), or fades (`exponential`), which
        needs less memory. Raises UserError for a network that looks ahead, and for an image model.
        """
        if pool not in get_args(Pooling):
            raise UserError(f"pool is {pool!r}, expected one of {', '.join(get_args(Pooling))}")
        return TorchStream(self.bundle, pool)

    @abstractmethod
    def predict(self, file: Path) -> dict[str, Any]:
        """The answer to a file, at least `label` and `scores`; a UserError names one that cannot be read."""


class Model(Classifier):
    """A trained keyword model that takes waveforms."""

    network: KeywordModel

    def __init__(self, bundle: ModelBundle, network: KeywordModel) -> None:
        super().__init__(bundle, network)
        self.sample_rate = network.front_end.sample_rate

    def __call__(self, wave: np.ndarray | Tensor) -> dict[str, float]:
        """Score per label: (N,) samples in [-1, 1] at `sample_rate`, or int16.

        Shorter clips are padded with zeros; over longer ones windows slide, as `answer` describes. Raises
        UserError for anything that is not a one-dimensional waveform of such samples.
        """
        return self.answer(wave).scores

    def answer(self, wave: np.ndarray | Tensor, windows: Rule | None = None) -> Answer:
        """The label of (N,) samples as above, its scores, and the windows that decided.

        In a longer waveform, `windows` is `highest` (the highest score that is not background; the rule for
        models with a background), `mean` (of the scores; the rule for others) or `first` (one clip is heard).
        """
        if np.size(wave) == 0:
            raise UserError("expected a waveform (N,), got no samples", hint="Give one mono clip.")
        samples = checked(wave)
        return self._answered([samples[None]], len(samples) / self.sample_rate, windows)

    def predict(self, file: Path, windows: Rule | None = None) -> dict[str, Any]:
        """The same for a recording of any rate and length; all channels where the model has several."""
        number, rate, seconds = self.bundle.channels, self.sample_rate, audio.length(file)
        if number > 1:
            return self._answered(sound.channels(str(file), rate, number), seconds, windows).plain()
        pieces = (piece[None] for piece in sound.blocks(str(file), rate))
        return self._answered(pieces, seconds, windows).plain()

    def _answered(self, pieces: Iterable[np.ndarray], seconds: float, windows: Rule | None) -> Answer:
        if windows not in (None, *get_args(Rule)):
            raise UserError(f"windows is {windows!r}, expected one of {', '.join(get_args(Rule))}")
        # an end of less than a hop gives the front-end no frame
        slides = slid(pieces, self.bundle.samples, least=self.network.front_end.hop)
        rule = windows or rule_for(self.labels)
        slides = islice(slides, 1) if rule == "first" else slides
        return answered(slides, self.scores, self.labels, self.sample_rate, rule, seconds)


class ImageModel(Classifier):
    """A trained model that takes images; `size` is the side that its network sees."""

    def __init__(self, bundle: ModelBundle, network: nn.Module) -> None:
        super().__init__(bundle, network)
        self.size = bundle.spec.io.freq

    def __call__(self, image: np.ndarray | Tensor) -> dict[str, float]:
        """Score per label for one RGB image (H, W, 3): uint8 of any size, or floats in [0, 1] of `size`.

        A uint8 image is resized as image files are, then its centre is cropped. Raises UserError for
        anything else.
        """
        array = np.asarray(image)
        if array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
            raise UserError(f"expected an RGB image (H, W, 3), got shape {array.shape}")
        if array.dtype == np.uint8:
            return self._said(self.ready(sets.fitted(array, self.bundle.resize)[None]))
        if not np.issubdtype(array.dtype, np.floating):
            raise UserError(f"expected uint8, or floats in [0, 1], got {array.dtype}")
        if array.shape[:2] != (self.size, self.size):
            raise UserError(
                f"expected {self.size} x {self.size} pixels, got {array.shape[0]} x {array.shape[1]}",
                hint="Give uint8 pixels to have them resized.",
            )
        if not ((array >= 0) & (array <= 1)).all():
            raise UserError("the image holds values outside [0, 1]")
        return self._said(np.ascontiguousarray(array.transpose(2, 0, 1), dtype=np.float32)[None])

    def predict(self, file: Path) -> dict[str, Any]:
        """The answer to an image file of any size."""
        scores = self._said(self.ready(sets.read_file(file, self.bundle.resize)[None]))
        return {"label": max(scores, key=lambda label: scores[label]), "scores": scores}

    def _said(self, batch: np.ndarray) -> dict[str, float]:
        """Score per label of the one image in a batch."""
        return dict(zip(self.labels, self.scores(batch)[0].tolist(), strict=True))

    def ready(self, pixels: np.ndarray) -> np.ndarray:
        """Map (B, H, W, 3) uint8 pixels, already resized, to the network's (B, 3, size, size) in [0, 1]."""
        batch: np.ndarray = augment.plain(torch.from_numpy(pixels), self.size).contiguous().numpy()
        return batch


def load(folder: str | Path) -> Model | ImageModel:
    """The trained model of a run folder (`exp/x`), of its `model/` folder, or an included one (`kws12`).

    A path that exists takes precedence over a name.
    """
    folder = find(folder)
    bundle = ModelBundle.load(folder if (folder / "bundle.json").exists() else folder / "model")
    if bundle.deaf:
        Reporter().note(f"{folder}: {bundle.deaf}")
    network = bundle.network()
    return Model(bundle, network) if isinstance(network, KeywordModel) else ImageModel(bundle, network)
