"""The proof that an exported file says what torch says, on real clips or images."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

TOLERANCE = 1e-4  # largest difference of a probability


class Parity(NamedTuple):
    """`difference` is the largest of any score; `agree` the share of examples with the same label."""

    difference: float
    agree: float
    clips: int

    @property
    def holds(self) -> bool:
        """Whether the file may be trusted."""
        return self.difference <= TOLERANCE


def compare(
    mine: Callable[[np.ndarray], np.ndarray], theirs: Callable[[np.ndarray], np.ndarray], batch: np.ndarray
) -> Parity:
    """Run a batch of waveforms (n, samples) or images (n, 3, H, W) through both."""
    a, b = mine(batch), theirs(batch)
    return Parity(float(np.abs(a - b).max()), float((a.argmax(1) == b.argmax(1)).mean()), len(batch))
