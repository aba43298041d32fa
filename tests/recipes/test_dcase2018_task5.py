"""The recipe of DCASE 2018 task 5: published settings, every stage on an imitation of the corpus."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from audionas.config import load
from audionas.core.files import read_json
from audionas.cost.graph import measure
from audionas.data import kaldi
from audionas.spaces import space_of
from audionas.zoo.find import find
from tests.recipes import _dcase2018_task5 as imitation
from tests.recipes.test_vision import PATIENCE, ROOT, copied, ran

RECIPE = ROOT / "recipes" / "dcase2018_task5"
TINY = ("threads=1", f"data.seconds={imitation.SECONDS}", "train.epochs=1", "train.batch_size=36")
SEARCH = (
    *("space.width=0.25", "search.epochs=1", "search.batch_size=36", "spec_augment.time_width=5"),
    *("searcher.population=2", "searcher.generations=1"),
)


def finished(recipe: Path, commands: Mapping[str, str], *words: str) -> str:
    """What run.sh says; `commands` has an `audionas` on its PATH, and python is that of the tests."""
    served, _, rest = commands["PATH"].partition(os.pathsep)
    path = os.pathsep.join([served, str(Path(sys.executable).parent), rest])
    result = subprocess.run(
        ["bash", "run.sh", *words],
        cwd=recipe,
        env={**commands, "PATH": path, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


@pytest.mark.story
def test_the_baseline_is_the_organisers() -> None:
    spec = find("dcase2018_baseline")
    cost = measure(space_of(spec).build(spec), spec.io)
    assert spec.io == (1, 40, 501, 9)
    assert cost.params == (40 * 5 * 32 + 32 + 64) + (3 * 32 * 64 + 64 + 128) + (64 * 64 + 64) + (64 * 9 + 9)
    assert cost.macs == 497 * 40 * 5 * 32 + 97 * 3 * 32 * 64 + 64 * 64 + 64 * 9
    shapes = [layer.output for layer in cost.layers if layer.kind.lower().startswith("conv")]
    assert shapes == [(32, 1, 497), (64, 1, 97)]
    found = load(RECIPE / "conf" / "baseline.yaml").resolved()
    train = {"epochs": 500, "batch_size": 256 * 4, "keep": "macro_f1", "every": 10}
    assert train.items() <= found["train"].items()
    optim = {"name": "adam", "lr": 1e-4, "schedule": "constant", "weight_decay": 0.0}
    assert optim.items() <= found["train"]["optim"].items()
    data = {"channels": 4, "balance": "undersample", "seconds": 10.0}
    assert data.items() <= found["data"].items()


def test_nasc_has_the_baseline_s_data_and_searches_for_f1_and_multiply_adds() -> None:
    conf, baseline = (load(RECIPE / "conf" / f"{name}.yaml") for name in ("nasc", "baseline"))
    assert (conf.data, conf.features) == (baseline.data, baseline.features)
    found = conf.resolved()
    names = [found[section]["name"] for section in ("space", "method", "searcher")]
    assert names == ["asc_mobilenet", "fair_nas", "nsga2"]
    assert found["searcher"]["objectives"] == {"macro_f1": "max", "macs": "min"}
    assert conf.space is not None
    assert conf.method is not None
    assert not conf.method.why_not(conf.space)


def test_what_it_needs_is_said(tmp_path: Path) -> None:
    recipe = copied("dcase2018_task5", tmp_path)
    for words, says in (((), "--src is missing"), (("--fold", "5"), "--fold 5: expected 1 to 4, or full")):
        result = ran(recipe, *words)
        assert result.returncode == 1
        assert says in result.stdout


@pytest.mark.story
def test_from_a_corpus_to_tables(tmp_path: Path, commands: Mapping[str, str]) -> None:
    recipe = copied("dcase2018_task5", tmp_path)
    imitation.development(tmp_path / "src", labelled=True)
    imitation.evaluation(tmp_path / "src")
    prep = f"--counts any --seconds {imitation.SECONDS}"
    words = ("--src", str(tmp_path / "src"), f"--prep={prep}")
    said = finished(recipe, commands, "--fold", "2", "--networks", "nasc", *words, *TINY, *SEARCH)
    assert [f"stage {n}" in said for n in range(6)] == [True] * 6
    nasc = recipe / "exp" / "nasc_fold2_0"
    test = kaldi.read(recipe / "data" / "fold2" / "test")
    result = read_json(nasc / "eval" / "test.json")
    assert result["n"] == len(test) == 18, "a segment is scored once, not channel by channel"
    assert result["speakers"] == 9
    assert set(result["by"]["node"]) == {"2", "3"}
    assert read_json(nasc / "front.json")
    assert read_json(nasc / "model" / "bundle.json")["note"]["channels"] == 4
    said = finished(recipe, commands, "--stage", "3", "--fold", "full", "--networks", "baseline", *TINY)
    assert "stage 2" not in said
    full = recipe / "exp" / "baseline_foldfull_0"
    parts = {part: read_json(full / "eval" / f"{part}.json") for part in ("known", "unknown", "all")}
    assert {part: result["n"] for part, result in parts.items()} == {"known": 18, "unknown": 18, "all": 36}
    assert set(parts["unknown"]["by"]["node"]) == {"5", "6", "7"}
    f1 = 100 * parts["unknown"]["macro_f1"]
    assert f"| baseline | full | 0 | unknown | {f1:.1f} [" in said
    assert f"| nasc | 2 | 0 | {100 * result['macro_f1']:.1f} [" in said


@pytest.mark.story
def test_its_plan_needs_no_data(tmp_path: Path, commands: Mapping[str, str]) -> None:
    """Costs of the network, a time, the baseline's score as published, its source; nothing is written."""
    recipe = copied("dcase2018_task5", tmp_path)
    said = finished(recipe, commands, "--networks", "baseline", "--plan", "threads=1", "train.epochs=7")
    assert "fold 1: about 38,475 segments of ten seconds" in said
    (row,) = [line for line in said.splitlines() if line.startswith("| baseline |")]
    assert row.startswith("| baseline | 17,577 | 3.78 | 7 | train ")
    assert "four folds, macro F1: 84.5 %" in said
    assert "source: README of task5 in DCASE-REPO/dcase2018_baseline" in said
    assert not (recipe / "exp").exists()
    assert not (recipe / "data").exists()
