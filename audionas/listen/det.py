"""The figures of thresholds: clips rejected against false accepts per hour, and the choice for a target.

A clip is rejected where the highest level in it stays below its threshold. False accepts are counted
on continuous audio without the keyword, with the refractory time between any two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from audionas.data.kaldi import Item
from audionas.listen import device_rule
from audionas.listen.events import counts, levels
from audionas.listen.hear import Heard
from audionas.models.listener import Rule

MOST = 60  # false accepts per hour; higher rates are of no interest
RECORDINGS = 20  # from this number on, whole recordings are drawn; below it, their minutes
_EXACT, _THINNED = 1000, 500  # thresholds: all of the highest, an even choice of the rest


class Groups(NamedTuple):
    """The groups that the bootstrap draws: the group number (n,) of each item, and the name of the groups."""

    of: np.ndarray
    what: str

    @property
    def many(self) -> int:
        """The number of groups."""
        return int(self.of.max()) + 1

    @property
    def noun(self) -> str:
        """The word for one group."""
        return self.what.removesuffix("s")


@dataclass(frozen=True)
class Thresholds:
    """One keyword at every threshold that makes a difference, ascending.

    `missed` (clips, thresholds) says which clips stay below a threshold, `accepts` (units, thresholds) how
    often each unit of the negatives fires.
    """

    thresholds: np.ndarray
    missed: np.ndarray
    accepts: np.ndarray

    @property
    def last(self) -> int:
        """The place of the highest threshold."""
        return len(self.thresholds) - 1

    @cached_property
    def rejected(self) -> np.ndarray:
        """The share of clips below each threshold; it never falls."""
        share: np.ndarray = self.missed.mean(0)
        return share

    @cached_property
    def total(self) -> np.ndarray:
        """False accepts at each threshold; it never rises."""
        count: np.ndarray = self.accepts.sum(0)
        return count


class Negatives(NamedTuple):
    """Levels of the recordings without a keyword, the hours of each unit, and the name of the units."""

    scores: Sequence[np.ndarray]  # (hops, keywords) each
    levels: Sequence[np.ndarray]  # the same shapes
    units: Sequence[np.ndarray]  # for each recording, the units of its stretches of `every` hops
    every: int
    rule: Rule
    hop: float  # seconds
    hours: np.ndarray  # (units,)
    what: str

    @property
    def gap(self) -> int:
        """The least number of hops from one event to the next."""
        return self.rule.gap(self.hop)

    def fired(self, number: int, place: int, thresholds: np.ndarray) -> np.ndarray:
        """The events of the keyword in column `place` in a recording, per stretch and ascending threshold."""
        if self.rule.kind == "esphome":
            slices = round(self.hop / device_rule.SLICE)
            scores = self.scores[number][:, place]
            return device_rule.counts(scores, thresholds, self.rule.smooth, slices, self.every)
        return counts(self.levels[number][:, place], thresholds, self.gap, self.every)

    @property
    def noun(self) -> str:
        """The word for one unit."""
        return self.what.removesuffix("s")


def groups_of(items: Sequence[Item], speakers: bool) -> Groups:
    """Groups of clips: one per speaker, or one per clip."""
    names = [(item.speaker if speakers else "") or item.id for item in items]
    return Groups(np.unique(names, return_inverse=True)[1], "speakers" if speakers else "clips")


def negatives_of(heard: Heard, rule: Rule) -> Negatives:
    """Negatives whose units are whole recordings, or one-minute blocks below RECORDINGS recordings."""
    files = {name: number for number, name in enumerate(dict.fromkeys(item.audio for item in heard.items))}
    whole = len(files) >= RECORDINGS
    longest = max(map(len, heard.scores), default=1)
    every = max(1, longest if whole else round(60 / heard.hop))
    units: list[np.ndarray] = []
    hours = [0.0] * len(files) if whole else []
    for item, rows in zip(heard.items, heard.scores, strict=True):
        sizes = [min(every, len(rows) - first) for first in range(0, len(rows), every)]
        parts = [size / len(rows) * item.seconds / 3600 for size in sizes]  # without the silence after it
        if whole:
            units.append(np.full(len(sizes), files[item.audio]))
            hours[files[item.audio]] += sum(parts)
        else:
            units.append(np.arange(len(hours), len(hours) + len(sizes)))
            hours += parts
    level = [levels(rows, rule) for rows in heard.scores]
    what = "recordings" if whole else "one-minute blocks"
    return Negatives(heard.scores, level, units, every, rule, heard.hop, np.array(hours), what)


def table(best: np.ndarray, negatives: Negatives, place: int) -> Thresholds:
    """The table of the keyword in column `place`; its clips' highest levels are `best` (clips,)."""
    thresholds = _thresholds(best, negatives, place)
    return Thresholds(thresholds, best[:, None] < thresholds, accepts(negatives, place, thresholds))


