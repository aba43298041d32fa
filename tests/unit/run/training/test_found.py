"""Average viable recall as an objective of a search: what is measured, found, and refused before training."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from audionas.config import load
from audionas.core.errors import UserError
from audionas.core.files import read_json
from audionas.core.reporter import Reporter
from audionas.core.rng import numpy_rng
from audionas.cost.limits import measured
from audionas.data import kaldi
from audionas.inputs.feed import eval_batches, open_inputs, preparer, scores_of
from audionas.methods import Scoring, score, standing
from audionas.run.search import search
from audionas.run.supernet import default_features, give_examples, search_run
from audionas.run.train import train
from audionas.run.training import found
from tests.unit.cost._drawn import on_meta
from tests.unit.run.training._words import word_config, words

QUIET = Reporter(quiet=True)
SEARCH: dict[str, Any] = {
    "arch": "",
    "space": {"name": "kws_tc_resnet", "width": 0.25, "causal": True, "se": "none"},
    "method": {"name": "spos"},
    "searcher": {
        "name": "random",
        "objectives": {"average_viable_recall": "max", "params": "min"},
        "networks": 2,
    },
    "search": {"epochs": 1, "batch_size": 8},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return words(tmp_path_factory.mktemp("found") / "data")


def test_a_network_of_a_supernet_is_judged_on_development_audio(made: Path) -> None:
    """The same figure by hand, from the network's scores; and what else is scored is as it was."""
    conf = load(word_config(made, **SEARCH))
    assert conf.space is not None
    assert conf.method is not None
    inputs = open_inputs(conf, conf.features or default_features(conf.space), QUIET)
    conf.method.setup(search_run(conf, inputs, torch.device("cpu")))
    run = conf.method.run
    give_examples(conf, run, inputs, QUIET)
    spec = conf.space.sample(numpy_rng("found"), inputs.io)
    scored, judge = found.scorer(conf, conf.method, inputs, QUIET), found.find(conf, inputs, QUIET)
    assert judge is not None
    figures = []
    for scale in (50.0, -1.0):  # one that tells words from noise, and its opposite
        with torch.no_grad():
            for weight in run.net.head.parameters():
                weight.mul_(scale)
        told = scored({name: list(options) for name, options in spec.choices.items()})
        figures.append(told.pop("average_viable_recall"))
        assert told == score(run, spec, Scoring())
        with standing(run, spec, Scoring()) as net:
            batches = eval_batches(conf, inputs, inputs.dev, QUIET)
            scores = scores_of(net, batches, preparer(inputs, run.device))
            same = judge.told(net, scores, inputs.dev.targets, run.device)
        assert figures[-1] == same["valid_average_viable_recall"]
    assert max(figures) > 0
    assert min(figures) < max(figures)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": {"ambient": ""}}, "searcher.objectives: average_viable_recall needs data.ambient"),
        ({"data": {"ambient": "nowhere"}}, "nowhere"),
    ],
)
def test_what_it_needs_is_said_before_the_supernet_is_trained(
    made: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    conf = word_config(made, out=str(tmp_path / "exp"), train={"select": ""}, **SEARCH, **changes)
    with pytest.raises(UserError, match=message):
        search(load(conf))
    assert not list((tmp_path / "exp").rglob("ckpt"))


@pytest.mark.laws
def test_sizes_are_searched_by_it_within_an_arena(made: Path, tmp_path: Path) -> None:
    """From a supernet of slices; what is found is trained as any network."""
    objectives = {"average_viable_recall": "max", "arena_esp32s3": "min"}
    searcher = {"name": "nsga2", "objectives": objectives, "limits": {"arena_esp32s3": 25000}}
    own = {**SEARCH, "searcher": {**searcher, "population": 3, "generations": 2}}
    conf = word_config(made, out=str(tmp_path / "exp"), name="sizes", **own)
    raw = yaml.safe_load(conf.read_text())
    raw["space"] = {"name": "mixednet_sizes", "longest": 3, "frames": 17}
    conf.write_text(yaml.safe_dump(raw))
    best = search(load(conf))
    rows = [json.loads(row) for row in (tmp_path / "exp/sizes/select/archive.jsonl").read_text().splitlines()]
    assert 4 <= len(rows) <= 6
    assert {"average_viable_recall" in row["values"] for row in rows} == {True, False}  # within, and above
    assert all(("average_viable_recall" in row["values"]) == (not row["violation"]) for row in rows)
    assert measured(on_meta(best), best.io, ["arena_esp32s3"])["arena_esp32s3"] <= 25000
    exp = tmp_path / "exp"
    begun = [f"arch={exp / 'sizes'}", f"train.init={exp / 'sizes' / 'search'}"]
    train(load(conf, [*begun, "name=again", "train.epochs=1"]))
    told = read_json(exp / "again" / "train" / "init.json")
    assert told["kind"] == "supernet"
    assert told["new"] == {}  # every weight is a slice
    assert "head.linear.weight" in told["taken"]
    train(load(conf, [*begun, "name=more", "train.epochs=1", *with_another_class(made, tmp_path)]))
    told = read_json(exp / "more" / "train" / "init.json")
    assert {name for name in told["new"] if name.startswith("head.")} == set(told["new"]) != set()


def with_another_class(made: Path, folder: Path) -> tuple[str, ...]:
    """The settings of the same clips, of which one has a label of its own."""
    items = list(kaldi.read(made / "train"))
    kaldi.write(folder / "three" / "train", [replace(items[0], label="high"), *items[1:]])
    (folder / "three" / "labels.txt").write_text("_other_\nword\nhigh\n")
    data = (f"data.train={folder / 'three' / 'train'}", f"data.labels={folder / 'three' / 'labels.txt'}")
    return (*data, "train.select=''", "data.ambient=''")


@pytest.mark.laws
def test_a_front_has_it(made: Path, tmp_path: Path) -> None:
    search(load(word_config(made, out=str(tmp_path / "exp"), name="word", **SEARCH)))
    front = read_json(tmp_path / "exp" / "word" / "front.json")
    assert front["objectives"] == SEARCH["searcher"]["objectives"]
    assert all(0 <= member["values"]["average_viable_recall"] <= 1 for member in front["members"])
    facts = read_json(tmp_path / "exp" / "word" / "select" / "run.json")
    assert "every 10 frames" in str(facts)
