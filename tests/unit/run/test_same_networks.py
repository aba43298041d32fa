"""Architectures that are the same network reach the supernet once, and have one place on a front."""

import json
from pathlib import Path

import pytest

from audionas.core.arch import InputSpec
from audionas.core.pool.pool import Pool
from audionas.core.rng import numpy_rng
from audionas.cost.table import table
from audionas.report.front import draw
from audionas.run.candidates import Archive, Candidates, Costs
from audionas.searchers import DEAR, Problem, fronts
from audionas.spaces.nas_bench_201 import NasBench201
from tests.unit.core import _score_workers

SPACE, IO = NasBench201(), InputSpec(3, 8, 8, 10)
PROBLEM = Problem(SPACE, IO, {"layers": 1, "channels": 4}, 0)
SPECS = [SPACE.sample(rng, IO) for rng in [numpy_rng("same networks")] for _ in range(80)]
FORMS = [SPACE.canonical(spec) for spec in SPECS]


@pytest.fixture(scope="module")
def costs() -> Costs:
    return Costs(PROBLEM, table(SPACE, IO, PROBLEM.sizes), None, ["accuracy", "macs"])


@pytest.fixture
def ask(tmp_path: Path, costs: Costs, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[3])  # workers are told where modules are

    def ask(*batches):
        with Pool(_score_workers.scorer, {"asked": str(tmp_path / "asked.jsonl")}, workers=1) as pool:
            archive = Archive(tmp_path / "archive.jsonl", PROBLEM)
            some = Candidates(archive, costs, {}, pool, lambda: None)
            return archive, [score for batch in batches for score in some.evaluate(batch)]

    return ask


def test_one_network_is_scored_once_also_after_an_interruption(ask, tmp_path: Path) -> None:
    different = len(set(FORMS))
    assert 40 < different < 70  # of 80
    archive, scores = ask(SPECS[:30], SPECS[30:])
    asked = (tmp_path / "asked.jsonl").read_text().splitlines()
    assert len(asked) == different
    dear = [tuple(score.values.get(name) for name in DEAR) for score in scores]
    assert len(set(zip(FORMS, dear, strict=True))) == different
    assert len(archive.rows) == 80
    file = tmp_path / "archive.jsonl"
    whole = file.read_bytes()
    file.write_bytes(b"".join(whole.splitlines(keepends=True)[:40]))
    assert ask(SPECS)[1] == scores
    assert file.read_bytes() == whole
    assert (tmp_path / "asked.jsonl").read_text().splitlines()[:different] == asked
    again = (tmp_path / "asked.jsonl").read_text().splitlines()[different:]
    assert len(again) == len(set(FORMS) - set(FORMS[:40]))


def test_a_front_shows_one_of_them_and_how_many_there_are(ask, tmp_path: Path) -> None:
    archive, _ = ask(SPECS)
    front = fronts.of(archive.rows, {"accuracy": "max", "macs": "min"}, {})
    shown = [SPACE.canonical(member.spec) for member in front.members]
    assert len(set(shown)) == len(shown)
    assert front.alike == tuple(FORMS.count(form) for form in shown)
    assert max(front.alike) > 1
    front.save(tmp_path)
    assert fronts.read(tmp_path / "front.json") == front
    assert fronts.table(front)[0][-2:] == ["alike", "architecture"]
    assert "alike is their number" in str(draw(front, tmp_path / "archive.jsonl"))
    raw = json.loads((tmp_path / "front.json").read_text())
    for member in raw["members"]:
        del member["alike"]  # a file of an earlier version
    (tmp_path / "front.json").write_text(json.dumps(raw))
    assert fronts.read(tmp_path / "front.json").alike == (1,) * len(shown)
