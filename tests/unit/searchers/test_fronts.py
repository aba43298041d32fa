"""Fronts as files: nothing is lost on the way, the best within limits, the hypervolume grows to at most 1."""

import csv
import itertools
import json
from pathlib import Path

import pytest

from audionas.core.errors import UserError
from audionas.searchers import Score, fronts
from audionas.zoo.find import told
from tests.unit.searchers._front_folder import ONE, THREE, TWO, scored

NETWORKS = scored(60)


@pytest.mark.parametrize("objectives", [ONE, TWO, THREE], ids=len)
def test_a_front_is_read_as_it_was_written(objectives, tmp_path: Path):
    front = fronts.of(NETWORKS, objectives, {"macs": 9e6})
    front.save(tmp_path)
    assert fronts.read(tmp_path / "front.json") == front
    assert list(front.objectives) == list(fronts.read(tmp_path / "front.json").objectives)


def test_the_front_is_of_those_that_no_other_beats():
    front = fronts.of(NETWORKS, TWO, {})
    pairs = {(one.score.values["accuracy"], one.score.values["macs"]): one.spec.id for one in NETWORKS}
    best = {
        name
        for (a, m), name in pairs.items()
        if not any(b >= a and n <= m and (b, n) != (a, m) for b, n in pairs)
    }
    assert {m.spec.id for m in front.members} == best
    assert 3 <= len(best) < front.scored == 60
    accuracies = [m.score.values["accuracy"] for m in front.members]
    assert accuracies == sorted(accuracies, reverse=True)


def test_the_csv_has_a_row_a_network(tmp_path: Path):
    front = fronts.of(NETWORKS, TWO, {})
    front.save(tmp_path)
    with (tmp_path / "front.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(front.members)
    for number, (row, m) in enumerate(zip(rows, front.members, strict=True), 1):
        assert (int(row["number"]), row["arch"], row["network"]) == (number, m.spec.id, told(m.spec))
        assert {name: float(row[name]) for name in m.score.values} == m.score.values


def test_the_knee_has_the_smallest_sum_of_scaled_objectives():
    front = fronts.of(NETWORKS, TWO, {})
    accuracy, macs = ([m.score.values[name] for m in front.members] for name in TWO)
    sums = [
        (max(accuracy) - a) / (max(accuracy) - min(accuracy)) + (m - min(macs)) / (max(macs) - min(macs))
        for a, m in zip(accuracy, macs, strict=True)
    ]
    assert front.knee == sums.index(min(sums)) + 1
    assert 1 < front.knee < len(front.members)


@pytest.mark.parametrize("objectives", [ONE, TWO, THREE], ids=len)
def test_the_hypervolume_only_grows_and_is_a_share(objectives):
    front = fronts.of(NETWORKS, objectives, {})
    numbers, shares = zip(*front.volumes, strict=True)
    assert all(b > a for a, b in itertools.pairwise(numbers))
    assert all(b > a for a, b in itertools.pairwise(shares))
    assert numbers[0] >= 1
    assert numbers[-1] <= 60
    assert shares[0] > 0
    assert shares[-1] == pytest.approx(1) if len(objectives) == 1 else shares[-1] < 1


def test_the_last_hypervolume_does_not_depend_on_the_order_of_scoring():
    there, back = (fronts.of(networks, THREE, {}) for networks in (NETWORKS, NETWORKS[::-1]))
    assert there.volumes != back.volumes
    assert there.volumes[-1][1] == pytest.approx(back.volumes[-1][1], rel=1e-12)


def test_equal_scores_have_no_hypervolume_and_all_stay():
    front = fronts.of([one._replace(score=Score({"accuracy": 0.5, "macs": 7})) for one in NETWORKS], TWO, {})
    assert front.volumes == ()
    assert len(front.members) == 60


def test_the_best_within_limits_is_the_first_that_keeps_them():
    front = fronts.of(NETWORKS, TWO, {})
    for number, m in enumerate(front.members, 1):
        assert front.best({"macs": m.score.values["macs"]}) == number
        fit = [
            n for n, o in enumerate(front.members, 1) if o.score.values["params"] <= m.score.values["params"]
        ]
        assert front.best({"params": m.score.values["params"]}) == min(fit)
    assert front.best({}) == 1
    with pytest.raises(UserError, match="satisfies macs <= 7; the smallest values are: macs "):
        front.best({"macs": 7})


def test_the_best_of_what_is_minimised_is_the_smallest():
    front = fronts.of(NETWORKS, {"macs": "min", "accuracy": "max"}, {})
    assert front.best({"macs": 9e9}) == 1
    assert front.member(1).score.values["macs"] == min(one.score.values["macs"] for one in NETWORKS)


def test_networks_that_keep_no_limit_give_no_front():
    above = scored(5, most=1.0)
    with pytest.raises(UserError, match="none of 5 networks satisfies macs <= 1"):
        fronts.of(above, TWO, {"macs": 1.0})


@pytest.mark.parametrize(
    "change", [{"members": []}, {"knee": 99}, {"knee": 0}, {"members": [{}]}, {"limits": None}]
)
def test_another_file_is_no_front(change, tmp_path: Path):
    fronts.of(NETWORKS[:9], TWO, {}).save(tmp_path)
    raw = json.loads((tmp_path / "front.json").read_text())
    for text in (json.dumps({**raw, **change}), "[]", "3"):
        (tmp_path / "other.json").write_text(text)
        with pytest.raises(UserError, match=r"other\.json: (.|\n)*It is not a front"):
            fronts.read(tmp_path / "other.json")


def test_the_table_writes_whole_numbers_in_full_and_stars_the_knee():
    front = fronts.of([one for one in NETWORKS if one.score.values["macs"] > 1e6], TWO, {})
    head, rows = fronts.table(front)
    assert head[1:4] == ["accuracy", "macs", "params"]
    assert [row[0] for row in rows if row[0].endswith("*")] == [f"{front.knee}*"]
    assert [row[2] for row in rows] == [f"{m.score.values['macs']:,}" for m in front.members]


def test_an_objective_that_is_equal_for_all_within_the_limits_is_blind(tmp_path: Path) -> None:
    assert fronts.of(NETWORKS, TWO, {}).blind == ()
    same = [one._replace(score=Score({**one.score.values, "accuracy": 0.5})) for one in NETWORKS]
    front = fronts.of(same, TWO, {})
    assert front.blind == ("accuracy",)
    front.save(tmp_path)
    assert fronts.read(tmp_path / "front.json").blind == ("accuracy",)
    outside = NETWORKS[0]._replace(score=Score({"macs": 1e9, "params": 1.0}, 2.0))
    assert fronts.of([*same, outside], TWO, {"macs": 9e6}).blind == ("accuracy",)  # it has no accuracy
    assert fronts.of([*same[:-1], NETWORKS[-1]], TWO, {}).blind == ()
    assert fronts.of(same[:1], TWO, {}).blind == ()  # one network says nothing


def test_a_blind_objective_must_be_an_objective(tmp_path: Path) -> None:
    fronts.of(NETWORKS, TWO, {}).save(tmp_path)
    raw = json.loads((tmp_path / "front.json").read_text())
    (tmp_path / "front.json").write_text(json.dumps({**raw, "blind": ["loss"]}))
    with pytest.raises(UserError, match="blind: loss, which is no objective"):
        fronts.read(tmp_path / "front.json")
