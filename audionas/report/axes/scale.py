"""The range of an axis: what was measured, some room, and what the figure cannot exceed."""

import math
from typing import NamedTuple


class Bounds(NamedTuple):
    """The range of a scale: from `low` to `high`, which the figure cannot exceed, and `least` of it at once.

    `least` keeps differences that mean nothing from filling the page, such as one clip of 63.
    """

    low: float = -math.inf
    high: float = math.inf
    least: float = 0.0


SHARE = Bounds(0.0, 1.0, 0.04)  # accuracies
POINTS = Bounds(-1.0, 1.0, 0.04)  # their differences
POSITIVE = Bounds(0.0)  # costs


def limits(low: float, high: float, bounds: Bounds = Bounds()) -> tuple[float, float]:
    """The ends of an axis for values from `low` to `high`; what was measured is always shown."""
    floor, ceiling = min(low, bounds.low), max(high, bounds.high)
    more = max(0.0, bounds.least - (high - low)) / 2
    low, high = low - more, high + more
    pad = 0.04 * (high - low) or abs(high) * 0.1 or 0.5
    return max(low - pad, floor), min(high + pad, ceiling)
