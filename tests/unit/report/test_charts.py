"""Charts of accuracies: an axis in percent that stays within 0 and 100, chance, and the band of few clips."""

import pytest

from audionas.report import charts
from tests.unit.report.test_report import Page


def ticks_of(drawn: str) -> list[float]:
    """The figures in percent on an axis."""
    words = Page(f"<body>{drawn}</body>").words
    return [float(word.replace("\u00a0%", "")) for word in words if word.endswith("%")]


@pytest.mark.parametrize("values", [[0.0, 0.0], [1.0, 1.0], [0.2, 0.9]])
def test_an_accuracy_is_drawn_in_percent_from_0_to_100(values: list[float]) -> None:
    drawn = charts.curves({"": ([1, 2], values)}, ["accent"], "x", charts.Shares(0.1, 63))
    assert 0 <= min(ticks_of(drawn)) < max(ticks_of(drawn)) <= 100
    assert {"chance", "epoch"} <= {word.strip() for word in Page(f"<body>{drawn}</body>").words}


def test_one_clip_of_63_does_not_span_a_curve() -> None:
    line = {"": ([1, 2], [41 / 63, 42 / 63])}
    drawn = charts.curves(line, ["accent"], "x", charts.Shares(clips=63))
    assert max(ticks_of(drawn)) - min(ticks_of(drawn)) >= 15
    assert "fill: var(--accent)" in drawn
    assert "fill: var(--accent)" not in charts.curves(line, ["accent"], "x", charts.Shares())


@pytest.mark.parametrize("values", [[0.1001, 0.1002, 0.1003], [5_101_000, 5_102_000, 5_103_000]])
def test_the_numbers_on_an_axis_differ(values: list[float]) -> None:
    drawn = charts.curves({"": ([1, 2, 3], values)}, ["accent"], "x")
    words = Page(f"<body>{drawn}</body>").words
    ticks = [word for word in words if word.strip() and word not in ("1", "2", "3")]
    assert len(ticks) == len(set(ticks)) >= 2
