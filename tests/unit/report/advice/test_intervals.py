"""Intervals that cannot be measured are told with the reason; others are not."""

from pathlib import Path

import pytest

from audionas.report.advice.intervals import of_accuracy, of_rank, of_seeds

TYPED = "audionas compare c.yaml"


def test_an_accuracy_without_interval_is_told_with_the_reason() -> None:
    scores = {"interval": None, "interval_why": "all speakers give the same", "speakers": 12, "n": 40}
    found = of_accuracy(scores, Path("exp/x"))
    assert found is not None
    assert "cannot be measured: all speakers give the same." in found.what


@pytest.mark.parametrize(
    "scores", [{"interval": [0.1, 0.2], "speakers": 12}, {"interval": None, "speakers": 3}]
)
def test_a_measured_one_and_one_of_few_speakers_are_not(scores: dict) -> None:
    assert of_accuracy(scores, Path("exp/x")) is None


def test_methods_with_one_seed_are_told_and_given_more() -> None:
    found = of_seeds({"darts": 1, "gdas": 2, "rome": 0}, TYPED)
    assert found is not None
    assert "1 method ran with one seed (darts)" in found.what
    assert found.do == "audionas compare c.yaml 'compare.seeds=[0,1,2]'"
    assert of_seeds({"darts": 2}, TYPED) is None


@pytest.mark.parametrize(("networks", "word"), [(4, "rank.networks=30"), (30, "'rank.seeds=[0,1,2]'")])
def test_a_ranking_is_told_what_it_lacks(networks: int, word: str) -> None:
    found = of_rank(networks, ["not measurable: 4 networks, fewer than 10"], "audionas rank c.yaml")
    assert found is not None
    assert found.do == f"audionas rank c.yaml {word}"
    assert of_rank(networks, [], "audionas rank c.yaml") is None
