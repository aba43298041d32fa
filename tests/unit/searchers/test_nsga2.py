"""NSGA-II finds the front of a space that can be enumerated, under limits too; weights steer it."""

import numpy as np
import pytest

from audionas.searchers import front
from audionas.searchers.exhaustive import Exhaustive
from audionas.searchers.nsga2 import Nsga2
from audionas.searchers.random import Random
from audionas.searchers.reinforced import Reinforced
from tests._tiers import laws
from tests.unit.searchers._toy import ToyCell, ran

THREE = {"accuracy": "max", "macs": "min", "params": "max"}


def found(searcher, seed=0):
    return {one.spec.id for one in front(ran(searcher, seed).scored, searcher.objectives)}


@pytest.mark.parametrize("kind", [Nsga2, Reinforced])
@pytest.mark.parametrize("seed", laws(range(4)))
def test_the_true_front_is_found_within_720_of_1296(kind, seed):
    """Random draws of as many find 20 of its 36 networks on average, all with probability (5/9)^36."""
    true = found(Exhaustive())
    assert len(true) == 36
    assert found(kind(population=60, generations=12), seed) == true
    assert len(found(Random(networks=720), seed) & true) < 30


@pytest.mark.parametrize("seed", range(2))
def test_under_limits_the_front_of_what_they_allow_is_found(seed):
    limits = {"macs": 20.0, "params": 400.0}
    whole = ran(Exhaustive(limits=limits))
    within = sum(not one.score.violation for one in whole.scored)
    assert within < 150  # so most of a first population is outside
    true = {one.spec.id for one in front(whole.scored, whole.searcher.objectives)}
    evaluate = ran(Nsga2(population=40, generations=12, limits=limits), seed)
    assert {one.spec.id for one in front(evaluate.scored, whole.searcher.objectives)} == true
    outside = [one.score.violation > 0 for one in evaluate.scored]
    assert np.mean(outside[:40]) > np.mean(outside[40:160]) + 0.05


def test_equal_weights_are_plain_crowding():
    plain = Nsga2(objectives=THREE, population=15, generations=8)
    equal = Nsga2(objectives=THREE, population=15, generations=8, weights=dict.fromkeys(THREE, 1 / 3))
    uneven = Nsga2(
        objectives=THREE, population=15, generations=8, weights={**dict.fromkeys(THREE, 0.0), "macs": 1.0}
    )
    asked = [[spec.id for spec in ran(searcher).asked] for searcher in (plain, equal, uneven)]
    assert asked[0] == asked[1] != asked[2]


def test_a_small_space_is_asked_for_once_and_the_search_ends():
    evaluate = ran(
        Nsga2(population=10, generations=30), space=ToyCell(), of=lambda spec: {"accuracy": 0, "macs": 1}
    )
    assert 40 < len(evaluate.asked) <= ToyCell().size() == 48
    whole = ran(
        Nsga2(population=60, generations=3), space=ToyCell(), of=lambda spec: {"accuracy": 0, "macs": 1}
    )
    assert whole.batches == [48]


def test_without_mutation_options_come_from_the_first_population_alone():
    evaluate = ran(Nsga2(population=8, generations=5, mutation=0.0))
    at_first = [{spec.choices[f"layer{i}"] for spec in evaluate.asked[:8]} for i in range(4)]
    later = [{spec.choices[f"layer{i}"] for spec in evaluate.asked[8:]} for i in range(4)]
    assert len(evaluate.asked) > 8
    assert all(new <= old for new, old in zip(later, at_first, strict=True))


def test_one_objective_is_enough():
    best = max(ran(Exhaustive()).scored, key=lambda one: one.score.values["accuracy"])
    searcher = Nsga2(objectives={"accuracy": "max"}, population=30, generations=12)
    assert found(searcher) == {best.spec.id}
