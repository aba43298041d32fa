"""Fronts against brute force, hypervolume and crowding against pymoo's, and the laws of weighted crowding."""

import itertools
import math

import numpy as np
import pytest
from pymoo.indicators.hv import HV
from pymoo.operators.survival.rank_and_crowding.metrics import calc_crowding_distance

from audionas.core.rng import numpy_rng
from audionas.searchers import (
    Score,
    Scored,
    crowding,
    dominates,
    every,
    extent,
    front,
    hypervolume,
    hypervolumes,
    knee,
    minimal,
    points,
    violations,
)
from tests.unit.searchers._toy import problem, values

OBJECTIVES = {"accuracy": "max", "macs": "min"}
SPECS = list(itertools.islice(every(problem()), 0, 600, 3))


def beaten(a, b):
    """Whether b dominates a, both to minimise."""
    return all(y <= x for x, y in zip(a, b, strict=True)) and tuple(a) != tuple(b)


@pytest.mark.parametrize("objectives", [1, 2, 3])
@pytest.mark.parametrize("levels", [4, 10**6])  # with ties, and without
def test_what_no_other_dominates(objectives, levels):
    some = numpy_rng(objectives, levels).integers(levels, size=(120, objectives)).astype(float)
    some[::10] = math.inf
    expected = [i for i in range(120) if i % 10 and not any(beaten(some[i], other) for other in some)]
    assert sorted(minimal(some)) == expected
    assert [tuple(some[i]) for i in minimal(some)] == sorted(tuple(some[i]) for i in expected)


def test_the_front_does_not_depend_on_the_order_of_scores():
    scored = [Scored(spec, Score(values(spec))) for spec in SPECS]
    scored += [
        Scored(spec, Score({"macs": 0.0}, 0.1)) for spec in itertools.islice(every(problem()), 600, 610)
    ]
    found = front(scored, OBJECTIVES)
    assert front(scored[::-1], OBJECTIVES) == found
    accuracies = [one.score.values["accuracy"] for one in found]
    assert accuracies == sorted(accuracies, reverse=True)
    assert len(found) > 5
    assert all(one.score.violation == 0 for one in found)


def test_equal_scores_all_stay_in_the_order_of_their_ids():
    scored = [Scored(spec, Score({"accuracy": 0.5, "macs": 1.0})) for spec in SPECS[:20]]
    assert [one.spec.id for one in front(scored, OBJECTIVES)] == sorted(spec.id for spec in SPECS[:20])


def test_points_negate_what_is_maximised_and_mark_what_is_inadmissible():
    scores = [
        Score({"accuracy": 0.5, "macs": 3.0}),
        Score({"macs": 9.0}, 0.25),
        Score({"accuracy": math.nan, "macs": 3.0}),
    ]
    assert points(scores, OBJECTIVES).tolist() == [[-0.5, 3.0], [math.inf] * 2, [math.inf] * 2]
    assert violations(scores, OBJECTIVES).tolist() == [0.0, 0.25, math.inf]


