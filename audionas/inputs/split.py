"""Inputs of a fit, from recordings or images: two splits, their shape, batches prepared on a device."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from audionas.config import Config
from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.reporter import Reporter
from audionas.data.batches import Batches
from audionas.data.heard import Heard
from audionas.features import SpecAugment
from audionas.models.bundle import ModelBundle


@dataclass(frozen=True)
class Split:
    """The examples of one part in order: names, class indices (n,), and the speaker of each.

    Where speakers are unknown, each example counts as its own speaker.
    """

    ids: list[str]
    targets: np.ndarray
    speakers: list[str]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Inputs(ABC):
    """Everything a fit reads, and what a bundle must store of it; `dev` may be empty for images."""

    noun: ClassVar[str]

    labels: tuple[str, ...]
    io: InputSpec
    train: Split
    dev: Split
    fingerprint: str

    @abstractmethod
    def halves(self, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the training split for the weights, a `share` of them, and for alpha."""

    @abstractmethod
    def batches(
        self,
        conf: Config,
        split: Split,
        rows: np.ndarray,
        *,
        batch_size: int,
        workers: int,
        shuffle: bool,
        augmented: bool,
        reporter: Reporter,
    ) -> Batches:
        """Batches over `rows` of a split; `augmented` where the loader, not the device, does that."""

    def answers(self, split: Split, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (n, classes) and class indices (n,) per classified item, from those of examples.

        An item is an example, or a recording where an example is only a part of one.
        """
        return scores, split.targets

    @abstractmethod
    def to(self, device: torch.device) -> None:
        """Move everything that `ready` needs to a device."""

    @abstractmethod
    def ready(self, x: Tensor, masks: SpecAugment | None, *, final: bool) -> Tensor:
        """A batch on the device in the form that the network sees (B, C, F, T).

        `masks` are given for batches to augment; `final` is true where a final network is trained, not a
        supernet.
        """

    @abstractmethod
    def facts(self, conf: Config) -> Mapping[str, Any]:
        """The facts of the data and their settings that must be equal for a run to resume bit for bit."""

    def heard(self) -> Heard | None:
        """The training clips and speakers, so that a test on them is noticed; None for images."""
        return None

    @abstractmethod
    def bundle(self, spec: ArchSpec, weights: dict[str, Tensor], note: dict[str, Any]) -> ModelBundle:
        """A trained network with everything that its answers depend on."""
