"""What a fit reads, be it recordings or images: two splits, their shape, batches made ready on a device."""

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
from audionas.features import SpecAugment
from audionas.models.bundle import ModelBundle


@dataclass(frozen=True)
class Split:
    """The examples of one part in their order: names, class indices (n,), and whose each is.

    Where speakers are not known, each example is its own.
    """

    ids: list[str]
    targets: np.ndarray
    speakers: list[str]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Inputs(ABC):
    """Everything a fit reads, and what a bundle must remember of it; `dev` may be empty for images."""

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
        """Probabilities (n, classes) and class indices (n,) of what is asked about, from those of examples.

        An example is asked about, unless it is only a part of a recording.
        """
        return scores, split.targets

    @abstractmethod
    def to(self, device: torch.device) -> None:
        """Move what `ready` needs to a device."""

    @abstractmethod
    def ready(self, x: Tensor, masks: SpecAugment | None, *, final: bool) -> Tensor:
        """A batch on the device as the network sees it (B, C, F, T).

        `masks` are given for batches to be augmented; `final` says that a final network is trained, not
        a supernet.
        """

    @abstractmethod
    def facts(self, conf: Config) -> Mapping[str, Any]:
        """What of the data and their settings must be equal for a run to be continued bit for bit."""

    @abstractmethod
    def bundle(self, spec: ArchSpec, weights: dict[str, Tensor], note: dict[str, Any]) -> ModelBundle:
        """A trained network with all that its answers depend on."""
