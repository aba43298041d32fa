"""The recipe of DCASE's small networks: its settings and budget, its counter, all its stages, its table."""

import math
import runpy
from pathlib import Path
from typing import Any

import pytest

from audionas.config import load
from audionas.core.errors import UserError
from audionas.core.files import read_json, write_json
from audionas.prep.tau2022 import SCENES
from audionas.run import cost as costs
from audionas.run.train import within_limits
from audionas.zoo import load as network
from tests.recipes.test_vision import copied, finished, ran
from tests.unit.data_prep.test_dcase_low_complexity import corpus

RECIPE = Path(__file__).parents[2] / "recipes" / "dcase_low_complexity"
SEARCHED = ("asc_mobilenet", "cp_mobile")
counter = runpy.run_path(str(RECIPE / "local" / "complexity.py"))


def test_the_baseline_has_its_published_settings() -> None:
    """As run_training.py of the baseline's repository has them."""
    conf = load(RECIPE / "conf" / "baseline.yaml")
    found: dict[str, Any] = conf.resolved()
    assert conf.features is not None
    front_end = conf.features.resolved()
    assert [round(front_end[k] * 32) for k in ("window_ms", "hop_ms")] == [3072, 500]
    assert [front_end[k] for k in ("sample_rate", "n_fft", "n_mels", "log_offset")] == [
        32000,
        4096,
        256,
        1e-5,
    ]
    assert found["augment"]["roll_ms"] == 100
    masks = {"freq_masks": 1, "freq_width": 48, "time_masks": 0, "mix_style": 0.4, "mix_alpha": 0.3}
    assert masks.items() <= found["spec_augment"].items()
    assert {"epochs": 150, "batch_size": 256}.items() <= found["train"].items()
    optim = {"name": "adamw", "lr": 0.005, "weight_decay": 1e-4, "schedule": "cosine"}
    assert optim.items() <= found["train"]["optim"].items()
    steps = 139_620 / 256  # an epoch of the whole list
    assert found["train"]["optim"]["warmup_epochs"] == pytest.approx(2000 / steps, abs=0.05)


@pytest.mark.parametrize("name", SEARCHED)
def test_searches_share_the_baselines_data_training_and_budget(name: str) -> None:
    conf, baseline = (load(RECIPE / "conf" / f"{each}.yaml") for each in (name, "baseline"))
    found, base = conf.resolved(), baseline.resolved()
    for section in ("data", "augment", "spec_augment", "features", "train", "limits"):
        assert found[section] == base[section]
    assert (found["method"]["name"], found["searcher"]["name"]) == ("fair_nas", "nsga2")
    assert conf.method is not None
    assert conf.space is not None
    assert not conf.method.why_not(conf.space)


def test_the_budget_lets_the_baseline_pass_and_nothing_larger() -> None:
    conf, spec = load(RECIPE / "conf" / "baseline.yaml"), network("dcase2024_baseline")
    within_limits(conf, spec, "baseline")
    assert conf.limits is not None
    assert conf.limits.params is not None
    assert conf.limits.macs is not None
    assert conf.limits.params * 2 == counter["MOST_BYTES"]  # weights of 16 bits
    assert 0 < counter["MOST_MACS"] - conf.limits.macs <= 20_000
    tight = load(RECIPE / "conf" / "baseline.yaml", ["limits.macs=29e6", "limits.params=60000"])
    with pytest.raises(UserError, match=r"29,416,448 multiply-adds, 1.4 % over limits.macs 29,000,000"):
        within_limits(tight, spec, "baseline")


@pytest.mark.story
def test_the_challenges_count_of_the_baseline_is_the_published_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cost = costs.cost("dcase2024_baseline")
    assert (cost["params"], counter["challenge_macs"](cost)) == (61_148, 29_419_156)
    norms = sum(layer["params"] for layer in cost["layers"] if layer["kind"] == "norm")
    assert counter["challenge_macs"](cost) - cost["macs"] == norms
    write_json(tmp_path / "cost.json", cost)
    counter["main"]([str(tmp_path / "cost.json")])
    row = capsys.readouterr().out.splitlines()[-1]
    assert "| 61,148 | 244,592 / 122,296 / 61,148 | 29,416,448 | 29,419,156 | 16 bits |" in row


