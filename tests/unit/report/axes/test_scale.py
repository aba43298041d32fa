"""An axis shows what was measured and nothing impossible, and does not blow up differences of nothing."""

import pytest

from audionas.report.axes.scale import POINTS, POSITIVE, SHARE, Bounds, limits


@pytest.mark.parametrize("values", [(0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.98, 1.0), (0.5, 0.5)])
def test_an_axis_of_shares_stays_within_0_and_100_percent(values: tuple[float, float]) -> None:
    low, high = limits(*values, SHARE)
    assert 0 <= low < high <= 1


def test_an_axis_of_points_around_nothing_is_narrow() -> None:
    """Not from -40 to 40."""
    assert max(map(abs, limits(0.0, 0.0, POINTS))) <= 0.05


def test_equal_accuracies_do_not_span_the_page() -> None:
    low, high = limits(0.700, 0.701, SHARE)
    assert 0.001 / (high - low) < 0.05


def test_what_was_measured_is_shown_even_beyond_the_bounds() -> None:
    low, high = limits(-3.0, -1.0, POSITIVE)
    assert low <= -3
    assert high >= -1


def test_without_bounds_nothing_is_cut() -> None:
    assert limits(0.0, 1.0, Bounds())[0] < 0
