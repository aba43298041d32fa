"""A scale from values to pixels, with round numbers on it."""

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


class Scale:
    """Maps values to pixels; `ticks` are about `count` round numbers inside, none outside the `bounds`."""

    def __init__(
        self,
        low: float,
        high: float,
        start: float,
        end: float,
        *,
        count: float = 6,
        bounds: Bounds = Bounds(),
    ) -> None:
        floor, ceiling = min(low, bounds.low), max(high, bounds.high)  # what was measured is always shown
        more = max(0.0, bounds.least - (high - low)) / 2
        low, high = low - more, high + more
        pad = 0.04 * (high - low) or abs(high) * 0.1 or 0.5
        self.low, self.high = max(low - pad, floor), min(high + pad, ceiling)
        self.start, self.end = start, end
        self.ticks = ticks(self.low, self.high, count)

    def __call__(self, value: float) -> float:
        """The position of a value, kept inside the plot."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def ticks(low: float, high: float, count: float) -> list[float]:
    """About `count` round numbers from `low` to `high`, a step of 1, 2 or 5 times a power of ten apart."""
    rough = (high - low) / count
    power = 10 ** math.floor(math.log10(rough))
    step = min((power * k for k in (1, 2, 5, 10)), key=lambda s: abs(math.log(s / rough)))
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]