def test_biases_count_once_a_position_in_convolutions_and_once_elsewhere() -> None:
    """A 1x1 squeeze with biases and a linear layer, after torchinfo's rule."""
    layers = [
        {"kind": "conv", "params": 3 * 8 + 8, "macs": 24 * 20, "output": [8, 4, 5]},
        {"kind": "norm", "params": 16, "macs": 0, "output": [8, 4, 5]},
        {"kind": "linear", "params": 8 * 10 + 10, "macs": 80, "output": [10]},
    ]
    assert counter["challenge_macs"]({"layers": layers}) == 32 * math.prod((4, 5)) + 16 + 90


@pytest.mark.parametrize(
    ("params", "macs", "words"),
    [(128_001, 1, "128,001 parameters do not fit"), (10, 30_000_001, "the challenge allows 30,000,000")],
)
def test_a_network_over_the_budget_ends_with_an_error(
    params: int, macs: int, words: str, tmp_path: Path
) -> None:
    layers = [{"kind": "conv", "params": 1, "macs": macs, "output": [1, macs, 1]}]
    write_json(tmp_path / "cost.json", {"network": "x", "params": params, "macs": macs, "layers": layers})
    with pytest.raises(UserError, match=words):
        counter["main"]([str(tmp_path / "cost.json")])
    assert [counter["most_bits"](n) for n in (32_000, 32_001, 64_001, 128_000)] == [32, 16, 8, 8]


def test_what_it_needs_is_said(tmp_path: Path) -> None:
    recipe = copied("dcase_low_complexity", tmp_path)
    for words, says in (((), "--src is missing"), (("--subset", "30"), "--subset 30: expected 5, 10, 25")):
        result = ran(recipe, *words)
        assert result.returncode == 1
        assert says in result.stdout


@pytest.mark.story
def test_from_lists_to_the_table(tmp_path: Path) -> None:
    recipe = copied("dcase_low_complexity", tmp_path)
    src = corpus(tmp_path / "development", SCENES)
    tiny = (
        "threads=1",
        "data.seconds=0.1",
        "augment.roll_ms=20",
        "search.epochs=1",
        "search.batch_size=8",
        "train.epochs=1",
    )
    small = ("train.batch_size=8", "searcher={name: nsga2, population: 2, generations: 1}")
    said = finished(
        recipe, "--src", str(src), "--networks", "asc_mobilenet", *tiny, *small, "space.width=0.125"
    )
    exp = recipe / "exp" / "asc_mobilenet_split25_0"
    devices = read_json(exp / "eval.json")["by"]["device"]
    assert {name: row["n"] for name, row in devices.items()} == {"a": 20, "s1": 20, "s5": 20}
    assert "by device:" in said
    line = next(line for line in said.splitlines() if line.startswith("| asc_mobilenet | 25 | 0 |"))
    assert " | ".join(f"{100 * devices[name]['accuracy']:.1f}" for name in ("a", "s1", "s5")) in line
    assert read_json(exp / "front.json")


@pytest.mark.story
def test_its_plan_needs_no_data(tmp_path: Path) -> None:
    """The list's size as published, the network's costs, a time, and the baseline's five scores."""
    recipe = copied("dcase_low_complexity", tmp_path)
    said = finished(
        recipe, "--plan", "--subset", "10", "--networks", "baseline", "threads=1", "train.epochs=2"
    )
    assert "the list of 10 %: about 12,566 clips of one second" in said
    (row,) = [line for line in said.splitlines() if line.startswith("| baseline |")]
    assert row.startswith("| baseline | 61,148 | 29.42 | 2 | train ")
    assert [f"test, {n} % split: " in said for n in (5, 10, 25, 50, 100)] == [True] * 5
    assert "source: README of CPJKU/dcase2024_task1_baseline" in said
    assert not (recipe / "data").exists()
