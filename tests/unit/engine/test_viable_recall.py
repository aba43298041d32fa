"""Average viable recall: the laws of its curve, on made recalls and rates."""

import numpy as np
import pytest

from audionas.engine.viable_recall import CUTOFFS, above, average_viable_recall

FALLING = np.linspace(10, 0, 101)


@pytest.mark.parametrize("rate", [FALLING, np.linspace(1.5, 0, 101), np.geomspace(1e3, 1e-3, 101) - 1e-3])
def test_a_constant_recall_is_the_average_where_the_rate_falls_to_nothing(rate: np.ndarray) -> None:
    assert average_viable_recall(np.full(101, 0.9), rate) == pytest.approx(0.9)


def test_what_lies_left_of_the_least_rate_is_not_integrated() -> None:
    assert average_viable_recall(np.full(101, 0.9), np.maximum(FALLING, 1)) == pytest.approx(0.45)
    assert average_viable_recall(np.full(101, 0.9), np.maximum(FALLING, 2)) == 0
    assert average_viable_recall(np.full(101, 0.9), np.maximum(FALLING, 2.1)) == 0
    assert str(average_viable_recall(np.zeros(101), FALLING)) == "0.0"


def test_the_recall_at_two_an_hour_is_interpolated_between_its_neighbours() -> None:
    """From (4, 0.8) to (1, 0.2) it is 0.4 at 2; to (0, 0) the trapezoids are 0.3 x 1 and 0.1 x 1."""
    found = average_viable_recall(np.array([1.0, 0.8, 0.2, 0.0]), np.array([8.0, 4.0, 1.0, 0.0]))
    assert found == pytest.approx((0.3 + 0.1) / 2)
    exact = average_viable_recall(np.array([1.0, 0.6, 0.2]), np.array([8.0, 2.0, 0.0]))
    assert exact == pytest.approx(0.4)


def test_below_two_from_the_start_the_first_recall_holds_up_to_two() -> None:
    """0.8 from 2 to 1, then from 0.8 to 0.4 at 0."""
    assert average_viable_recall(np.array([0.8, 0.4]), np.array([1.0, 0.0])) == pytest.approx((0.8 + 0.6) / 2)


def test_a_rate_counts_with_its_highest_recall() -> None:
    recall, rate = np.array([1.0, 0.9, 0.1, 0.0]), np.array([3.0, 1.0, 1.0, 0.0])
    assert average_viable_recall(recall, rate) == pytest.approx((0.925 + 0.45) / 2)


def test_a_network_that_hears_more_at_every_rate_has_more() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        recall = np.sort(rng.random(101))[::-1]
        rate = np.sort(rng.uniform(0, 20, 101))[::-1]
        rate[-1] = 0
        worse = recall * rng.random()
        assert 0 <= average_viable_recall(worse, rate) <= average_viable_recall(recall, rate) <= 1


def test_scores_are_counted_above_each_cutoff_not_at_it() -> None:
    counts = above(np.array([0.0, 0.5, 0.505, 1.0]))
    assert len(counts) == len(CUTOFFS) == 101
    assert counts[[0, 49, 50, 51, 99, 100]].tolist() == [3, 3, 2, 1, 1, 0]
    assert above(np.zeros(0)).tolist() == [0] * 101
