"""The band of an accuracy holds it and narrows with clips; an unknown number gives none."""

import pytest

from audionas.report.axes.noise import band


def test_the_band_holds_the_share_and_narrows_with_clips() -> None:
    few, many = band(0.5, 62), band(0.5, 6200)
    assert few is not None
    assert many is not None
    assert few[0] < many[0] < 0.5 < many[1] < few[1]
    assert few == pytest.approx((0.370, 0.630), abs=0.005)  # tables of Clopper and Pearson


def test_nothing_is_drawn_for_an_unknown_number() -> None:
    assert band(0.5, 0) is None
