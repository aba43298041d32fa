"""Too few hours for the target are told with how many it takes; enough are not."""

from pathlib import Path

from audionas.report.advice.hours import few_hours, too_few_hours


def tuned(hours: float) -> dict:
    return {"files": [{"target": 0.5, "hours": hours}], "positives": "data/dev"}


def test_few_hours_are_told_with_how_many_it_takes() -> None:
    found = few_hours(tuned(2.0), Path("exp/w"))
    assert found is not None
    assert found.what == "2 h of negatives cannot show 0.5 false accepts per hour: give at least 6 h."
    words = "--positives data/dev --negatives more_hours --target-fa-per-hour 0.5"
    assert found.do == f"audionas tune exp/w {words}"


def test_enough_hours_are_not() -> None:
    assert few_hours(tuned(6.0), Path("exp/w")) is None
    assert few_hours({"files": []}, Path("exp/w")) is None
    assert too_few_hours(0.5, 6.0) == ""
