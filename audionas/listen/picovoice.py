"""Picovoice's operating point: the share of clips missed at one false alarm in ten hours.

As in `plot.py` of Picovoice/wake-word-benchmark (commit 8491919): the miss rate is linear between two rates
of false alarms, and of settings with the same rate the one that misses least counts; keywords are averaged.
It differs in two ways: there, each keyword has a track of its own, and every frame that fires counts, so
that an engine without a refractory time is counted several times.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from audionas.core.intervals import hull
from audionas.listen.bands import rejected_interval
from audionas.listen.det import Groups, Thresholds

RATE = 0.1  # false alarms per hour
SHOWS = 3  # expected events from which a rate can be measured: H hours show none below SHOWS / H


def missed_at(rate: float, rates: np.ndarray, missed: np.ndarray) -> float | None:
    """The share missed at a rate of false alarms, by linear interpolation of `missed` (n,) over `rates` (n,).

    Beyond the highest rate it is that of the highest; None below the lowest, where nothing was measured.
    """
    distinct = np.unique(rates)
    if rate < distinct[0]:
        return None
    least = [missed[rates == each].min() for each in distinct]
    return float(np.interp(rate, distinct, least))


def operating_point(tables: Sequence[Thresholds], groups: Sequence[Groups], hours: float) -> dict[str, Any]:
    """The mean over the keywords of the share of clips missed at RATE; None where it cannot be told.

    Its interval holds those of the two thresholds between which the figure lies.
    """
    row: dict[str, Any] = {"fa_per_hour": RATE, "measurable": RATE * hours >= SHOWS, "rejected": None}
    each = [missed_at(RATE, table.total / hours, table.rejected) for table in tables]
    known = [share for share in each if share is not None]
    if not row["measurable"] or len(known) < len(each):
        return row
    stricter = [_threshold(table, RATE * hours) for table in tables]
    looser = [_threshold(table, table.total[table.total > RATE * hours].min(initial=_most(table)))
              for table in tables]  # fmt: skip
    ends = hull(*(rejected_interval(tables, groups, at) for at in (stricter, looser)))
    return {**row, "rejected": float(np.mean(known)), **ends.plain("rejected_interval")}


def _threshold(table: Thresholds, most: float) -> float:
    """The lowest threshold with at most so many false alarms."""
    return float(table.thresholds[int(np.searchsorted(-table.total, -most))])


def _most(table: Thresholds) -> int:
    return int(table.total[0])
