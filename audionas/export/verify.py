"""The proof that an exported file gives the same answers as torch, on real clips or images."""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from audionas.core.rng import numpy_rng
from audionas.models.listener import Listener

TOLERANCE = 1e-4  # largest difference in a probability
POINTS = 0.03  # accuracy that int8 may lose
PAST = 0.1  # accuracy that a stream may lose where other sound comes before a clip


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


def loses_too_much(before: float, accuracy: float, clips: int) -> bool:
    """True where int8 costs more accuracy than `POINTS`; a single clip of a small set does not decide."""
    return before - accuracy > max(POINTS, 1.5 / clips)


def goes_deaf(fresh: float, late: float, clips: int) -> bool:
    """True where other sound before a clip costs more accuracy than `PAST`, by two standard errors."""
    lost = fresh - late
    return lost - 2 * math.sqrt(max(lost, 0) / clips) > PAST


def heard(listener: Listener, clips: np.ndarray) -> np.ndarray:
    """All scores of each clip (n, samples) from silence on: (n, hops, classes).

    Silence follows a clip until the end of its last hop, so that the last score has heard all of it.
    """
    rows = []
    for clip in clips:
        listener.reset()
        rows.append(_to_the_end(listener, clip))
    return np.stack(rows)


def after(listener: Listener, clips: Iterable[np.ndarray], pasts: Iterable[np.ndarray]) -> np.ndarray:
    """The last score of each clip (samples,), heard after its past, a sound of any length: (n, classes).

    Silence follows a clip until the end of its last hop.
    """
    rows = []
    for clip, past in zip(clips, pasts, strict=True):
        listener.reset()
        rows.append(_to_the_end(listener, np.concatenate((past, clip)))[-1])
    return np.stack(rows)


def ended(
    listener: Listener, clips: Iterable[np.ndarray], pasts: Iterable[np.ndarray], lag: int = 0
) -> np.ndarray:
    """The score of each clip (samples,) at a hop that ends with it: the answer to the sound that a classifier
    of clips takes. Its past loses as much of its beginning as no hop takes; where it is too short, silence
    comes first. A listener's hops end `lag` samples after multiples of `hop`. (n, classes).
    """
    rows, call = [], listener.hop * listener.every
    for clip, past in zip(clips, pasts, strict=True):
        listener.reset()
        sound = np.concatenate((past[(len(past) + len(clip) - lag) % call :], clip))
        rows.append(listener.step(np.pad(sound, ((lag - len(sound)) % call, 0)))[-1])
    return np.stack(rows)


def moved(clips: np.ndarray, pasts: Iterable[np.ndarray], most: int) -> np.ndarray:
    """The clips (n, samples) as they are heard 1 to `most` samples before their end, after their pasts."""
    early = numpy_rng("export", "moved").integers(1, most, len(clips), endpoint=True)
    whole = (np.concatenate((past, clip)) for past, clip in zip(pasts, clips, strict=True))
    return np.stack([sound[: -int(e)][-clips.shape[1] :] for sound, e in zip(whole, early, strict=True)])


def _to_the_end(listener: Listener, sound: np.ndarray) -> np.ndarray:
    """The scores (hops, classes) of a sound up to the hop in which it ends, silence after it."""
    rest = -len(sound) % (listener.hop * listener.every)
    return listener.step(np.pad(sound, (0, rest)))[: -(-len(sound) // listener.hop)]


def pasts(clips: np.ndarray, rate: int) -> tuple[list[np.ndarray], str]:
    """Sound of 1 to 3 s to hear before each clip (n, samples), and where it comes from: the ends of others
    of the clips joined, or seeded noise where there is only one.
    """
    rng = numpy_rng("export", "past")
    lengths = rng.integers(rate, 3 * rate, len(clips), endpoint=True)
    if len(clips) < 2:
        found = [rng.normal(0, 0.1, length).clip(-1, 1).astype(np.float32) for length in lengths]
        return found, "seeded noise"
    found = []
    for place, length in enumerate(lengths):
        steps = rng.integers(1, len(clips), math.ceil(length / clips.shape[1]))  # never to the clip itself
        found.append(np.concatenate(clips[(place + steps) % len(clips)])[-length:])
    return found, "other clips of the same data"


def compare_heard(mine: np.ndarray, theirs: np.ndarray) -> Parity:
    """Scores of two listeners on the same clips, (n, hops, classes), hop by hop."""
    a, b = (scores.reshape(-1, scores.shape[-1]) for scores in (mine, theirs))
    return Parity(float(np.abs(a - b).max()), float((a.argmax(1) == b.argmax(1)).mean()), len(mine))
