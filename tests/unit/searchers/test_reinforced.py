"""The learned mutation: its gradient is that of what was drawn, it learns rewards, shares are kept."""

import math

import numpy as np
import pytest

from audionas.core.rng import numpy_rng
from audionas.searchers import Generation, Vectors
from audionas.searchers.reinforced import Reinforced, ReinforcedMutation
from tests.unit.searchers._toy import problem

PARENT = np.array([0, 1, 2, 3])
NOBODY = Generation(np.zeros((0, 4), dtype=int), np.zeros((0, 1)), np.zeros(0))


def mutation(**conf):
    return ReinforcedMutation(Vectors(problem()), Reinforced(**conf))


def log_probability(mixed, child):
    """Of drawing what differs from PARENT, by the definition: a softmax over the other options."""
    found = 0.0
    for position in np.flatnonzero(child != PARENT):
        logits = [mixed.logits[position, code] for code in range(6) if code != PARENT[position]]
        found += mixed.logits[position, child[position]] - math.log(sum(map(math.exp, logits)))
    return found


def test_the_step_is_the_gradient_of_the_log_probability():
    mixed, rng = mutation(learned=1.0, prior=0.0, mutation=0.7), numpy_rng("gradient")
    mixed.logits[:] = rng.normal(size=mixed.logits.shape)
    child = mixed.child(PARENT, NOBODY, rng)
    assert (child != PARENT).sum() > 1
    [step] = mixed._steps.values()
    numeric, h = np.zeros_like(step), 1e-6
    for place in np.ndindex(*step.shape):
        start = mixed.logits[place]
        ends = []
        for sign in (1, -1):
            mixed.logits[place] = start + sign * h
            ends.append(log_probability(mixed, child))
        mixed.logits[place] = start
        numeric[place] = (ends[0] - ends[1]) / (2 * h)
    assert step == pytest.approx(numeric, abs=1e-8)


def test_a_rewarded_option_becomes_likelier_and_a_punished_one_less():
    for better, sign in ((0.0, 1), (2.0, -1)):
        mixed, rng = mutation(learned=1.0, prior=0.0, mutation=1.0, rate=0.5), numpy_rng("reward", better)
        child = mixed.child(PARENT, NOBODY, rng)
        before = log_probability(mixed, child)
        told = Generation(child[None], np.array([[better]]), np.zeros(1))
        mixed.learn(told, Generation(PARENT[None], np.array([[1.0]]), np.zeros(1)))
        assert sign * (log_probability(mixed, child) - before) > 0.1
        assert mixed.baseline == pytest.approx(sign * 0.2)  # the reward is 1 or -1, memory 0.8


def test_only_what_the_policy_drew_is_learnt_from():
    mixed, rng = mutation(learned=0.0, prior=0.5, mutation=1.0), numpy_rng("others")
    children = mixed(np.array([PARENT] * 20), Generation(PARENT[None], np.ones((1, 1)), np.zeros(1)), rng)
    mixed.learn(
        Generation(children, np.zeros((20, 1)), np.zeros(20)),
        Generation(PARENT[None], np.ones((1, 1)), np.zeros(1)),
    )
    assert not mixed.logits.any()
    assert mixed.baseline == 0.0


def test_the_policy_learns_which_option_is_good():
    """One option a choice is rewarded; from 1/6 its probability rises above 1/2 within 40 generations."""
    good = np.array([5, 4, 3, 0])
    mixed, rng = mutation(learned=1.0, prior=0.0, mutation=0.5), numpy_rng("learns")
    for _ in range(40):
        population = rng.integers(6, size=(30, 4))
        children = mixed(population, NOBODY, rng)
        groups = [
            Generation(some, -(some == good).sum(1, keepdims=True).astype(float), np.zeros(30))
            for some in (children, population)
        ]
        mixed.learn(*groups)
    assert (mixed.policy()[np.arange(4), good] > 0.5).all()
    assert mixed.policy().sum(1) == pytest.approx(np.ones(4))


def test_mutations_are_mixed_in_the_stated_shares():
    """The policy is made to draw only option 1, the prior almost only option 2; four sigma allowed."""
    mixed, rng, count = mutation(learned=0.5, prior=0.3, mutation=1.0), numpy_rng("shares"), 2000
    mixed.logits[:, 1] = 50.0
    population = Generation(np.full((1000, 4), 2), np.zeros((1000, 1)), np.zeros(1000))
    children = mixed(np.zeros((count, 4), dtype=int), population, rng)
    for code, share in ((1, 0.5), (2, 0.3 * (1001 / 1005) ** 4)):
        share += 0.2 * 0.2**4  # uniform draws of the same
        observed = (children == code).all(1).mean()
        assert abs(observed - share) < 4 * math.sqrt(share * (1 - share) / count)


def test_the_prior_counts_the_population():
    mixed = mutation()
    population = Generation(np.array([[0, 1, 2, 3], [0, 1, 1, 1]]), np.zeros((2, 1)), np.zeros(2))
    counts = mixed.counts(population)
    assert counts[0, :6].tolist() == [3, 1, 1, 1, 1, 1]
    assert counts[2, :6].tolist() == [1, 2, 2, 1, 1, 1]
    assert not counts[:, 6].any()  # an absent edge, which a chain has not
