"""A scale shows what was measured and nothing impossible, and does not blow up differences of nothing."""

import pytest

from audionas.report.axes.scale import POINTS, POSITIVE, SHARE, Bounds, Scale


@pytest.mark.parametrize("values", [(0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.98, 1.0), (0.5, 0.5)])
def test_an_axis_of_shares_stays_within_0_and_100_percent(values: tuple[float, float]) -> None:
    scale = Scale(*values, 0, 100, bounds=SHARE)
    assert scale.low >= 0
    assert scale.high <= 1
    assert all(0 <= tick <= 1 for tick in scale.ticks)
    assert len(scale.ticks) > 1


def test_an_axis_of_points_around_nothing_is_narrow() -> None:
    """Not from -40 to 40."""
    scale = Scale(0.0, 0.0, 0, 100, bounds=POINTS)
    assert max(map(abs, scale.ticks)) <= 0.05


def test_equal_accuracies_do_not_span_the_page() -> None:
    scale = Scale(0.700, 0.701, 0, 100, bounds=SHARE)
    assert scale(0.701) - scale(0.700) < 5


def test_what_was_measured_is_shown_even_beyond_the_bounds() -> None:
    scale = Scale(-3.0, -1.0, 0, 100, bounds=POSITIVE)
    assert scale.low <= -3
    assert scale.high >= -1


def test_without_bounds_nothing_is_cut() -> None:
    assert Scale(0.0, 1.0, 0, 100, bounds=Bounds()).low < 0
