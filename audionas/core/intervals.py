"""A 95 % interval, or the reason why it cannot be measured: as a value, in JSON and in words."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from audionas.core.bootstrap import percentiles
from audionas.core.reporter import amount

FEWEST = 10  # groups for a bootstrap: with fewer, its 95 % intervals hold the truth less than 90 times in 100


class Interval(NamedTuple):
    """Both ends, or None and the reason. A JSON row has `NAME`, and `NAME_why` where that is null."""

    ends: tuple[float, float] | None
    why: str = ""

    def plain(self, name: str = "interval") -> dict[str, Any]:
        """The part of a JSON row under this name."""
        return {name: list(self.ends)} if self.ends else {name: None, f"{name}_why": self.why}

    @staticmethod
    def read(row: Mapping[str, Any], name: str = "interval") -> "Interval":
        """The interval that `plain` wrote; files of earlier versions give no reasons."""
        ends = row[name]
        return Interval((ends[0], ends[1]) if ends else None, row.get(f"{name}_why", ""))

    def words(self, form: Callable[[float], str], between: str = " to ") -> str:
        """`88.1 % to 90.2 %`, or `not measurable: 1 speaker, fewer than 10`."""
        if self.ends:
            return between.join(map(form, self.ends))
        return f"not measurable: {self.why}" if self.why else "not measurable"

    def within(self, least: float, most: float) -> "Interval":
        """The part of it that the figure can take."""
        return Interval((max(least, self.ends[0]), min(most, self.ends[1]))) if self.ends else self


def too_few(many: int, noun: str) -> str:
    """The reason why so many groups give no interval; empty where they are enough."""
    return f"{amount(many, noun)}, fewer than {FEWEST}" if many < FEWEST else ""


def drawn(values: np.ndarray, many: int, noun: str) -> Interval:
    """The percentile interval of bootstrap `values` (draws,), for which `many` groups were drawn.

    With G groups it is about as wide as a t-interval whose quantile is 1.96 sqrt((G - 1) / G): it holds the
    truth in 75 of 100 cases for 3 groups, 85 for 5, 90 for 10. Below `FEWEST` it is not measurable, nor where
    all draws agree: the groups then do not differ, which does not mean that others would not.
    """
    if why := too_few(many, noun):
        return Interval(None, why)
    ends = percentiles(values)
    same = np.isclose(*ends, rtol=1e-9, atol=1e-12)
    return Interval(None, f"all {noun}s give the same") if same else Interval(ends)


def hull(*intervals: Interval) -> Interval:
    """The narrowest interval that holds all of them; the first reason where one is not measurable."""
    for each in intervals:
        if each.ends is None:
            return each
    ends = [each.ends for each in intervals if each.ends]
    return Interval((min(low for low, _ in ends), max(high for _, high in ends)))


def poisson(count: int, size: float) -> Interval:
    """The exact interval of a rate: `count` independent events in `size` hours (or anything else), size > 0.

    F. Garwood, "Fiducial limits for the Poisson distribution", Biometrika 28, 1936.
    """
    from scipy.stats import chi2  # slow to import

    low = float(chi2.ppf(0.025, 2 * count)) / 2 if count else 0.0
    return Interval((low / size, float(chi2.ppf(0.975, 2 * count + 2)) / 2 / size))


def exact(right: int, many: int) -> Interval:
    """Clopper and Pearson's interval of a share, for any number of independent tries from one on.

    C. Clopper and E. Pearson, "The use of confidence or fiducial limits", Biometrika 26, 1934.
    """
    from scipy.stats import binomtest  # slow to import

    found = binomtest(right, many).proportion_ci(0.95, "exact")
    return Interval((float(found.low), float(found.high)))
