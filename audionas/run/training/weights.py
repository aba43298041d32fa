"""Weights of examples in a training: `train.sources` and `train.class_weight`."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from audionas.config import Config
from audionas.core.errors import UserError, did_you_mean
from audionas.core.files import sha256_text
from audionas.core.reporter import amount
from audionas.data.balance import Mix
from audionas.data.batches import Batches
from audionas.data.groups import read_groups
from audionas.inputs.audio import ClipInputs
from audionas.inputs.split import Inputs


@dataclass(frozen=True)
class Weights:
    """The shares of sources in an epoch, the loss's multipliers of each row (n,) and of each class
    (classes,), and a digest of the rows' sources.
    """

    mix: Mix | None
    rows: np.ndarray
    classes: np.ndarray
    digest: str = ""

    def over(self, batches: Batches) -> Batches:
        """The batches with the rows that the sources' shares draw."""
        return batches if self.mix is None else batches.mixed(self.mix)

    @property
    def facts(self) -> Mapping[str, Any]:
        """The facts that must be equal for a run to resume bit for bit, besides the config."""
        return {"sources": self.digest} if self.digest else {}


class Weighing:
    """Weights at work beside a training on `batches`."""

    def __init__(self, weights: Weights, batches: Batches, device: torch.device) -> None:
        self.batches = batches
        self.rows = torch.from_numpy(weights.rows)
        self.classes = torch.from_numpy(weights.classes).to(device)
        self._rows: Iterator[np.ndarray] = iter(())

    def begin(self, epoch: int) -> None:
        """Prepare for the first batch of an epoch."""
        self._rows = self.batches.rows(epoch)

    def of(self, target: Tensor) -> Tensor:
        """The weights (B,) of the next batch's examples, whose classes are `target` (B,)."""
        mine = self.rows[torch.from_numpy(next(self._rows))].to(target.device)
        return mine * self.classes[target]


def find(conf: Config, inputs: Inputs) -> Weights | None:
    """The weights that the config sets, if any. Raises UserError for names that the data do not have, and for
    sources of the data that have no weights.
    """
    options = conf.train
    if not options.sources and not options.class_weight:
        return None
    given = options.class_weight
    unknown = [name for name in given if name not in inputs.labels]
    if unknown:
        raise UserError(
            [f"train.class_weight: '{x}' is no label.{did_you_mean(x, inputs.labels)}" for x in unknown],
            hint=f"Labels: {' '.join(inputs.labels)}",
        )
    classes = np.array([given.get(label, 1.0) for label in inputs.labels], dtype=np.float32)
    if not options.sources:
        return Weights(None, np.ones(len(inputs.train), dtype=np.float32), classes)
    return _of_sources(conf, inputs, classes)


def _of_sources(conf: Config, inputs: Inputs, classes: np.ndarray) -> Weights:
    if not isinstance(inputs, ClipInputs):
        raise UserError(
            "train.sources is for recordings, this run reads images", hint="Remove train.sources."
        )
    if conf.data.balance != "none":
        raise UserError(
            f"train.sources excludes data.balance: {conf.data.balance}: an epoch draws by source or class",
            hint="Set data.balance=none, and give the classes weights: train.class_weight",
        )
    named = read_groups(conf.data.train, "source", [item.id for item in inputs.train.items])
    given = conf.train.sources
    if problems := _problems(conf, Counter(named)):
        raise UserError(
            problems, hint="Give each source of the data {sampling: 1, penalty: 1}, and no other."
        )
    names = sorted(given)
    shares = np.array([given[name].sampling for name in names])
    of = np.array([names.index(name) for name in named])
    penalties = np.array([given[name].penalty for name in names], dtype=np.float32)
    return Weights(Mix(of, shares / shares.sum()), penalties[of], classes, sha256_text("\n".join(named)))


def _problems(conf: Config, there: Counter[str]) -> list[str]:
    """Sources that are named and not there, those that are there and not named, and none to draw from."""
    given, where = conf.train.sources, f"{conf.data.train}/utt2source"
    found = [
        f"train.sources: '{name}' is not in {where}.{did_you_mean(name, there)}"
        for name in given
        if name not in there
    ]
    found += [
        f"train.sources: no weights for '{name}' ({amount(count, 'clip')} in {where})"
        for name, count in sorted(there.items())
        if name not in given
    ]
    if not any(source.sampling for source in given.values()):
        found.append("train.sources: the sampling of every source is 0, so none is drawn from")
    return found
