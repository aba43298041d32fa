"""Exact intervals: published limits, coverage where it can be computed, and what a bootstrap cannot say."""

import numpy as np
import pytest
from scipy import stats

from audionas.core.intervals import Interval, exact, hull, poisson


@pytest.mark.parametrize(
    ("count", "low", "high"),  # Garwood's limits, as in tables of the exact Poisson interval
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (3, 0.619, 8.767), (10, 4.795, 18.39)],
)
def test_a_rate_has_the_limits_of_the_tables(count: int, low: float, high: float) -> None:
    assert poisson(count, 1.0).ends == (pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-2))
    ends = poisson(count, 4.0).ends
    assert ends == (pytest.approx(low / 4, abs=1e-3), pytest.approx(high / 4, abs=1e-2))


def test_exact_intervals_hold_the_truth_95_times_in_100_or_more() -> None:
    for mean in (0.3, 2.0, 7.5):
        count = np.arange(60)
        inside = [low <= mean <= high for low, high in (poisson(int(n), 1.0).ends or () for n in count)]
        assert stats.poisson.pmf(count, mean)[inside].sum() >= 0.95
    for share in (0.02, 0.5, 0.97):
        right = np.arange(19)
        inside = [low <= share <= high for low, high in (exact(int(n), 18).ends or () for n in right)]
        assert stats.binom.pmf(right, 18, share)[inside].sum() >= 0.95


def test_all_of_eighteen_is_not_certainty() -> None:
    assert exact(18, 18).words("{:.1%}".format) == "81.5% to 100.0%"
    assert exact(0, 18).ends == (0.0, pytest.approx(0.185, abs=1e-3))


def test_a_hull_holds_all_or_says_why_not() -> None:
    assert hull(Interval((0.2, 0.4)), Interval((0.1, 0.3))) == Interval((0.1, 0.4))
    assert hull(Interval((0.2, 0.4)), Interval(None, "6 speakers, fewer than 10")).why.startswith(
        "6 speakers"
    )
