"""The interface of every exported model that listens: samples in, in chunks of any length, scores out."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from audionas.core.errors import UserError
from audionas.core.reporter import amount

Kind = Literal["plain", "esphome", "mlperf"]


class Listener(ABC):
    """An exported file in its own runtime, with its state.

    There are `hop` samples from one score to the next, and `labels` names the columns; the first `warm_up`
    scores after a reset are computed before a whole clip was heard. Scores come `every` at a time. `source`
    is what an error names.
    """

    source: object = "the model"
    every: int = 1

    labels: tuple[str, ...]
    sample_rate: int
    hop: int
    warm_up: int

    @abstractmethod
    def step(self, samples: np.ndarray) -> np.ndarray:
        """Map (n,) float32 in [-1, 1], any n, to (m, classes) probabilities, one row per completed hop."""

    @abstractmethod
    def reset(self) -> None:
        """Forget everything heard."""


@dataclass(frozen=True)
class Rule:
    """The rule by which scores become events; every part has a name and is printed with results.

    `smooth` hops are averaged; `patience` (n, m): n of the last m averages must reach the threshold; for
    at least `refractory` seconds after an event its keyword does not fire again. With the `kind` `esphome` a
    device's component decides instead (`listen.device_rule`): it averages `smooth` scores, and has its own
    cool-down. With `mlperf` every hop fires whose score is strictly over the threshold. Raises UserError for
    values out of range.
    """

    smooth: int = 5
    refractory: float = 1.0
    patience: tuple[int, int] = (1, 1)
    kind: Kind = "plain"

    def __post_init__(self) -> None:
        need, of = self.patience
        problems = []
        if self.kind not in get_args(Kind):
            problems.append(f"--rule {self.kind}: expected {' or '.join(get_args(Kind))}")
        if self.smooth < 1:
            problems.append(f"smooth: {amount(self.smooth, 'hop')} cannot be averaged; 1 turns averaging off")
        if not 0 <= self.refractory < float("inf"):
            problems.append(f"refractory: {self.refractory} s is not a valid time")
        if not 1 <= need <= of:
            problems.append(
                f"patience: {need} of {amount(of, 'hop')} is not possible; 1/1 turns patience off"
            )
        if problems:
            raise UserError(problems)

    def gap(self, hop_seconds: float) -> int:
        """The least number of hops from one event to the next: at least `refractory` seconds, and one hop."""
        return max(1, math.ceil(self.refractory / hop_seconds - 1e-9))

    def plain(self) -> dict[str, Any]:
        """The rule in the form that a bundle stores."""
        found = {"smooth": self.smooth, "refractory_s": self.refractory, "patience": list(self.patience)}
        return found if self.kind == "plain" else {**found, "kind": self.kind}

    def words(self) -> str:
        """The rule in the words that are printed."""
        if self.kind == "esphome":
            return f"ESPHome's rule, mean of {amount(self.smooth, 'score')}"
        if self.kind == "mlperf":
            return "MLPerf Tiny's rule, each score strictly over the threshold"
        need, of = self.patience
        patience = "" if of == 1 else f", {need} of {amount(of, 'hop')} over the threshold"
        return f"mean of {amount(self.smooth, 'hop')}{patience}, refractory time {self.refractory:g} s"
