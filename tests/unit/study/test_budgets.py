"""Laws of a comparison's budget: what is called equal is equal, what was timed is not timed again."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from audionas.config import load
from audionas.core.errors import UserError
from audionas.core.reporter import Reporter, read_rows
from audionas.engine.conf import Compare
from audionas.inputs.feed import open_inputs
from audionas.report.compare_table import GIVEN
from audionas.run.supernet import budget, default_features
from audionas.study import budgets
from audionas.study.rows import known, run_conf, runs_of
from audionas.study.score import taken
from tests._factory import tones
from tests._tiers import laws
from tests.invariants._cases import CHAIN, batches, home, made, started
from tests.unit.cli._command import contents, done, refused
from tests.unit.study._comparison import Made, conf_of


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tones(tmp_path_factory.mktemp("budgets") / "data", per_class=4, seconds=0.3)


# --- what a search was given ----------------------------------------------------------------------------


STAGES = {"rest": 0.5, "depths": (3, 3), "keep": (0.5,), "skip_dropout": (0.0, 0.3)}


@pytest.mark.parametrize(
    ("name", "fields", "weights", "alpha"),
    laws(
        [
            ("proxyless_nas", {"alpha_every": 2, "warmup": 0.34}, 6, 2),
            ("darts", {}, 6, 6),
            ("snas", {"warmup": 0.5}, 6, 4),
            ("gdas", {}, 6, 6),
            ("rome", {"samples": 3}, 6, 6),
            ("p_darts", STAGES, 6, 4),
            ("fair_nas", {}, 6, 0),
        ]
    ),
)
def test_the_optimisers_own_steps_are_counted(
    name: str, fields: dict[str, Any], weights: int, alpha: int
) -> None:
    """Three epochs of two steps, whatever a method does inside a step."""
    method = made(name, **fields)
    run = started(method, home(name), epochs=3, frames=9, dropout=0.0)
    ((train, valid),) = batches(run.io, 1, seed=0, size=2)
    for epoch in range(3):
        method.on_epoch(epoch)
        for _ in range(2):
            method.step(train, valid if method.halves else train, float(epoch))
    assert run.taken == {"weights": weights, **({"alpha": alpha} if alpha else {})}


def test_alphas_way_is_its_steps_times_its_rate() -> None:
    rows = [{"weight_steps": 10, "alpha_steps": 2}, {"weight_steps": 10, "alpha_steps": 0}]
    assert taken(rows, 0.5) == {"weight_steps": 20, "alpha_steps": 2, "alpha_reach": 1.0}
    assert taken([{"weight_steps": 3}], None) == {"weight_steps": 3}
    assert taken([{"weight_steps": 3}, {}], 0.5) == {}  # a run of an earlier version has no complete log


# --- equal examples, equal steps ------------------------------------------------------------------------


def test_steps_or_examples_are_equal(data: Path, tmp_path: Path) -> None:
    found = {}
    for what in ("examples", "steps"):
        compare = {"methods": ["darts", "snas"], "budget": what, "seeds": [0]}
        search = {"epochs": 3, "batch_size": 2}
        conf = load(conf_of(data, tmp_path, search=search, compare=compare).conf)
        inputs = open_inputs(conf, conf.features or default_features(conf.space), Reporter(quiet=True))
        found[what] = {run.label: budget(run.conf, inputs) for run in runs_of(conf)}
    examples, steps = found["examples"], found["steps"]
    assert examples["darts"] == steps["darts"]
    assert examples["snas"].examples == examples["darts"].examples
    assert examples["snas"].steps == 2 * examples["darts"].steps
    assert steps["snas"].steps == steps["darts"].steps
    assert steps["snas"].examples == 2 * steps["snas"].steps


# --- equal seconds --------------------------------------------------------------------------------------


def test_epochs_follow_from_the_ratio_of_seconds() -> None:
    assert [budgets.lasting(30, ratio) for ratio in (1.0, 0.5, 2.0, 1.26)] == [30, 15, 60, 38]
    assert budgets.lasting(30, 1e-9) == 2  # every method runs with two
    assert budgets.lasting(1, 1e-9) == 1


@pytest.mark.parametrize("epochs", [1, 2, 3, 4, 5, 50])
def test_steps_are_timed_all_over_the_search(epochs: int) -> None:
    """P-DARTS begins its stages, at most one at a call, and a warm-up has its share."""
    places = budgets.places(epochs)
    assert len(places) == min(epochs, 5)
    assert places == sorted(set(places))
    assert 0 <= places[0] <= epochs // 10
    assert places[-1] >= epochs - 1 - epochs // 10


@pytest.mark.laws
def test_both_are_timed_in_every_place_and_the_ratio_is_theirs() -> None:
    darts, slow = (made("darts") for _ in range(2))
    for method in (darts, slow):
        started(method, CHAIN, epochs=1, frames=9, dropout=0.0)
    ((train, valid),) = batches(darts.run.io, 1, seed=0, size=2)
    seconds, base = budgets.seconds_of(slow, darts, (train, valid), torch.device("cpu"))
    assert seconds > 0
    assert base > 0
    assert slow.run.taken["weights"] == darts.run.taken["weights"] == 6  # one that is not timed, and five


def comparison(data: Path, folder: Path, methods: Sequence[str] = ("darts", "gdas"), **compare: Any) -> Made:
    options = {"methods": list(methods), "seeds": [0], "budget": "seconds", **compare}
    return conf_of(data, folder, search={"epochs": 3, "batch_size": 4}, compare=options)


@pytest.fixture(scope="module")
def timed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A finished comparison under equal seconds; to be read only, or copied."""
    made = comparison(data, tmp_path_factory.mktemp("timed"))
    done("compare", made.conf)
    return made


