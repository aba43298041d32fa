"""The order of networks in supernets against the truth: closed cases, and the bootstrap over both."""

import numpy as np
import pytest
from scipy import stats

from audionas.core.rng import numpy_rng
from audionas.engine.agreement import bootstrapped, kendall, order


def orders(networks, supernets, noise):
    rng = numpy_rng("orders", networks, supernets)
    value = rng.random(networks)
    return value + noise * rng.standard_normal((supernets, networks)), value


def test_the_regret_is_what_is_lost_by_trusting_the_supernet():
    score, value = np.array([[0.9, 0.8, 0.7, 0.6]]), np.array([0.5, 0.7, 0.6, 0.8])
    found = order(score, value, value, (1, 2, 4))
    assert [found[f"regret@{k}"]["value"] for k in (1, 2, 4)] == pytest.approx([0.3, 0.1, 0.0])
    tied = np.array([0.2, 0.9, 0.9])
    assert order(np.array([[1.0, 1, 0]]), tied, tied, (1,))["regret@1"]["value"] == pytest.approx(0.7)


def test_the_best_is_chosen_by_one_column_and_judged_by_the_other():
    validation, test = np.array([0.5, 0.9, 0.8]), np.array([0.95, 0.7, 0.9])
    found = order(np.array([[3.0, 1, 2]]), test, validation, (1, 2))
    assert found["regret@1"]["value"] == pytest.approx(0.7 - 0.95)  # of all, validation chooses the second
    assert found["regret@2"]["value"] == pytest.approx(0.7 - 0.9)


@pytest.mark.laws
def test_the_better_half_is_judged_alone():
    value = np.arange(12.0)
    found = order(np.array([[*range(6), *range(12, 6, -1)]], dtype=float), value, value, (1,))
    assert found["kendall of half"]["value"] == -1
    assert found["kendall"]["value"] == pytest.approx((66 - 2 * 15) / 66)


@pytest.mark.laws
def test_several_supernets_give_their_mean_and_a_wider_interval_where_they_differ():
    scores, value = orders(40, 1, 0.1)
    one = order(scores, value, value, (1,))["kendall"]
    same = order(np.repeat(scores, 3, axis=0), value, value, (1,))["kendall"]
    assert same["supernets"] == [one["value"]] * 3
    assert same["interval"] == pytest.approx(one["interval"])
    odd = order(np.concatenate([scores, scores, -scores]), value, value, (1,))["kendall"]
    assert odd["value"] == pytest.approx(one["value"] / 3)
    assert np.ptp(odd["interval"]) > 3 * np.ptp(one["interval"])


def test_fewer_than_ten_networks_have_no_interval():
    scores, value = orders(9, 2, 0.1)
    found = order(scores, value, value, (1, 5))
    assert all(figure["interval"] is None and figure["value"] is not None for figure in found.values())
    assert bootstrapped(lambda taken, _: float(value[taken % 9].mean()), 10)["interval"] is not None


@pytest.mark.laws
def test_the_interval_over_networks_and_supernets_holds_the_truth_about_as_often_as_it_says():
    """Of 60 studies of 4 supernets, with a noise of their own, about 95 in 100; over networks alone fewer."""
    figure = {True: 0, False: 0}
    for study in range(60):
        rng = numpy_rng("study", study)
        level = rng.standard_normal(6)  # of each supernet
        values = level[:, None] + rng.standard_normal((6, 30))
        for several in figure:
            supernets = 6 if several else 1
            found = bootstrapped(lambda taken, s, v=values: float(v[s, taken].mean()), 30, supernets)
            figure[several] += found["interval"][0] <= 0 <= found["interval"][1]
    assert figure[True] > 44
    assert figure[False] < 36


@pytest.mark.parametrize("many", [20, 400])
def test_tau_b_is_scipys_with_ties(many):
    a, b = numpy_rng("ties", many).integers(9, size=(2, many)).astype(float)
    assert kendall(a, b) == pytest.approx(stats.kendalltau(a, b).statistic, abs=1e-12)
    assert np.isnan(kendall(np.ones(many), b))
