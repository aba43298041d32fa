"""Average viable recall: how many clips of a wake word are heard where hardly anything else fires.

The measure by which microWakeWord chooses weights. Recall and false accepts per hour are taken at the cutoffs
0, 0.01, ..., 1; recall is integrated over 0 to 2 false accepts per hour, and divided by 2. What lies left of
the least rate that any cutoff reaches adds nothing, so that a network that always fires is punished.
"""

import numpy as np

CUTOFFS = np.linspace(0.0, 1.0, 101)
MOST = 2.0  # false accepts per hour


def above(scores: np.ndarray) -> np.ndarray:
    """The number of scores (n,) above each cutoff, (101,)."""
    return len(scores) - np.searchsorted(np.sort(scores.astype(np.float64)), CUTOFFS, side="right")


def average_viable_recall(recall: np.ndarray, rate: np.ndarray) -> float:
    """The mean recall over 0 to 2 false accepts per hour, from both at rising cutoffs (n,), where both fall.

    At 2 the recall is interpolated between the last cutoff above 2 and the first that is not; from there on
    each new rate counts with the recall of its first cutoff, the highest. 0 where no cutoff is at or below 2.
    """
    viable = np.flatnonzero(rate <= MOST)
    if not viable.size:
        return 0.0
    first = int(viable[0])
    rates, recalls = [MOST], [float(recall[0])]
    if first:
        ends = rate[[first, first - 1]]
        recalls = [float(np.interp(MOST, ends, recall[[first, first - 1]]))]
    for x, y in zip(rate[first:].tolist(), recall[first:].tolist(), strict=True):
        if x != rates[-1]:
            rates.append(x)
            recalls.append(y)
    return float(np.trapezoid(recalls[::-1], rates[::-1])) / MOST