def test_domination_under_limits():
    some = np.array([[1.0, 2.0], [2.0, 2.0], [math.inf] * 2, [math.inf] * 2])
    above = np.array([0.0, 0.0, 0.1, 0.2])
    expected = [[0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    assert dominates(some, above, some, above).astype(int).tolist() == expected


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
def test_hypervolume_is_pymoos(objectives):
    for seed in range(5):
        some = numpy_rng("volume", objectives, seed).random((25, objectives)) * 1.2
        reference = np.ones(objectives)
        assert hypervolume(some, reference) == pytest.approx(HV(ref_point=reference)(some), abs=1e-12)


def test_hypervolume_of_boxes():
    reference = np.array([4.0, 4.0, 4.0])
    assert hypervolume(np.array([[2.0, 2.0, 2.0]]), reference) == 8.0
    assert hypervolume(np.array([[2.0, 2.0, 2.0], [1.0, 3.0, 3.0]]), reference) == 9.0
    assert hypervolume(np.array([[4.0, 0.0, 0.0], [math.inf] * 3]), reference) == 0.0
    assert hypervolume(np.array([[2.0, 2.0, 2.0]]), reference, ideal=np.zeros(3)) == 0.125


def test_normalised_hypervolume_does_not_know_units():
    some, scale = numpy_rng("units").random((20, 2)), np.array([1e6, 1e-3])
    reference, ideal = np.ones(2), np.zeros(2)
    share = hypervolume(some, reference, ideal)
    assert hypervolume(some * scale, reference * scale, ideal * scale) == pytest.approx(share, rel=1e-12)


@pytest.mark.parametrize("objectives", [2, 3])
def test_hypervolumes_are_those_of_the_beginnings(objectives):
    some = numpy_rng("beginnings", objectives).random((60, objectives))
    some[5] = math.inf
    reference = np.full(objectives, 0.9)
    expected = [hypervolume(some[:n], reference) for n in range(1, 61)]
    assert hypervolumes(some, reference) == pytest.approx(expected, abs=1e-14)
    assert (np.diff(hypervolumes(some, reference)) >= 0).all()


def test_the_knee_is_the_farthest_below_the_line_between_the_ends():
    some = np.array([[0.0, 10.0], [1.0, 4.0], [2.0, 3.5], [5.0, 1.0], [10.0, 0.0]])
    ends = some[-1] - some[0]
    distances = [float(ends[0] * (p - some[0])[1] - ends[1] * (p - some[0])[0]) for p in some]
    assert knee(some) == int(np.argmin(distances)) == 1
    assert knee(some * [1e-3, 1e6] + 7) == 1
    assert knee(some[:1]) == 0


def test_extent_leaves_out_the_inadmissible():
    best, worst = extent(np.array([[1.0, 5.0], [math.inf, math.inf], [3.0, 2.0]]))
    assert (best.tolist(), worst.tolist()) == ([1.0, 2.0], [3.0, 5.0])
    with pytest.raises(ValueError, match="no finite point"):
        extent(np.full((2, 2), math.inf))


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_plain_crowding_is_pymoos(objectives):
    some = numpy_rng("crowding", objectives).random((30, objectives))
    assert crowding(some) == pytest.approx(calc_crowding_distance(some), rel=1e-12)


def test_with_one_weight_crowding_is_one_dimensional():
    some = numpy_rng("crowding").random((30, 3))
    assert np.array_equal(crowding(some, (1.0, 0.0, 0.0)), crowding(some[:, :1]))
    assert np.array_equal(crowding(some, (0.0, 0.0, 1.0)), crowding(some[:, 2:]))


def test_ends_are_infinite_only_along_objectives_with_a_weight():
    some = np.array([[0.0, 5.0, 1.0], [1.0, 0.0, 2.0], [2.0, 9.0, 0.0], [3.0, 4.0, 9.0], [4.0, 6.0, 3.0]])
    assert np.isinf(crowding(some, (1.0, 0.0, 0.0))).tolist() == [True, False, False, False, True]
    assert np.isinf(crowding(some, (0.5, 0.5, 0.0))).tolist() == [True, True, True, False, True]
    assert np.isinf(crowding(some)).all()
    assert not np.isnan(crowding(some, (0.0, 0.0, 1.0))).any()


def test_crowding_is_linear_in_the_weights():
    some, weights = numpy_rng("linear").random((30, 3)), (0.5, 0.2, 0.3)
    alone = [crowding(some, axis) for axis in np.eye(3).tolist()]
    found = crowding(some, weights)
    inner = np.isfinite(found)
    assert inner.sum() >= 24
    expected = sum(w * one for w, one in zip(weights, alone, strict=True))
    assert found[inner] == pytest.approx(expected[inner], rel=1e-12)


def test_an_objective_of_one_value_counts_for_nothing():
    some = np.column_stack([np.arange(5.0), np.full(5, 7.0)])
    assert crowding(some, (0.5, 0.5))[1:-1].tolist() == [0.25] * 3
    assert np.isinf(crowding(some[:2])).all()


def test_the_hypervolume_of_a_large_front_is_pymoos_at_every_step():
    """300 points on a sphere, none of which dominates another: slices of slices would take minutes."""
    some = numpy_rng("sphere").random((300, 3))
    some = 1 - some / np.linalg.norm(some, axis=1, keepdims=True)
    reference = np.full(3, 1.1)
    assert len(minimal(some)) == 300
    found = hypervolumes(some, reference)
    for number in (1, 2, 100, 300):
        assert found[number - 1] == pytest.approx(HV(ref_point=reference)(some[:number]), rel=1e-12)
    assert hypervolume(some, reference) == found[-1]