def accepts(negatives: Negatives, place: int, thresholds: np.ndarray) -> np.ndarray:
    """The number of times that a keyword fires per unit and ascending threshold, (units, thresholds)."""
    found = np.zeros((len(negatives.hours), len(thresholds)), np.int64)
    for number, units in enumerate(negatives.units):
        np.add.at(found, units, negatives.fired(number, place, thresholds))
    return found


def _thresholds(best: np.ndarray, negatives: Negatives, place: int) -> np.ndarray:
    """Thresholds between all neighbouring levels that matter, and above the highest; at most 1. With the rule
    of a device, those of its 255 cutoffs that matter."""
    gap = negatives.gap
    tops = [
        np.maximum.reduceat(level[:, place], np.arange(0, len(level), gap))
        for level in negatives.levels
        if len(level)
    ]
    peaks = np.sort(np.concatenate(tops))
    few = int(MOST * negatives.hours.sum()) + 1
    values = np.unique(np.concatenate((best, peaks)))
    floor = peaks[-few] if few < len(peaks) else 0
    floor = min(floor, best.max(initial=0.0))  # one threshold at least hears a clip, at whatever rate
    if negatives.rule.kind == "esphome":
        grid = device_rule.threshold_of(np.arange(device_rule.STEPS))
        kept: np.ndarray = grid[grid >= min(floor, grid[-1])]
        return kept
    values = values[values >= floor]
    if len(values) > _EXACT + _THINNED:
        rest = np.linspace(0, len(values) - _EXACT, _THINNED, endpoint=False).astype(int)
        values = np.concatenate((values[rest], values[-_EXACT:]))
    middle = values[:-1] + (values[1:] - values[:-1]) / 2
    between = np.where(middle > values[:-1], middle, values[1:])
    found = np.concatenate((values[:1], between, [(values[-1] + 1) / 2 if values[-1] < 1 else 1.0]))
    return np.unique(found[found > 0])


class OperatingPoint(NamedTuple):
    """A threshold, and the clips rejected and false accepts counted with it."""

    threshold: float
    rejected: float
    accepts: int


def allot(tables: Sequence[Thresholds], most: int) -> list[list[OperatingPoint] | None]:
    """The thresholds of all keywords, or None, for each sum of false accepts from 0 to `most`.

    The sum is split over the keywords so that the mean share of clips rejected is least; ties go to the split
    with the fewest false accepts. Among thresholds that reject the same clips, the middle one is taken.
    """
    costs = np.array([[_at(each, budget).rejected for budget in range(most + 1)] for each in tables])
    best, taken = costs[0], [np.arange(most + 1)]
    for cost in costs[1:]:
        sums = np.full((most + 1, most + 1), np.inf)  # by budget and this keyword's share of it
        for share in range(most + 1):
            sums[share:, share] = best[: most + 1 - share] + cost[share]
        taken.append(sums.argmin(1))
        best = sums.min(1)
    found: list[list[OperatingPoint] | None] = []
    for budget in range(most + 1):
        left, split = budget, []
        for shares in reversed(taken):
            split.append(int(shares[left]))
            left -= split[-1]
        choices = [_at(each, share) for each, share in zip(tables, reversed(split), strict=True)]
        found.append(choices if np.isfinite(best[budget]) else None)
    return found


def heard(table: Thresholds) -> OperatingPoint | None:
    """The best threshold at which a clip is heard, with the fewest false accepts; None without."""
    place = int(np.searchsorted(table.rejected, 1.0)) - 1
    return _at(table, int(table.total[place])) if place >= 0 else None


def _at(table: Thresholds, budget: int) -> OperatingPoint:
    """The best threshold with at most `budget` false accepts; `rejected` is inf where there is none."""
    low = int(np.searchsorted(-table.total, -budget))
    if low == len(table.total):
        return OperatingPoint(1.0, float("inf"), int(table.total[-1]))
    rejected = table.rejected
    high = int(np.searchsorted(rejected, rejected[low], side="right")) - 1
    middle = (table.thresholds[low] + table.thresholds[high]) / 2
    place = int(np.searchsorted(table.thresholds, middle, side="right")) - 1
    return OperatingPoint(float(table.thresholds[place]), float(rejected[low]), int(table.total[place]))
