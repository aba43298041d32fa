"""Picovoice's operating point on made series: as `plot.py` interpolates, and where hours cannot carry it."""

import numpy as np
import pytest

from audionas.listen.det import Groups, Thresholds
from audionas.listen.picovoice import missed_at, operating_point
from audionas.report import tune


def plotted(rate: float, series: list[tuple[float, float]]) -> float:
    """Transcribed from the description of `plot.py`: rows of (missed, false alarms per hour) by rising
    sensitivity; a row replaces the one before it where both have the same rate; then a straight line."""
    rates: list[float] = []
    missed: list[float] = []
    for miss, alarms in series:
        if rates and rates[-1] == alarms:
            missed[-1] = miss
        else:
            missed.append(miss)
            rates.append(alarms)
    for (x0, y0), (x1, y1) in zip(zip(rates, missed), zip(rates[1:], missed[1:])):  # noqa: B905
        if x0 <= rate <= x1:
            return y0 + (y1 - y0) * (rate - x0) / (x1 - x0)
    return missed[0] if rate < rates[0] else missed[-1]


def test_it_is_where_picovoice_reads_it() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        rates = np.sort(rng.choice([0.0, 0.04, 0.05, 0.08, 0.125, 0.2, 0.5], 8))
        missed = np.sort(rng.random(8))[::-1]
        rates[0] = 0.0
        expected = plotted(0.1, list(zip(missed.tolist(), rates.tolist(), strict=True)))
        assert missed_at(0.1, rates, missed) == pytest.approx(expected, abs=1e-12)


def test_beyond_what_was_measured() -> None:
    assert missed_at(0.1, np.array([0.5, 0.2]), np.array([0.1, 0.3])) is None  # it always alarms more often
    assert missed_at(0.1, np.array([0.0, 0.05]), np.array([0.4, 0.2])) == 0.2


def made(hours: float) -> tuple[list[Thresholds], list[Groups]]:
    """Ten clips of which 8, 6 and 2 are missed with 0, 2 and 4 false alarms per 40 h."""
    missed = np.arange(10)[:, None] < np.array([2, 6, 8])
    accepts = np.array([[4, 2, 0]]) * round(hours / 40)
    return [Thresholds(np.array([0.2, 0.5, 0.9]), missed, accepts)], [Groups(np.arange(10), "clips")]


def test_the_point_of_a_table_lies_between_its_thresholds() -> None:
    row = operating_point(*made(80), 80.0)
    assert row["measurable"]
    assert row["rejected"] == pytest.approx(0.2)  # 8 alarms in 80 h are just 0.1
    row = operating_point(*made(40), 60.0)  # 6 alarms allowed: beyond the loosest
    assert row["rejected"] == pytest.approx(0.2)
    row = operating_point(*made(40), 30.0)  # 3 alarms: half way between 2 and 4
    assert row["rejected"] == pytest.approx(0.4)
    low, high = row["rejected_interval"]
    assert (low, high) == (pytest.approx(0.025, abs=1e-3), pytest.approx(0.878, abs=1e-3))  # of 2 and 6 of 10


def test_hours_that_cannot_carry_it() -> None:
    row = operating_point(*made(40), 24.0)
    assert row == {"fa_per_hour": 0.1, "measurable": False, "rejected": None}
    figures = {"at": [], "hours": 24.0, "file": "a.onnx", "sum": {"rejected": 0.5, "fa_per_hour": 1.0}}
    head, (line,) = tune.rates_table([{**figures, "picovoice": row}])
    assert dict(zip(head, line, strict=True))[tune.PICOVOICE] == "not measurable with 24 h"
    assert "-" in tune.rates_table([figures])[1][0]  # an earlier version measured none
