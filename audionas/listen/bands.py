"""The uncertainty of a threshold's figures: curves with bands, and intervals, by bootstrap over whole groups.

Bands and intervals are 95 %, from 2,000 seeded draws. Where H hours of negatives hold no false accepts, up
to 3 / H per hour are still possible (95 %): no rate below 3 / H can be shown.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from audionas.core.bootstrap import DRAWS, TAILS, counts, percentiles
from audionas.core.rng import numpy_rng
from audionas.listen.det import MOST, Groups, Negatives, Thresholds

_AT_A_TIME = 200
_POINTS = 120  # of a curve


class Point(NamedTuple):
    """A point of a curve, with the band of `rejected` at it."""

    per_hour: float
    rejected: float
    low: float
    high: float
    threshold: float


def curve(table: Thresholds, groups: Groups, negatives: Negatives) -> list[Point]:
    """The least share of clips rejected at each rate of false accepts per hour or less: from 1 / H to MOST.

    For the band, clips are drawn by `groups` and false accepts by the units of the negatives; each draw has
    its own curve.
    """
    hours = negatives.hours.sum()
    most = min(int(MOST * hours), int(table.total[0]))
    budgets = np.unique(np.geomspace(1, max(most, 1), _POINTS).round().astype(int))
    places = np.minimum(np.searchsorted(-table.total, -budgets), len(table.total) - 1)
    band = _band(table, groups, negatives, budgets / hours)
    return [
        Point(float(budget / hours), float(table.rejected[place]), low, high, float(table.thresholds[place]))
        for budget, place, (low, high) in zip(budgets, places, band.tolist(), strict=True)
        if table.total[place] <= budget
    ]


def _band(table: Thresholds, groups: Groups, negatives: Negatives, rates: np.ndarray) -> np.ndarray:
    """The ends (rates, 2) of the band."""
    clips = np.column_stack((_summed(table.missed, groups), np.bincount(groups.of)))
    units = np.column_stack((table.accepts, negatives.hours))
    found = []
    drawn = zip(draws(clips, "positives"), draws(units, "negatives"), strict=True)
    for clip, unit in drawn:
        rejected, rate = clip[:, :-1] / clip[:, -1:], unit[:, :-1] / unit[:, -1:]
        below = [rate <= each for each in rates]
        first = np.stack([each.argmax(1) for each in below], 1)  # (draws, rates)
        own = np.take_along_axis(rejected, first, 1)
        found.append(np.where(np.stack([each.any(1) for each in below], 1), own, 1.0))
    ends: np.ndarray = np.percentile(np.concatenate(found), TAILS, axis=0).T
    return ends


def rejected_interval(
    tables: Sequence[Thresholds], groups: Sequence[Groups], at: Sequence[float]
) -> list[float]:
    """Interval of the keywords' mean share of clips rejected at thresholds `at`; each is drawn by itself.

    Where no clip was rejected: 0 to 3 / n, for n groups.
    """
    total = np.zeros(DRAWS)
    for place, (each, own, threshold) in enumerate(zip(tables, groups, at, strict=True)):
        column = int(np.searchsorted(each.thresholds, threshold, side="right")) - 1
        sums = np.column_stack((_summed(each.missed[:, [column]], own), np.bincount(own.of)))
        drawn = np.concatenate(list(draws(sums, f"positives {place}")))
        total += drawn[:, 0] / drawn[:, 1]
    if not total.any():
        return [0.0, min(1.0, 3 / sum(own.many for own in groups))]
    return list(percentiles(total / len(tables)))


def rate_interval(fired: np.ndarray, hours: np.ndarray) -> list[float]:
    """Interval of false accepts per hour, `fired` (units,) in `hours` (units,); without any, 0 to 3 / H.

    Else the wider of two: the bootstrap's, which accounts for clusters, and Poisson's exact one, which
    accounts for small counts.
    """
    number, total = int(fired.sum()), float(hours.sum())
    if not number:
        return [0.0, 3 / total]
    from scipy.stats import chi2

    drawn = np.concatenate(list(draws(np.column_stack((fired, hours)), "negatives")))
    low, high = percentiles(drawn[:, 0] / drawn[:, 1])
    fewest, most = chi2.ppf(0.025, 2 * number) / 2, chi2.ppf(0.975, 2 * number + 2) / 2
    return [min(low, float(fewest / total)), max(high, float(most / total))]


def draws(values: np.ndarray, purpose: str) -> Iterator[np.ndarray]:
    """Sums of `values` (n, columns) over n rows drawn with replacement: DRAWS of them, some at a time."""
    rng, many = numpy_rng("tune", purpose), len(values)
    for _ in range(DRAWS // _AT_A_TIME):
        taken = counts(many, rng, _AT_A_TIME)
        yield taken.astype(np.float64) @ values


def _summed(rows: np.ndarray, groups: Groups) -> np.ndarray:
    found = np.zeros((groups.many, rows.shape[1]))
    np.add.at(found, groups.of, rows)
    return found
