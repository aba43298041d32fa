"""The rule by which ESPHome's micro_wake_word turns scores into events, for many cutoffs at once.

As in `streaming_model.cpp` and `micro_wake_word.cpp` of ESPHome: a score is one of 256 steps, a cutoff
`int(255 * probability_cutoff)`. The wake word is heard where the sum of the last scores is strictly greater
than the cutoff times their number. Then all of them become 0, and nothing is heard until 100 slices of sound
(10 ms each) have passed in which the newest score was under the cutoff.
"""

import numpy as np

COOL = 100  # slices, MIN_SLICES_BEFORE_DETECTION
SLICE = 0.01  # seconds
STEPS = 255


def cutoff_of(threshold: float) -> int:
    """The cutoff of a device for a manifest's probability."""
    return int(STEPS * threshold)


def threshold_of(cutoff: np.ndarray | int) -> np.ndarray:
    """A manifest's probability for a cutoff; half a step above it, so that no rounding changes it."""
    return (np.asarray(cutoff) + 0.5) / STEPS


def steps_of(scores: np.ndarray) -> np.ndarray:
    """Scores in [0, 1] as the integers that a device's file gives."""
    return np.minimum(np.round(scores * 256), STEPS).astype(np.int64)


def levels(scores: np.ndarray, window: int) -> np.ndarray:
    """The highest threshold that fires at each hop of (T, K) scores, where nothing was heard before; below 0
    where none does."""
    whole = np.concatenate((np.zeros((window, scores.shape[1]), np.int64), steps_of(scores))).cumsum(0)
    sums = whole[window:] - whole[:-window]
    found: np.ndarray = np.where(sums > 0, threshold_of(-(-sums // window) - 1), -1.0)
    return found


class Device:
    """The component's state for each of some `cutoffs` (K,), between hops of `slices` slices.

    It has been running: the first 100 slices after its start, in which it hears nothing, are over.
    """

    def __init__(self, cutoffs: np.ndarray, window: int, slices: int) -> None:
        self.cutoffs, self.window, self.slices = cutoffs, window, slices
        self.scores = np.zeros((window, len(cutoffs)), np.int64)  # newest last
        self.wait = np.zeros(len(cutoffs), np.int64)  # slices still to come
        self.fresh = np.zeros(len(cutoffs), bool)  # a score that was not looked at yet
        self.since = window  # hops since a word was heard

    @property
    def idle(self) -> bool:
        """True where all scores were looked at, and none of the last was set to 0."""
        return self.since >= self.window and not self.wait.any()

    def hop(self, score: int) -> np.ndarray:
        """Where (K,) the word is heard in a hop that ends with a new score, 0 to 255."""
        heard = np.zeros(len(self.cutoffs), bool)
        for left in range(self.slices, 0, -1):
            if left == 1:
                self.scores = np.roll(self.scores, -1, 0)
                self.scores[-1], self.fresh[:] = score, True
            self.wait = np.maximum(self.wait - (self.scores[-1] < self.cutoffs), 0)
            looked = self.fresh & (self.wait == 0)
            found = looked & (self.scores.sum(0) > self.window * self.cutoffs)
            self.fresh &= ~looked
            self.scores[:, found], self.wait[found] = 0, COOL
            heard |= found
        self.since = 0 if heard.any() else self.since + 1
        return heard


def counts(scores: np.ndarray, thresholds: np.ndarray, window: int, slices: int, every: int) -> np.ndarray:
    """The number of times that scores (T,) fire per stretch of `every` hops, (stretches, thresholds).

    Hops at which nothing can fire are passed over.
    """
    cutoffs = np.array([cutoff_of(each) for each in thresholds])
    device, whole = Device(cutoffs, window, slices), steps_of(scores)
    padded = np.concatenate((np.zeros(window, np.int64), whole))
    total = padded.cumsum()
    over = np.flatnonzero(total[window:] - total[:-window] > window * cutoffs.min())
    found = np.zeros((-(-len(scores) // every), len(thresholds)), np.int32)
    hop = 0
    while hop < len(scores):
        if device.idle:
            place = int(np.searchsorted(over, hop))
            if place == len(over):
                break
            hop = int(over[place])
            device.scores[:] = padded[hop : hop + window, None]
        found[hop // every] += device.hop(int(whole[hop]))
        hop += 1
    return found
