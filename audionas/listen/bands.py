"""The uncertainty of a threshold's figures: curves with bands, and intervals.

Both are 95 %. A share of clips whose speakers are unknown, and one of 0 or 1, has an exact interval
(Clopper and Pearson), because the draws of a bootstrap cannot leave 0 and 1. A rate of false accepts has
Poisson's. All others come from 2,000 seeded draws of ten whole groups or more; with fewer there is a reason
in their place. Where H hours of negatives hold no false accepts, up to 3 / H per hour are still possible
(one-sided 95 %): no rate below 3 / H can be shown.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from audionas.core.bootstrap import DRAWS, TAILS, counts, percentiles
from audionas.core.intervals import Interval, drawn, exact, hull, poisson, too_few
from audionas.core.rng import numpy_rng
from audionas.listen.det import MOST, Groups, Negatives, Thresholds

_AT_A_TIME = 200
_POINTS = 120  # of a curve


class Point(NamedTuple):
    """A point of a curve, with the band of `rejected` at it, where there is one."""

    per_hour: float
    rejected: float
    low: float | None
    high: float | None
    threshold: float


def curve(table: Thresholds, groups: Groups, negatives: Negatives) -> list[Point]:
    """The least share of clips rejected at each rate of false accepts per hour or less: from 1 / H to MOST.

    For the band, clips are drawn by `groups` and false accepts by the units of the negatives; each draw has
    its own curve. It holds the exact interval of the share too, where there is one. There is no band where
    `band_why` has a reason.
    """
    hours = negatives.hours.sum()
    most = min(int(MOST * hours), int(table.total[0]))
    budgets = np.unique(np.geomspace(1, max(most, 1), _POINTS).round().astype(int))
    places = np.minimum(np.searchsorted(-table.total, -budgets), len(table.total) - 1)
    why = band_why(groups, negatives)
    band = [[None, None]] * len(budgets) if why else _band(table, groups, negatives, budgets / hours).tolist()
    return [
        Point(float(budget / hours), float(table.rejected[place]), low, high, float(table.thresholds[place]))
        for budget, place, (low, high) in zip(budgets, places, band, strict=True)
        if table.total[place] <= budget
    ]


def band_why(groups: Groups, negatives: Negatives) -> str:
    """The reason why a curve has no band; empty where it has one."""
    few = (too_few(groups.many, groups.noun), too_few(len(negatives.hours), negatives.noun))
    return ", ".join(filter(None, few))


def _band(table: Thresholds, groups: Groups, negatives: Negatives, rates: np.ndarray) -> np.ndarray:
    """The ends (rates, 2) of the band."""
    clips = np.column_stack((_summed(table.missed, groups), np.bincount(groups.of)))
    units = np.column_stack((table.accepts, negatives.hours))
    found = []
    for clip, unit in zip(draws(clips, "positives"), draws(units, "negatives"), strict=True):
        rejected, rate = clip[:, :-1] / clip[:, -1:], unit[:, :-1] / unit[:, -1:]
        below = [rate <= each for each in rates]
        first = np.stack([each.argmax(1) for each in below], 1)  # (draws, rates)
        own = np.take_along_axis(rejected, first, 1)
        found.append(np.where(np.stack([each.any(1) for each in below], 1), own, 1.0))
    ends: np.ndarray = np.percentile(np.concatenate(found), TAILS, axis=0).T
    places = np.minimum(np.searchsorted(-table.total, -np.round(rates * negatives.hours.sum())), table.last)
    for end, column in zip(ends, places, strict=True):
        if known := _exact(table.missed[:, column], groups).ends:
            end[:] = min(end[0], known[0]), max(end[1], known[1])
    return ends


def _exact(missed: np.ndarray, groups: Groups) -> Interval:
    """The exact interval of one keyword's share of clips missed (n,), where it depends on no bootstrap."""
    if groups.what == "clips":
        return exact(int(missed.sum()), len(missed))
    if missed.any() and not missed.all():
        return Interval(None)
    return exact(groups.many if missed.any() else 0, groups.many)


def rejected_interval(
    tables: Sequence[Thresholds], groups: Sequence[Groups], at: Sequence[float]
) -> Interval:
    """Interval of the keywords' mean share of clips rejected at thresholds `at`; each is drawn by itself.

    It is exact where one keyword's speakers are unknown, and, over the groups, where no clip was rejected or
    all were: of several keywords, as many groups each count as the one with the fewest has.
    """
    missed = [
        each.missed[:, [int(np.searchsorted(each.thresholds, threshold, side="right")) - 1]]
        for each, threshold in zip(tables, at, strict=True)
    ]
    if len(groups) == 1 and groups[0].what == "clips":
        return _exact(missed[0], groups[0])
    share, few = float(np.mean([own.mean() for own in missed])), min(own.many for own in groups)
    if why := next(filter(None, (too_few(own.many, own.noun) for own in groups)), ""):
        return Interval(None, why)
    if share in (0.0, 1.0):
        return exact(int(share) * len(groups) * few, len(groups) * few)
    total = np.zeros(DRAWS)
    for place, (rows, own) in enumerate(zip(missed, groups, strict=True)):
        sums = np.column_stack((_summed(rows, own), np.bincount(own.of)))
        taken = np.concatenate(list(draws(sums, f"positives {place}")))
        total += taken[:, 0] / taken[:, 1]
    return drawn(total / len(tables), groups[0].many, groups[0].noun)


def rate_interval(fired: np.ndarray, hours: np.ndarray) -> Interval:
    """Interval of false accepts per hour, `fired` (units,) in `hours` (units,): Poisson's exact one.

    Where false accepts come in clusters, the bootstrap over the units is wider on a side, and counts there.
    """
    found = poisson(int(fired.sum()), float(hours.sum()))
    if not fired.any():
        return found
    taken = np.concatenate(list(draws(np.column_stack((fired, hours)), "negatives")))
    return hull(found, Interval(percentiles(taken[:, 0] / taken[:, 1])))


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
