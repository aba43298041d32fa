"""The proof that an exported file says what torch says, on real clips."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

TOLERANCE = 1e-4  # largest difference of a probability


class Parity(NamedTuple):
    """`difference` is the largest of any score; `agree` the share of clips with the same label."""

    difference: float
    agree: float
    clips: int

    @property
    def holds(self) -> bool:
        """Whether the file may be trusted."""
        return self.difference <= TOLERANCE


def compare(
    mine: Callable[[np.ndarray], np.ndarray], theirs: Callable[[np.ndarray], np.ndarray], waves: np.ndarray
) -> Parity:
    """Run (n, samples) waveforms through both."""
    a, b = mine(waves), theirs(waves)
    return Parity(float(np.abs(a - b).max()), float((a.argmax(1) == b.argmax(1)).mean()), len(waves))
