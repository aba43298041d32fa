"""Searches that decided little are told, others are not."""

from pathlib import Path

from audionas.core.records.decided import DecidedRecord
from audionas.report.advice.undecided import undecided, undecided_methods


def record(margin: float, advice: str = "") -> DecidedRecord:
    return DecidedRecord(margins={"block1": margin, "block2": margin}, entropy=0.5, advice=advice)


def test_small_margins_are_told_with_a_longer_search() -> None:
    found = undecided(record(0.01), Path("exp/s"), 30)
    assert found is not None
    assert "2 of 2 choices below 0.05" in found.what
    assert found.do == "audionas search exp/s/search/config.yaml name=s_longer search.epochs=60"


def test_what_helps_the_method_is_taken_over_as_words() -> None:
    advice = "To decide more, search again with --overwrite search.epochs=6 a=$(touch)"
    found = undecided(record(0.01, advice), Path("exp/s"), 3)
    assert found is not None
    assert found.do.endswith("name=s_longer search.epochs=6 'a=$(touch)'")


def test_large_margins_are_not() -> None:
    assert undecided(record(0.3), Path("exp/s"), 30) is None


def test_methods_of_a_comparison_are_named_from_half_of_their_searches_on() -> None:
    shares = {"darts": 0.5, "gdas": 0.4}
    found = undecided_methods(shares, "duel", 30, "audionas compare conf.yaml")
    assert found is not None
    assert "of 1 method ended undecided (darts)" in found.what
    assert found.do == "audionas compare conf.yaml name=duel_longer search.epochs=60"
    assert undecided_methods({"gdas": 0.4}, "duel", 30, "audionas compare conf.yaml") is None
