"""A searcher's fields are refused all at once, with what to write instead."""

import pytest

from audionas.core.errors import UserError
from audionas.core.registry import names, resolve
from audionas.searchers.evolution import Evolution
from audionas.searchers.exhaustive import Exhaustive
from audionas.searchers.nsga2 import Nsga2
from audionas.searchers.random import Random
from audionas.searchers.reinforced import Reinforced


@pytest.mark.parametrize(
    ("kind", "fields", "told"),
    [
        (Random, {"objectives": {"acuracy": "max"}}, "Did you mean 'accuracy'"),
        (Random, {"objectives": {}}, "at least one"),
        (Random, {"objectives": {"macs": "minimum"}}, "expected max or min"),
        (Random, {"limits": {"mac": 1.0}}, "Did you mean 'macs'"),
        (Random, {"limits": {"accuracy": 0.9}}, "cannot be limited"),
        (Random, {"limits": {"macs": 0}}, "limits.macs is 0"),
        (Random, {"limits": {"macs": float("inf")}}, "limits.macs is inf"),
        (Random, {"limits": {"macs": float("nan")}}, "limits.macs is nan"),
        (Random, {"limits": {"macs": True}}, "limits.macs is True"),
        (Random, {"limits": {"swap": 9.0}}, "swap cannot be limited"),
        (Random, {"objectives": {"az_nas": "max"}}, "Write filter: az_nas"),
        (Random, {"objectives": {"synflo": "max"}}, "Did you mean 'synflow'"),
        (Random, {"filter": "az_nsa"}, "no filter 'az_nsa'. Did you mean 'az_nas'"),
        (Random, {"filter": "az_nas", "keep": 1}, "keep is 1, expected a share between 0 and 1"),
        (Random, {"networks": 0}, "networks is 0"),
        (Exhaustive, {"most": 1.5}, "most is 1.5"),
        (Evolution, {"children": 0}, "children is 0"),
        (Nsga2, {"population": 0}, "population is 0"),
        (Nsga2, {"crossover": 1.1}, "crossover is 1.1"),
        (Nsga2, {"mutation": -0.1}, "mutation is -0.1"),
        (Nsga2, {"weights": {"accuracy": 1.0}}, "expected accuracy, macs"),
        (Nsga2, {"weights": {"accuracy": 0.5, "macs": 0.4}}, "not 0.9"),
        (Nsga2, {"weights": {"accuracy": 1.5, "macs": -0.5}}, "from 0 that sum to 1"),
        (Nsga2, {"weights": {"accuracy": float("nan"), "macs": 1.0}}, "from 0 that sum to 1"),
        (Reinforced, {"learned": 0.8, "prior": 0.3}, "learned \\+ prior is 1.1"),
        (Reinforced, {"rate": "fast"}, "rate is 'fast'"),
    ],
)
def test_a_wrong_field_is_refused(kind, fields, told):
    with pytest.raises(UserError, match=told) as caught:
        kind(**fields)
    assert caught.value.hint


def test_all_problems_are_told_together():
    with pytest.raises(UserError) as caught:
        Reinforced(objectives={"speed": "max"}, limits={"loss": -1}, population=0, prior=2)
    assert len(caught.value.problems) == 5


@pytest.mark.parametrize("name", names("searcher"))
def test_defaults_are_sound(name):
    searcher = resolve("searcher", name)()
    assert searcher.problems() == []
    assert searcher.objectives == {"accuracy": "max", "macs": "min"}


def test_violation_is_the_sum_of_the_shares_by_which_limits_are_exceeded():
    searcher = Random(limits={"macs": 100.0, "params": 10})
    assert searcher.violation({"macs": 100, "params": 10, "accuracy": 0.0}) == 0.0
    assert searcher.violation({"macs": 150, "params": 5}) == 0.5
    assert searcher.violation({"macs": 150, "params": 20}) == 1.5


def test_the_proxies_of_a_search_are_those_that_objectives_and_filter_read():
    assert Random().proxies == Random(filter="macs").proxies == ()
    searcher = Random(objectives={"swap": "max", "macs": "min"}, filter="az_nas")
    assert searcher.proxies == ("swap", "az_nas")
    assert "keep" in Random(keep=0.3).void()
    assert "keep" not in searcher.void()