def recorded(made: Made) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((made.exp / "budget.json").read_text())
    return found


@pytest.mark.story
def test_each_search_has_the_epochs_of_the_record(timed: Made) -> None:
    record = recorded(timed)
    assert (record["budget"], record["epochs"]) == ("seconds", 3)
    assert record["methods"]["darts"]["epochs"] == 3
    for (label, _), row in known(timed.exp).items():
        own = record["methods"][label]
        log = read_rows(timed.exp / label / "0" / "search" / "metrics.jsonl")
        assert len(log) == row["epochs"] == own["epochs"]
        assert row["weight_steps"] == sum(epoch["weight_steps"] for epoch in log)
        assert own["epochs"] == budgets.lasting(3, own["darts_seconds"] / own["seconds"]) or label == "darts"


@pytest.mark.story
def test_a_search_is_timed_once_and_a_later_method_is_added(timed: Made, data: Path) -> None:
    """The record decides, not the clock: a number written by hand is what the search gets."""
    before = contents(timed.exp)
    done("compare", timed.conf, "--resume")
    assert contents(timed.exp)["budget.json"] == before["budget.json"]
    assert "epoch" not in done("compare", timed.conf).err
    done("compare", timed.conf, "compare.methods=[rome]")
    record = recorded(timed)
    assert list(record["methods"]) == ["darts", "gdas", "rome"]
    record["methods"]["gdas"]["epochs"] = 2
    (timed.exp / "budget.json").write_text(json.dumps(record))
    done("compare", timed.conf, "methods=gdas", "seeds=1")
    assert known(timed.exp)["gdas", 1]["epochs"] == 2


@pytest.mark.story
def test_another_budget_is_refused_and_nothing_is_touched(timed: Made) -> None:
    before = contents(timed.exp)
    result = refused("compare", timed.conf, "compare.budget=steps", says="a comparison with another budget")
    assert "compare.budget: seconds there, steps now" in result.err
    refused("compare", timed.conf, "search.epochs=4", says="search.epochs: 3 there, 4 now")
    assert contents(timed.exp) == before


# --- the record -----------------------------------------------------------------------------------------


def begun(data: Path, folder: Path, what: str, search: str = "") -> Made:
    """A comparison whose searches have begun under a budget."""
    made = comparison(data, folder, budget=what)
    run = made.exp / "darts" / "0" / "search" / "run.json"
    run.parent.mkdir(parents=True)
    run.write_text("{}")
    return made


@pytest.mark.parametrize(("before", "now"), [("", "steps"), ("examples", "seconds"), ("steps", "examples")])
def test_runs_that_stay_keep_their_budget(data: Path, tmp_path: Path, before: str, now: str) -> None:
    """Comparisons of earlier versions, which have no record, gave equal examples."""
    made = begun(data, tmp_path, now)
    file = made.exp / "budget.json"
    if before:
        file.write_text(json.dumps({"budget": before, "epochs": 3, "methods": {}}))
    conf = load(made.conf)
    with pytest.raises(UserError, match=f"compare.budget: {before or 'examples'} there, {now} now"):
        budgets.begin(conf, [], overwrite=True)  # `darts` is not among the runs that are made anew
    assert file.exists() == bool(before)
    budgets.begin(conf, runs_of(conf), overwrite=True)
    assert json.loads(file.read_text())["budget"] == now


def test_a_record_is_written_once_and_checked_when_read(data: Path, tmp_path: Path) -> None:
    made = begun(data, tmp_path, "examples")
    conf = load(made.conf)
    budgets.begin(conf, runs_of(conf), overwrite=False)
    assert recorded(made) == {"budget": "examples", "epochs": 3, "methods": {}}
    (made.exp / "budget.json").write_text('{"budget": "money", "epochs": 0}')
    with pytest.raises(UserError, match=r"budget.json: budget: .*\n.*budget.json: epochs: "):
        budgets.begin(conf, runs_of(conf), overwrite=False)


def test_a_comparison_sets_the_budget_of_its_searches(data: Path, tmp_path: Path) -> None:
    conf = load(comparison(data, tmp_path, budget="steps").conf)
    assert run_conf(conf, "darts", 0, {"name": "darts"}).search.budget == "steps"
    assert run_conf(replace(conf, compare=Compare()), "darts", 0, {"name": "darts"}).search.budget is None
    conf = load(comparison(data, tmp_path).conf, ["search.budget=steps"])
    with pytest.raises(UserError, match=r"Remove search.budget, and set compare.budget=steps"):
        budgets.begin(conf, [], overwrite=False)


def test_every_figure_has_a_meaning() -> None:
    assert [column.key for column in GIVEN] == [
        "epochs", "weight_steps", "alpha_steps", "alpha_reach", "examples", "seconds"
    ]  # fmt: skip
