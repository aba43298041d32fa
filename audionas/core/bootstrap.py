"""The bootstrap of every interval: groups or rows drawn with replacement, and the percentiles at its ends.

B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993: the percentile interval.
"""

import numpy as np

DRAWS = 2000
TAILS = (2.5, 97.5)  # percentiles


def counts(groups: int, rng: np.random.Generator, draws: int = DRAWS) -> np.ndarray:
    """The times that each group is drawn (draws, G): G draws with replacement are one multinomial count."""
    return rng.multinomial(groups, np.full(groups, 1 / groups), size=draws)


def rows(many: int, rng: np.random.Generator, draws: int = DRAWS) -> np.ndarray:
    """Row numbers (draws, many), drawn with replacement, for figures that are no sums."""
    return rng.integers(many, size=(draws, many))


def percentiles(values: np.ndarray) -> tuple[float, float]:
    """The ends of the 95 % interval of drawn values (draws,)."""
    low, high = np.percentile(values, TAILS)
    return float(low), float(high)
