"""A search that trains nothing: proxies are objectives and filter, and what cannot work is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from audionas.core.files import read_json
from audionas.core.pool.pool import Pool
from audionas.core.rng import numpy_rng
from audionas.cost.table import table
from audionas.proxies import Sieve
from audionas.run.candidates import Archive, Candidates, Costs
from audionas.searchers import Problem
from tests.unit.cli._command import done, refused
from tests.unit.core import _score_workers
from tests.unit.images._images import npz
from tests.unit.searchers._front_folder import IO, SPACE

PROBLEM = Problem(SPACE, IO, SPACE.sizes, 0)
CONF = """
name: cheap
threads: 1
space: {name: nas_bench_201}
method: random
search: {layers: 1, channels: 4}
searcher:
  name: evolution
  population: 8
  sample: 3
  networks: 14
  objectives: {swap: max, macs: min}
  filter: az_nas
"""


def words(folder: Path, *more: str, train: int = 80) -> tuple[str, ...]:
    (folder / "conf.yaml").write_text(CONF)
    npz(folder / "tiny.npz", side=8, train=train)
    return str(folder / "conf.yaml"), f"out={folder}", f"images.path={folder}/tiny.npz", *more


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.mark.story
def test_proxies_alone_find_a_front_and_a_resumed_search_ends_the_same(tmp_path: Path) -> None:
    done("search", *words(tmp_path))
    run = tmp_path / "cheap"
    rows = lines(file := run / "select" / "archive.jsonl")
    assert len(rows) == 14
    assert all({"swap", "az_expressivity", "az_trainability"} <= set(row["values"]) for row in rows)
    assert [row["violation"] > 0 for row in rows[:8]].count(True) in range(3, 6)  # half, but for equal cells
    front = read_json(run / "front.json")
    assert all("accuracy" not in member["values"] for member in front["members"])
    assert not list((run / "search").rglob("*.safetensors"))
    whole, found = file.read_bytes(), (run / "front.json").read_bytes()
    file.write_bytes(b"".join(whole.splitlines(keepends=True)[:5]) + b'{"numb')
    for name in ("done.json", "../front.json", "../arch.json"):
        (run / "select" / name).unlink()
    done("search", *words(tmp_path), "--resume")
    assert file.read_bytes() == whole
    assert (run / "front.json").read_bytes() == found
    done("search", *words(tmp_path), "searcher.filter=macs", "name=by_macs")
    counted = lines(tmp_path / "by_macs" / "select" / "archive.jsonl")
    assert [row["violation"] for row in counted] != [row["violation"] for row in rows]


def test_networks_that_the_filter_refuses_never_reach_a_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[3])  # workers are told where modules are
    rng, costs = numpy_rng("sieve"), table(SPACE, IO, SPACE.sizes)
    specs = list({s.id: s for s in (SPACE.sample(rng, IO) for _ in range(12))}.values())
    macs = sorted(costs.of(spec, "macs") for spec in specs)
    most, asked = macs[-3], tmp_path / "asked.jsonl"  # two are above the limit, and judged by no filter
    with Pool(_score_workers.scorer, {"asked": str(asked)}, workers=1) as pool:
        archive, sieve = Archive(tmp_path / "a.jsonl", PROBLEM), Sieve(lambda spec: {}, (), "macs", 0.25)
        limits = {"macs": float(most)}
        some = Candidates(
            archive, Costs(PROBLEM, costs, None, ["accuracy"]), limits, pool, lambda: None, sieve
        )
        scores = some.evaluate(specs)
    fit = [n for n in macs if n <= most]
    kept = {n for n in fit if n >= sorted(fit)[-round(len(fit) / 4)]}
    scored = {score.values["macs"] for score in scores if "accuracy" in score.values}
    assert scored == kept
    assert len(lines(asked)) == sum("accuracy" in score.values for score in scores)
    assert {score.values["macs"] for score in scores if not score.violation} == kept


@pytest.mark.story
@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("searcher.filter=az_nsa",), "searcher.filter: "),
        (("searcher.objectives={accuracy: max}",), "trains no supernet"),
        (("rank.proxies=[swap, swap]",), "rank.proxies: swap appears twice"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, more: tuple[str, ...], says: str) -> None:
    refused("search", *words(tmp_path, *more), says=says)
    assert not (tmp_path / "cheap").exists()


@pytest.mark.story
def test_too_few_examples_are_told_and_nothing_is_left(tmp_path: Path) -> None:
    refused("search", *words(tmp_path, train=20), says="swap needs 16 different training examples")
    assert not (tmp_path / "cheap" / "front.json").exists()
