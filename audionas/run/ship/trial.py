"""The trial of exported files: the torch model's own answers to real clips, and the files' accuracy."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from audionas.core.reporter import Reporter, amount
from audionas.core.rng import numpy_rng
from audionas.data.conf import Data
from audionas.engine.fusion import fused
from audionas.engine.metrics import interval
from audionas.export import verify
from audionas.inputs.evaluated import open_clips
from audionas.inputs.images import open_test
from audionas.inputs.split import Split
from audionas.models.model import ImageModel, Model
from audionas.models.stream import TorchStream
from audionas.nn.streaming import Pooling

CLIPS, HEARD, COMPARED = 64, 128, 1024  # clips in a batch; for files that listen; for stream against clip
_BATCH = 256

Scores = Callable[[np.ndarray], np.ndarray]


@dataclass
class Trial:
    """Some inputs ready for the model and, if they come from data, all of the data with the truth."""

    model: Model | ImageModel
    source: str
    few: np.ndarray  # (n, samples), or images (n, 3, H, W)
    heard: np.ndarray  # (n, samples)
    split: Split | None
    batch: Callable[[int, int], np.ndarray] | None
    step: int  # every `step`-th example of the split is in `heard`
    pool: Pooling
    reporter: Reporter

    def right(self, scores: Scores, label: str) -> dict[str, Any] | None:
        """Accuracy over all the data, with its 95 % interval over speakers; None without data."""
        if self.split is None or self.batch is None:
            return None
        channels = self.model.bundle.channels
        size = max(1, _BATCH // channels)
        starts = self.reporter.progress(range(0, len(self.split), size), label)
        found = np.concatenate([scores(self.batch(at, at + size)) for at in starts])
        answers = fused(found, channels).argmax(1)
        return _figures(answers, self.split.targets, self.split.speakers)

    def right_heard(self, rows: np.ndarray) -> dict[str, Any] | None:
        """The same for scores from listening (n, hops, classes), whose last one is the answer."""
        if self.split is None:
            return None
        answers = rows[:, -1].argmax(1)
        return _figures(answers, self.split.targets[:: self.step], self.split.speakers[:: self.step])

    def right_after(self, last: np.ndarray) -> dict[str, Any] | None:
        """The same for the last scores (n, classes) of clips that were heard after other sound."""
        return self.right_heard(last[:, None])

    @cached_property
    def pasts(self) -> tuple[list[np.ndarray], str]:
        """The sound before each of the clips that are heard, and where it comes from."""
        found, source = verify.pasts(self.heard, TorchStream(self.model.bundle, self.pool).sample_rate)
        return found, source if self.split is not None else f"more {self.source}"

    @cached_property
    def torch_after(self) -> np.ndarray:
        """Last scores (n, classes) of the model itself, each clip heard after its past."""
        return verify.after(TorchStream(self.model.bundle, self.pool), self.heard, self.pasts[0])

    @cached_property
    def same_as_clip(self) -> dict[str, Any] | None:
        """How often a stream gives the last clip the label of the clip's classifier, on up to `COMPARED`
        clips: from silence (`fresh`) and after other sound (`past`), at a hop that ends with the clip; and
        how often the classifier keeps its own label where the clip ends up to one hop earlier (`moved`).
        None without data: noise has one label everywhere.
        """
        if self.split is None or self.batch is None:
            return None
        assert isinstance(self.model, Model)
        listener, rows = TorchStream(self.model.bundle, self.pool), []
        ears = self.model.network.front_end
        lag = ears.tail if ears.foreign else 0  # others give their first frames while they still hear silence
        for clips in self._compared(len(self.split), self.batch):
            whole = self.model.scores(clips).argmax(1)
            pasts, _ = verify.pasts(clips, listener.sample_rate)
            fresh = verify.ended(listener, clips, [clips[0, :0]] * len(clips), lag).argmax(1)
            late = verify.ended(listener, clips, pasts, lag).argmax(1)
            moved = self.model.scores(verify.moved(clips, pasts, listener.hop)).argmax(1)
            rows.append(np.stack((fresh, late, moved)) == whole)
        same = np.concatenate(rows, 1)
        shares = zip(("fresh", "past", "moved"), same.mean(1).tolist(), strict=True)
        return {**dict(shares), "clips": same.shape[1]}

    @staticmethod
    def _compared(many: int, batch: Callable[[int, int], np.ndarray]) -> Iterator[np.ndarray]:
        places = range(0, many, _step(many, COMPARED))
        for at in range(0, len(places), CLIPS):
            yield np.concatenate([batch(k, k + 1)[:1] for k in places[at : at + CLIPS]])

    @cached_property
    def torch(self) -> dict[str, Any] | None:
        """Accuracy of the model itself."""
        return self.right(self.model.scores, "scoring by torch")

    @cached_property
    def torch_heard(self) -> np.ndarray:
        """Scores of the model itself, hop by hop: (n, hops, classes)."""
        self.reporter.note(f"torch listens to {amount(len(self.heard), 'clip')}")
        return verify.heard(TorchStream(self.model.bundle, self.pool), self.heard)


def prepare(
    folder: Path, model: Model | ImageModel, data: Path | None, pool: Pooling, reporter: Reporter
) -> Trial:
    """The trial on `data`, or on seeded noise without data. Raises UserError for data with other classes."""
    bundle = model.bundle
    if isinstance(model, ImageModel) and data is not None:
        pictures = open_test(data, bundle, "", reporter)
        pixels = pictures.pool.pixels[pictures.rows[:: _step(len(pictures), CLIPS)]]
        few = model.ready(pixels)
        return Trial(model, str(data), few, few[:0], None, None, 1, pool, reporter)
    if data is None:
        rng, shape = numpy_rng("export", "noise"), (CLIPS, *bundle.input_shape)
        image = isinstance(model, ImageModel)
        noise = rng.random(shape) if image else rng.normal(0, 0.1, shape).clip(-1, 1)
        few = noise.astype(np.float32)
        return Trial(model, "seeded noise", few, few, None, None, 1, pool, reporter)
    split, batch = open_clips(model, data, Data(), reporter)
    step = _step(len(split), HEARD)
    heard = np.concatenate([batch(at, at + 1)[:1] for at in range(0, len(split), step)])
    few = heard[:: _step(len(heard), CLIPS)]
    return Trial(model, str(data), few, heard, split, batch, step, pool, reporter)


def _figures(answers: np.ndarray, targets: np.ndarray, speakers: list[str]) -> dict[str, Any]:
    right = answers == targets
    return {"accuracy": float(right.mean()), **interval(right, speakers).plain(), "n": len(right)}


def _step(count: int, most: int) -> int:
    return -(-count // most)
