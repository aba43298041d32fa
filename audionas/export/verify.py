"""The proof that an exported file gives the same answers as torch, on real clips or images."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from audionas.models.listener import Listener

TOLERANCE = 1e-4  # largest difference in a probability
POINTS = 0.03  # accuracy that int8 may lose


class Parity(NamedTuple):
    """The largest `difference` of any score; `agree` is the share of examples with the same label."""

    difference: float
    agree: float
    clips: int

    @property
    def holds(self) -> bool:
        """True where the file can be trusted."""
        return self.difference <= TOLERANCE


def compare(
    mine: Callable[[np.ndarray], np.ndarray], theirs: Callable[[np.ndarray], np.ndarray], batch: np.ndarray
) -> Parity:
    """Run a batch of waveforms (n, samples) or images (n, 3, H, W) through both."""
    a, b = mine(batch), theirs(batch)
    return Parity(float(np.abs(a - b).max()), float((a.argmax(1) == b.argmax(1)).mean()), len(batch))


def loses_too_much(float_accuracy: float, accuracy: float, clips: int) -> bool:
    """True where int8 costs more accuracy than `POINTS`; a single clip of a small set does not decide."""
    return float_accuracy - accuracy > max(POINTS, 1.5 / clips)


def heard(listener: Listener, clips: np.ndarray) -> np.ndarray:
    """All scores of each clip (n, samples) from silence on: (n, hops, classes).

    Silence follows a clip until the end of its last hop, so that the last score has heard all of it.
    """
    rest = -clips.shape[1] % listener.hop
    rows = []
    for clip in np.pad(clips, ((0, 0), (0, rest))):
        listener.reset()
        rows.append(listener.step(clip))
    return np.stack(rows)


def compare_heard(mine: np.ndarray, theirs: np.ndarray) -> Parity:
    """Scores of two listeners on the same clips, (n, hops, classes), hop by hop."""
    a, b = (scores.reshape(-1, scores.shape[-1]) for scores in (mine, theirs))
    return Parity(float(np.abs(a - b).max()), float((a.argmax(1) == b.argmax(1)).mean()), len(mine))
