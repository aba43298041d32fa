"""The weights in int8 files: those of the training, or fine-tuned ones where int8 loses accuracy."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from audionas.config import Config
from audionas.core.errors import UserError
from audionas.core.reporter import Reporter, amount
from audionas.data.conf import Data
from audionas.engine.metrics import interval
from audionas.export import quantize
from audionas.inputs import feed
from audionas.inputs.evaluated import open_clips
from audionas.models.bundle import ModelBundle
from audionas.models.model import Model
from audionas.models.owned import TUNED, enter
from audionas.run.ship.calibration import Calibration, features_of
from audionas.run.ship.calibration import find as find_clips
from audionas.run.training.fine_tune import fine_tune

FineTune = Literal["auto", "always", "never"]
LOSS = 0.01  # loss of accuracy above which `auto` fine-tunes
_BATCH = 256


@dataclass
class Int8:
    """The run's conversion to int8, computed once and shared by all files that need it."""

    folder: Path
    model: Model
    calibrate: Path | None
    fine_tune: FineTune
    reporter: Reporter

    @cached_property
    def calibration(self) -> Calibration:
        """Clips to calibrate on."""
        self.reporter.note("choosing clips to calibrate int8 on")
        return find_clips(self.folder, self.model, self.calibrate, self.reporter)

    @cached_property
    def chosen(self) -> "Chosen":
        """The bundle that int8 files are made from, and the figures behind the choice."""
        return _choose(self)

    @cached_property
    def network(self) -> bytes:
        """The network in int8 as ONNX, as `quantize.quantised` gives it."""
        known = self.chosen.network
        return known or quantize.quantised(self.chosen.bundle, self.calibration.features)

    @property
    def told(self) -> dict[str, Any]:
        """The choice of the weights for the report, as far as any file needed it."""
        return self.chosen.told if "chosen" in self.__dict__ else {}


@dataclass(frozen=True)
class Chosen:
    """A bundle, the figures on development data for the report, and the network where it was measured."""

    bundle: ModelBundle
    told: dict[str, Any]
    network: bytes | None = None


@dataclass(frozen=True)
class _Dev:
    """The development data as features (n, F, T), and the truth."""

    features: np.ndarray
    targets: np.ndarray
    speakers: list[str]

    def accuracy(self, scores: np.ndarray) -> dict[str, Any]:
        """Accuracy with its 95 % interval over speakers."""
        right = scores.argmax(1) == self.targets
        return {"accuracy": float(right.mean()), **interval(right, self.speakers).plain()}


def _choose(int8: Int8) -> Chosen:
    """Quantise, measure on the development data, and fine-tune where requested or needed."""
    model, conf = int8.model, feed.config_of(int8.folder)
    features = int8.calibration.features
    int8.reporter.note(f"quantising with {amount(len(features), 'clip')} of {int8.calibration.source}")
    told: dict[str, Any] = {"calibrated_on": int8.calibration.source, "clips": len(features)}
    told["weights"] = "post-training"
    if int8.fine_tune == "never":
        return Chosen(model.bundle, told)
    dev = None if conf is None else _development(conf, model, int8.reporter)
    if dev is None or conf is None:
        if int8.fine_tune == "always":
            raise UserError(
                f"{int8.folder}: does not hold the training that fine-tuning would continue",
                hint="Export without fine-tuning: --fine-tune never",
            )
        return Chosen(model.bundle, told)
    first = quantize.quantised(model.bundle, features)
    told |= {"development": conf.data.dev, "development_clips": len(dev.targets)}
    told["float"] = dev.accuracy(_float_scores(model, dev.features))
    told["post_training"] = dev.accuracy(quantize.scores(first, model.bundle, dev.features))
    lost = told["float"]["accuracy"] - told["post_training"]["accuracy"]
    int8.reporter.note(_say("post-training", told["post_training"], told["float"]))
    if int8.fine_tune == "auto" and lost <= LOSS:
        return Chosen(model.bundle, told, first)
    enter(int8.folder, TUNED)
    tuned = fine_tune(conf, model.bundle, int8.folder / "export" / "int8", int8.reporter)
    second = quantize.quantised(tuned, features)
    told["fine_tuned"] = dev.accuracy(quantize.scores(second, tuned, dev.features))
    int8.reporter.note(_say("fine-tuned", told["fine_tuned"], told["float"]))
    if told["fine_tuned"]["accuracy"] < told["post_training"]["accuracy"]:
        int8.reporter.note("fine-tuning did not help: the files have the weights as trained")
        return Chosen(model.bundle, told, first)
    return Chosen(tuned, {**told, "weights": "fine-tuned"}, second)


def _development(conf: Config, model: Model, reporter: Reporter) -> _Dev | None:
    """The development clips of the training. Raises UserError where they are missing."""
    directory = Path(conf.data.dev)
    data = Data(on_bad=conf.data.on_bad, cache=conf.data.cache)
    split, batch = open_clips(model, directory, data, reporter)
    if not len(split):
        return None
    parts = [
        features_of(model, batch(at, at + _BATCH)[:: model.bundle.channels])
        for at in reporter.progress(range(0, len(split), _BATCH), f"features of {directory}")
    ]
    return _Dev(np.concatenate(parts), split.targets, split.speakers)


def _float_scores(model: Model, features: np.ndarray) -> np.ndarray:
    import torch

    with torch.inference_mode():
        parts = [
            model.net(model.network.normalize(torch.from_numpy(features[at : at + _BATCH]).unsqueeze(1)))
            for at in range(0, len(features), _BATCH)
        ]
    return torch.cat(parts).softmax(1).numpy()


def _say(which: str, int8: dict[str, Any], plain: dict[str, Any]) -> str:
    right, before = int8["accuracy"], plain["accuracy"]
    return f"int8 {which}: {right:.2%} of the development clips are right, in float {before:.2%}"
