"""What every exported model that listens is: samples in, in chunks of any length, scores out."""

from abc import ABC, abstractmethod

import numpy as np


class Listener(ABC):
    """An exported file in its own runtime, with what it remembers.

    `hop` samples lie between two scores, `labels` name their columns; the first `warm_up` scores after a
    reset were made before a whole clip was heard.
    """

    labels: tuple[str, ...]
    sample_rate: int
    hop: int
    warm_up: int

    @abstractmethod
    def step(self, samples: np.ndarray) -> np.ndarray:
        """(n,) float32 in [-1, 1], any n, to (m, classes) probabilities, one row for each hop that ends."""

    @abstractmethod
    def reset(self) -> None:
        """Forget everything heard."""
