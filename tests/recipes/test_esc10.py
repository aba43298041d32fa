"""The recipe of ESC-10: its settings, hand-made networks from clips to scores, the maker of its table."""

import runpy
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from audionas.config import load
from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.files import read_json, write_json
from audionas.core.rng import numpy_rng
from audionas.cost.graph import measure
from audionas.data import kaldi
from audionas.engine.metrics import macro_f1, macro_f1_interval, paired_macro_f1
from audionas.run.train import within_limits
from audionas.spaces import space_of
from audionas.zoo.find import find
from tests._factory import tones
from tests.recipes.test_vision import copied, finished, ran

RECIPE = Path(__file__).parents[2] / "recipes" / "esc10"
LABELS = ("dog", "rain", "rooster")


def made(name: str) -> ArchSpec:
    return find(str(RECIPE / "conf" / f"{name}.json"))


@pytest.mark.story
@pytest.mark.parametrize(("name", "macs"), [("alternating", 10_675_520), ("square", 12_415_040)])
def test_a_hand_made_network_is_of_the_searched_size_and_keeps_the_limits(name: str, macs: int) -> None:
    spec = made(name)
    assert {
        o.removeprefix("mbf").removeprefix("mbs").removeprefix("mb") for (o,) in spec.choices.values()
    } == {"_k3_e6"}
    conf = load(RECIPE / "conf" / "baseline.yaml")
    searched = load(RECIPE / "conf" / "nasc.yaml").space
    assert searched is not None
    assert {**spec.params, "kernels": "alternating"} == asdict(searched)
    assert measure(space_of(spec).build(spec), spec.io).macs == macs
    within_limits(conf, spec, name)
    tight = load(RECIPE / "conf" / "baseline.yaml", ["limits.macs=1e7"])
    with pytest.raises(UserError, match=f"{name}: {macs:,} multiply-adds, .* over limits.macs 10,000,000"):
        within_limits(tight, spec, name)


def test_every_network_has_the_same_data_features_and_training() -> None:
    found = {name: load(RECIPE / "conf" / f"{name}.yaml").resolved() for name in ("baseline", "nasc")}
    for section in ("data", "augment", "spec_augment", "features", "train", "limits"):
        assert found["baseline"][section] == found["nasc"][section]
    assert found["nasc"]["data"]["seconds"] == 5.0
    assert found["baseline"]["arch"] == "conf/alternating.json"


def test_nasc_searches_a_fair_supernet_for_f1_and_multiply_adds() -> None:
    conf = load(RECIPE / "conf" / "nasc.yaml")
    found = conf.resolved()
    assert found["method"]["name"] == "fair_nas"
    assert found["searcher"]["name"] == "nsga2"
    assert found["searcher"]["objectives"] == {"macro_f1": "max", "macs": "min"}
    assert conf.method is not None
    assert conf.space is not None
    assert not conf.method.why_not(conf.space)


def test_what_it_needs_is_said(tmp_path: Path) -> None:
    recipe = copied("esc10", tmp_path)
    for words, says in (((), "--src is missing"), (("--fold", "6"), "--fold 6: expected 1 to 5")):
        result = ran(recipe, *words)
        assert result.returncode == 1
        assert says in result.stdout


@pytest.mark.story
def test_from_folds_to_scores(tmp_path: Path) -> None:
    recipe = copied("esc10", tmp_path)
    tones(recipe / "data" / "fold2", classes=LABELS, per_class=4)
    tiny = ("threads=1", "data.seconds=1.0", "train.epochs=1", "train.batch_size=4")
    words = ("--fold", "2", "--networks", "square", *tiny)
    said = finished(recipe, "--stage", "1", "--stop-stage", "4", *words)
    exp = recipe / "exp" / "square_fold2_0"
    assert read_json(exp / "arch.json")["params"]["kernels"] == "square"
    assert read_json(exp / "eval.json")["n"] == len(kaldi.read(recipe / "data" / "fold2" / "test"))
    assert read_json(exp / "cost.json")["params"] > 100_000
    assert "macro F1" in said
    assert "finished earlier" in finished(recipe, "--stage", "3", "--stop-stage", "3", *words)


def run_of(folder: Path, network: str, fold: int, *, right: float, macs: int) -> tuple[list[str], ...]:
    """A finished run, each of whose answers is right with some probability; answers, truth, recordings."""
    rng = numpy_rng("esc10", network, fold)
    truth = [LABELS[i % 3] for i in range(24)]
    answers = [label if rng.random() < right else LABELS[rng.integers(3)] for label in truth]
    recordings = [f"{fold}{i // 2:02d}" for i in range(24)]
    exp = folder / "exp" / f"{network}_fold{fold}_0"
    rows = zip(recordings, truth, answers, strict=True)
    write_json(exp / "scores.json", [{"speaker": s, "truth": t, "label": a} for s, t, a in rows])
    write_json(exp / "cost.json", {"macs": macs, "params": macs // 100})
    return answers, truth, recordings


def table(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    monkeypatch.chdir(folder)
    runpy.run_path(str(RECIPE / "local" / "table.py"))
    return capsys.readouterr().out.splitlines()


def test_the_table_holds_f1_with_intervals_costs_and_paired_differences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="no finished run"):
        table(tmp_path, monkeypatch, capsys)
    both = {
        name: [run_of(tmp_path, name, fold, right=right, macs=macs) for fold in range(1, 6)]
        for name, right, macs in (("square", 0.5, 8_000_000), ("nasc", 0.9, 6_000_000))
    }
    (tmp_path / "exp" / "nasc_fold1_0" / "search").mkdir()
    said = table(tmp_path, monkeypatch, capsys)
    lines = {line.split("|")[1].strip(): line for line in said if line.startswith("|")}
    number = {label: i for i, label in enumerate(LABELS)}
    whole = {}
    for name, folds in both.items():
        answers, truth, recordings = ([x for fold in folds for x in fold[part]] for part in range(3))
        whole[name] = np.array([number[x] for x in answers]), np.array([number[x] for x in truth]), recordings
        f1, (low, high) = macro_f1(*whole[name][:2]), macro_f1_interval(*whole[name]).ends
        assert f"| {100 * f1:.1f} [{100 * low:.1f}, {100 * high:.1f}] |" in lines[name]
    assert lines["nasc"].rstrip().endswith("| 60,000 | 6.00 |")
    (mine, truth, recordings), (theirs, _, _) = whole["nasc"], whole["square"]
    found = paired_macro_f1(mine, theirs, truth, recordings)
    low, high = found["interval"]
    (line,) = (line for line in said if line.startswith("- "))
    assert line.startswith("- nasc - square, seed 0, folds 1, 2, 3, 4, 5: macro F1 ")
    assert (
        f"{100 * found['difference']:+.1f} points (95 % interval {100 * low:+.1f} to {100 * high:+.1f})"
        in line
    )
    assert line.endswith("multiply-adds -25.0 %")


def test_a_run_with_a_missing_fold_has_no_figure_over_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_of(tmp_path, "nasc", 1, right=0.9, macs=6_000_000)
    line = table(tmp_path, monkeypatch, capsys)[2]
    assert [cell.strip() for cell in line.split("|")][4:9] == ["-"] * 5
