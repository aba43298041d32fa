"""Scores for a searcher: the archive answers first, limits come before workers, a kill costs one line."""

import json
from pathlib import Path

import pytest

from audionas.core.errors import UserError
from audionas.core.pool.pool import Pool
from audionas.core.rng import numpy_rng
from audionas.cost.table import table
from audionas.run.candidates import Archive, Candidates, Costs
from audionas.searchers import Problem
from tests.unit.core import _score_workers
from tests.unit.core._score_workers import accuracy
from tests.unit.searchers._front_folder import IO, SPACE

PROBLEM = Problem(SPACE, IO, SPACE.sizes, 0)
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def costs():
    return Costs(PROBLEM, table(SPACE, IO, SPACE.sizes), None, ["accuracy", "macs"])


@pytest.fixture(scope="module")
def specs():
    rng = numpy_rng("candidates")
    return list({spec.id: spec for spec in (SPACE.sample(rng, IO) for _ in range(12))}.values())


@pytest.fixture
def ask(tmp_path, costs, monkeypatch):
    """Ask a searcher's questions: `ask([some, others])` with an archive in `tmp_path`."""
    monkeypatch.syspath_prepend(ROOT)  # workers are told where this process finds modules

    def ask(batches, workers=1, limits=None):
        told = []
        worker, args = _score_workers.scorer, {"asked": str(tmp_path / "asked.jsonl")}
        with Pool(worker, args, workers=workers) as pool:
            archive = Archive(tmp_path / "archive.jsonl", PROBLEM)
            some = Candidates(archive, costs, limits or {}, pool, lambda: told.append(1))
            scores = [score for batch in batches for score in some.evaluate(batch)]
        assert len(told) == len(scores)
        return scores

    return ask


def asked(folder):
    """What reached a worker, and forgets it."""
    file = folder / "asked.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("workers", [1, 2])
def test_scores_are_costs_and_the_workers(ask, specs, costs, tmp_path, workers):
    scores = ask([specs[:7], specs[7:]], workers)
    for spec, score in zip(specs, scores, strict=True):
        assert score.values["accuracy"] == accuracy(spec.choices)
        assert score.values["macs"] == costs.table.of(spec, "macs")
        assert score.violation == 0
    assert len(asked(tmp_path)) == len(specs)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_archive_answers_and_does_not_change(ask, specs, tmp_path, workers):
    first = ask([specs[:7], specs[7:]], workers)
    lines = (tmp_path / "archive.jsonl").read_bytes()
    asked(tmp_path)
    assert ask([specs[:3], specs[3:]], workers) == first
    assert asked(tmp_path) == []
    assert (tmp_path / "archive.jsonl").read_bytes() == lines


@pytest.mark.parametrize("kept", [0, 1, 5])
@pytest.mark.parametrize("more", [0, 1, 40, -1])
def test_a_line_that_was_cut_off_is_scored_again(ask, specs, tmp_path, kept, more):
    """Killed after `kept` lines and `more` bytes (-1: all but the line's end): equal scores, equal bytes."""
    first = ask([specs])
    file = tmp_path / "archive.jsonl"
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:kept]) + (lines[kept][:more] if more else b""))
    asked(tmp_path)
    assert ask([specs[:2], specs[2:]]) == first
    done = kept + (more == -1)
    assert asked(tmp_path) == [{k: list(v) for k, v in s.choices.items()} for s in specs[done:]]
    assert file.read_bytes() == whole


def test_another_architecture_than_the_archives_is_refused(ask, specs, tmp_path):
    ask([specs[:5]])
    lines = (tmp_path / "archive.jsonl").read_bytes()
    with pytest.raises(UserError) as caught:
        ask([specs[:3], [specs[4], specs[3]]])
    assert f"archive.jsonl:4: {specs[3].id}, but the searcher asks for {specs[4].id}" in str(caught.value)
    assert "--overwrite" in caught.value.hint
    assert (tmp_path / "archive.jsonl").read_bytes() == lines


@pytest.mark.parametrize("workers", [1, 2])
def test_networks_above_a_limit_never_reach_a_worker(ask, specs, costs, tmp_path, workers):
    macs = [costs.table.of(spec, "macs") for spec in specs]
    most = sorted(macs)[5]  # itself within the limit
    scores = ask([specs], workers, {"macs": most})
    fit = [spec.choices for spec, n in zip(specs, macs, strict=True) if n <= most]
    reached = [{name: tuple(options) for name, options in choices.items()} for choices in asked(tmp_path)]
    assert len(reached) == len(fit) == 6
    assert all(choices in reached for choices in fit)
    for score, n in zip(scores, macs, strict=True):
        assert ("accuracy" in score.values) == (n <= most)
        assert score.violation == pytest.approx(max(0.0, n / most - 1))
    assert ask([specs], workers, {"macs": most}) == scores


def test_without_a_pool_only_costs_are_known(specs, costs, tmp_path):
    some = Candidates(Archive(tmp_path / "archive.jsonl", PROBLEM), costs, {}, None, lambda: None)
    assert [score.values.keys() for score in some.evaluate(specs[:2])] == [{"macs", "params"}] * 2


def test_costs_are_those_that_are_asked_for(costs, specs):
    more = Costs(PROBLEM, costs.table, None, ["loss", "weight_bytes", "macs"])
    found = more.of(specs[0])
    assert found.keys() == {"macs", "params", "weight_bytes"}
    assert found["weight_bytes"] > 4 * found["params"]  # batch norm statistics as well
    assert {name: found[name] for name in ("macs", "params")} == costs.of(specs[0])
