"""Vectors stand for architectures that their space accepts, however they were crossed and changed."""

from collections import Counter

import numpy as np
import pytest
from scipy import stats

from audionas.core.rng import numpy_rng
from audionas.searchers import Vectors, distinct, every
from audionas.spaces.darts_cell import DartsCell
from audionas.spaces.kws_mobilenet import KwsMobilenet
from tests.unit.searchers._toy import OPTIONS, Toy, ToyCell, problem


@pytest.mark.parametrize("space", [Toy(), ToyCell()], ids=["chain", "cell"])
def test_every_architecture_comes_once_and_is_one_that_can_be_drawn(space):
    whole = [spec.id for spec in every(problem(space=space))]
    assert len(whole) == len(set(whole)) == space.size()
    rng = numpy_rng("drawn")
    drawn = {space.sample(rng, problem(space=space).io).id for _ in range(1000)}
    assert drawn <= set(whole)
    assert space.size() > 1000 or drawn == set(whole)  # a cell of 48 is missed with probability 48 e^-21


@pytest.mark.parametrize("count", [10, 40, 60])  # drawn, enumerated in part, all
def test_draws_without_repetition(count):
    found = distinct(problem(space=ToyCell()), count, numpy_rng("distinct"))
    assert len({spec.id for spec in found}) == len(found) == min(count, 48)


@pytest.mark.parametrize("count", [10, 40])
def test_every_architecture_is_drawn_equally_often(count):
    counts = Counter(
        spec.id for seed in range(120) for spec in distinct(problem(space=ToyCell()), count, numpy_rng(seed))
    )
    share = count / 48  # draws without repetition vary less than chi-square's, by 1 - share
    observed = np.array([counts[spec.id] for spec in every(problem(space=ToyCell()))])
    statistic = ((observed - 120 * share) ** 2 / (120 * share * (1 - share))).sum() * 47 / 48
    assert stats.chi2.sf(statistic, 47) > 1e-3


@pytest.mark.parametrize(
    "space", [DartsCell(), DartsCell(preset="s4"), KwsMobilenet(preset="depth"), ToyCell()], ids=repr
)
def test_whatever_is_crossed_and_resampled_is_accepted(space):
    vectors, rng = Vectors(problem(space=space)), numpy_rng("crossed", repr(space))
    parents = [vectors.of(spec) for spec in distinct(problem(space=space), 20, rng)]
    for mother, father in zip(parents[:10], parents[10:], strict=True):
        crossed = np.where(rng.random(len(mother)) < 0.5, mother, father)
        child, _ = vectors.resample(
            crossed, rng.random(len(mother)) < 0.3, vectors.allowed.astype(float), rng
        )
        spec = vectors.spec(child)
        space.check(spec)
        assert np.array_equal(space.encode(spec), child)
        for edges in space.nodes():
            assert sum(bool(spec.choices[c.name]) for c in edges) == (space.inputs or len(edges))
        assert dict(spec.scale) == dict(space.sizes)


def test_repair_leaves_an_architecture_as_it_is():
    vectors, rng = Vectors(problem(space=DartsCell())), numpy_rng("repair")
    for spec in distinct(problem(space=DartsCell()), 20, rng):
        assert np.array_equal(vectors.repair(vectors.of(spec), rng), vectors.of(spec))


def test_what_was_drawn_outlives_the_repair():
    vectors, rng = Vectors(problem(space=DartsCell())), numpy_rng("fixed")
    for spec in distinct(problem(space=DartsCell()), 30, rng):
        where = np.zeros(len(vectors.choices), dtype=bool)
        where[rng.integers(len(where))] = True
        child, [(position, code)] = vectors.resample(
            vectors.of(spec), where, vectors.allowed.astype(float), rng
        )
        assert child[position] == code != vectors.of(spec)[position]


def test_resampling_takes_any_other_option_equally_often():
    vectors, rng = Vectors(problem()), numpy_rng("uniform")
    parent = np.array([0, 1, 2, 3])
    drawn = np.array(
        [vectors.resample(parent, np.ones(4, bool), vectors.allowed * 1.0, rng)[0] for _ in range(1000)]
    )
    for position, code in enumerate(parent):
        counts = Counter(drawn[:, position].tolist())
        assert set(counts) == set(range(len(OPTIONS))) - {int(code)}
        assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_resampling_follows_the_weights():
    vectors, rng = Vectors(problem()), numpy_rng("weighted")
    weights = np.zeros(vectors.allowed.shape)
    weights[:, [0, 4]] = 1.0
    child, drawn = vectors.resample(
        np.array([0, 4, 1, 2]), np.array([True, True, False, False]), weights, rng
    )
    assert child.tolist() == [4, 0, 1, 2]
    assert drawn == [(0, 4), (1, 0)]
    alone = np.eye(4, weights.shape[1])  # only what stands there already
    child, drawn = vectors.resample(np.arange(4), np.ones(4, bool), alone, rng)
    assert (child.tolist(), drawn) == ([0, 1, 2, 3], [])


def test_a_mutation_changes_one_choice():
    vectors, rng = Vectors(problem()), numpy_rng("one")
    parent = np.array([0, 1, 2, 3])
    changed = [np.flatnonzero(vectors.mutated(parent, rng) != parent).tolist() for _ in range(400)]
    assert all(len(places) == 1 for places in changed)
    assert stats.chisquare(list(Counter(p for [p] in changed).values())).pvalue > 1e-3
