"""Regularised evolution: who may have children, who dies, and that it climbs."""

import numpy as np
import pytest

from audionas.searchers.evolution import Evolution
from audionas.searchers.exhaustive import Exhaustive
from audionas.searchers.random import Random
from audionas.spaces.kws_mobilenet import KwsMobilenet
from tests.unit.searchers._toy import Evaluator, Toy, problem, ran

SPACE = KwsMobilenet(preset="sf16")


def distances(evaluate):
    """(i, j): in how many choices the i-th and the j-th network asked for differ."""
    vectors = np.array([SPACE.encode(spec) for spec in evaluate.asked])
    return (vectors[:, None] != vectors[None]).sum(-1)


class ByAge(Evaluator):
    """The earlier a network was asked for, the better; above the limit where `outside` says so."""

    def score(self, spec):
        return super().score(spec)._replace(values={"accuracy": -float(len(self.scored)), "macs": 1.0})

    def __call__(self, specs):
        return [super(ByAge, self).__call__([spec])[0] for spec in specs]


def test_the_best_of_the_living_has_the_child_and_the_oldest_dies():
    """Where the oldest is the best, the parent is always the one asked `population` turns before.

    A child that was asked for before moves on, which about one in a hundred is.
    """
    searcher = Evolution(population=8, sample=200, networks=60)  # a sample misses the best with 8 * e^-25
    evaluate = ByAge(searcher, lambda spec: {"macs": 1.0})
    searcher.run(problem(space=SPACE), evaluate)
    apart = distances(evaluate)
    assert len(evaluate.asked) == 60
    steps = [int(apart[i, i - 8]) for i in range(8, 60)]
    assert max(steps) <= 2
    assert steps.count(1) >= 48


def test_children_are_one_step_from_a_living_parent():
    evaluate = ran(Evolution(population=10, sample=3, networks=80), space=SPACE, of=lambda spec: of_id(spec))
    apart = distances(evaluate)
    steps = [int(apart[i, i - 10 : i].min()) for i in range(10, 80)]
    assert max(steps) <= 2
    assert steps.count(1) >= 65


def of_id(spec):
    return {"accuracy": int(spec.id, 16) % 1000 / 1000, "macs": 1.0}


@pytest.mark.parametrize("children", [1, 3])
def test_so_many_are_asked_for_at_once(children):
    evaluate = ran(Evolution(population=10, sample=3, networks=41, children=children))
    assert evaluate.batches == ([10] + [1] * 31 if children == 1 else [10] + [3] * 10 + [1])


@pytest.mark.laws
def test_it_finds_the_best_network_sooner_than_chance():
    best = max(ran(Exhaustive()).scored, key=lambda one: one.score.values["accuracy"]).spec.id
    conf = {"population": 20, "sample": 10, "networks": 200}
    evolved, drawn = 0, 0
    for seed in range(8):
        evolved += best in {spec.id for spec in ran(Evolution(**conf), seed).asked}
        drawn += best in {spec.id for spec in ran(Random(networks=200), seed).asked}
    assert evolved >= 7  # chance finds it in 200 / 1296 of the seeds
    assert drawn <= 4


def test_the_least_above_a_limit_is_best_until_one_is_within():
    limits = {"macs": 16.0}  # 3 % of the space is within
    above = [one.score.violation for one in ran(Evolution(population=10, networks=100, limits=limits)).scored]
    drawn = [one.score.violation for one in ran(Random(networks=100, limits=limits)).scored]
    assert min(above[:10]) > 0
    assert 2 * np.mean(above[50:]) < np.mean(drawn)
    assert above.count(0.0) > drawn.count(0.0) + 3


@pytest.mark.laws
def test_it_ends_when_all_has_been_asked():
    evaluate = ran(Evolution(population=100, sample=5, networks=5000))
    assert len(evaluate.asked) == Toy().size()
    assert len(ran(Evolution(population=30, networks=12)).asked) == 12
