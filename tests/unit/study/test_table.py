"""Tables of finished runs: what is pooled, what is compared, and what is refused."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from audionas import create_model, zoo
from audionas.core.files import write_json, write_text
from audionas.cost.graph import measure
from audionas.engine.metrics import interval, macro_f1, macro_f1_interval, over_seeds, paired, summary
from tests.unit.cli._command import done, refused

LABELS = ["no", "yes"]


def made(folder: Path, seed: int, *, clips: Sequence[int] = range(40), macs: int = 2_000_000) -> np.ndarray:
    """A run with an evaluation by our own figures; returns its answers, right or wrong, clip by clip."""
    rng = np.random.default_rng(seed)
    truth = np.array([number % 2 for number in clips])
    scores = rng.random((len(clips), 2)) + 0.4 * np.eye(2)[truth]
    scores /= scores.sum(1, keepdims=True)
    speakers = [f"s{number // 2}" for number in clips]
    found = {**summary(scores, truth, LABELS, speakers), "data": "data/test"}
    found["by"] = {"device": {"a.b": {"accuracy": 0.5, "n": 3}, "*c": {"accuracy": 0.75, "n": 5}}}
    answers = scores.argmax(1)
    rows = [
        {"id": f"u{n}", "speaker": s, "truth": LABELS[t], "label": LABELS[a], "score": float(row[a])}
        for n, s, t, a, row in zip(clips, speakers, truth, answers, scores, strict=True)
    ]
    for name, value in (("eval.json", found), ("eval/test.json", found), ("scores.json", rows)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_json(folder / name, value)
    write_json(folder / "cost.json", {"params": 1000 + seed, "macs": macs, "latency_ms": {"p50_ms": 0.25}})
    (folder / "train").mkdir()
    write_json(folder / "train" / "done.json", {"valid_accuracy": 0.5 + seed / 100, "epochs": 3})
    write_json(folder / "train" / "env.json", {"git": f"c{seed}", "torch": "2.13.0", "machine": "tiny"})
    (folder / "train" / "metrics.jsonl").write_text(
        '{"epoch": 1, "seconds": 1.5}\n{"epoch": 2, "seconds": 2}\n'
    )
    return answers == truth


def rows_of(*words: object) -> list[dict[str, object]]:
    """The rows of the table as JSON."""
    return done("table", *words, "--format", "json").json["rows"]


@pytest.mark.laws  # the first network without weights of a process takes a second
def test_a_network_that_was_not_measured_is_counted(tmp_path: Path) -> None:
    spec = zoo.load("tc_resnet8")
    for seed in (0, 1):
        made(tmp_path / f"x_{seed}", seed)
        (tmp_path / f"x_{seed}" / "cost.json").unlink()
    write_text(tmp_path / "x_0" / "arch.json", spec.to_json())
    first, second = rows_of(tmp_path / "x_*", "--columns", "params,macs")
    net = create_model("tc_resnet8")
    assert first["parameters"] == sum(p.numel() for p in net.parameters())
    assert first["M multiply-adds"] == pytest.approx(measure(net, spec.io).macs / 1e6)
    assert second["parameters"] is None


def test_a_run_has_the_figures_and_the_interval_of_its_evaluation(tmp_path: Path) -> None:
    right = made(tmp_path / "net_0", 0)
    (row,) = rows_of(tmp_path / "net_0", "--columns", "dev,accuracy,params,macs,latency_us,train_s,epochs")
    speakers = [f"s{number // 2}" for number in range(40)]
    ends = interval(right, speakers).ends
    assert ends is not None
    assert row == {
        "run": "net_0",
        "dev %": 50,
        "accuracy %": pytest.approx(100 * right.mean()),
        "accuracy % low": pytest.approx(100 * ends[0]),
        "accuracy % high": pytest.approx(100 * ends[1]),
        "parameters": 1000,
        "M multiply-adds": 2,
        "ONNX µs": 250,
        "train s": 3.5,
        "epochs": 3,
    }


def test_seeds_are_a_spread_and_differences_are_paired_clip_by_clip(tmp_path: Path) -> None:
    mine = [made(tmp_path / f"a_b_{seed}", seed, macs=1_000_000) for seed in (0, 1, 2)]
    theirs = [made(tmp_path / f"base_{seed}", seed + 10) for seed in (0, 1, 2)]
    words = (f"{tmp_path}/*", "--name", "{network}_{seed}", "--pool", "seed=spread")
    text = done("table", *words, "--columns", "accuracy,params,macs", "--against", "base").out
    told = over_seeds([100 * each.mean() for each in mine], (0, 100))
    low, high = told["interval"]
    spread = f"{told['mean']:.1f} ± {told['sd']:.1f} ({low:.1f} to {high:.1f})"
    assert f"| a_b | 3 | {spread} | 1,000 to 1,002 | 1.00 |" in text
    speakers = [f"s{number // 2}" for number in range(40)]
    found = paired(np.mean(mine, 0), np.mean(theirs, 0), speakers)
    ends = " to ".join(f"{100 * end:+.1f}" for end in found["interval"])
    said = f"accuracy {100 * found['difference']:+.1f} points (95 % interval {ends})"
    assert f"- a_b - base: {said}" in text
    assert "multiply-adds -50.0 %" in text
    assert "tested on data/test (40 clips)" in text
    assert "commits c0; c1; c10; c11; c12; c2" in text


def test_folds_are_pooled_by_their_clips_and_one_that_is_missing_leaves_no_figure(tmp_path: Path) -> None:
    right = [made(tmp_path / f"net_fold{n}_0", n, clips=range(20 * n, 20 * n + 20)) for n in (1, 2)]
    made(tmp_path / "late_fold1_0", 7, clips=range(20, 40))
    words = (
        f"{tmp_path}/*",
        "--name",
        "{network}_fold{fold}_{seed}",
        "--columns",
        "accuracy,macro_f1,params",
    )
    late, whole = rows_of(*words, "--pool", "fold=clips")
    together = np.concatenate(right)
    truth = np.arange(20, 60) % 2
    answers = np.where(together, truth, 1 - truth)
    speakers = [f"s{number // 2}" for number in range(20, 60)]
    ends = macro_f1_interval(answers, truth, speakers).ends
    assert ends is not None
    assert whole["macro_f1 %"] == pytest.approx(100 * macro_f1(answers, truth))
    assert whole["macro_f1 % low"] == pytest.approx(100 * ends[0])
    assert whole["accuracy %"] == pytest.approx(100 * together.mean())
    assert (late["fold"], late["accuracy %"], late["parameters"]) == (1, None, None)
    mean = rows_of(*words, "--pool", "fold=mean")[1]
    assert mean["accuracy %"] == pytest.approx(50 * (right[0].mean() + right[1].mean()))
    assert "accuracy % low" not in mean


def test_paths_and_patterns_find_figures_whatever_their_keys(tmp_path: Path) -> None:
    made(tmp_path / "net", 0)
    both = "both=by.device.a.b.accuracy+by.device.*c.accuracy"
    columns = f"by.device.*.accuracy,{both},per_class.*.f1,cost.params,data"
    (row,) = rows_of(tmp_path / "net", "--columns", columns)
    assert row["by.device.a.b.accuracy %"] == 50
    assert row["by.device.*c.accuracy %"] == 75
    assert row["both %"] == 62.5
    assert row["data"] == "data/test"
    assert {"per_class.no.f1 %", "per_class.yes.f1 %", "cost.params"} <= row.keys()


def test_a_class_without_clips_has_no_recall(tmp_path: Path) -> None:
    made(tmp_path / "net", 0, clips=range(0, 40, 2))  # only "no" is tested
    (row,) = rows_of(tmp_path / "net", "--columns", "per_class.*.recall")
    assert row["per_class.yes.recall %"] is None
    assert row["per_class.no.recall %"] is not None


def test_each_evaluation_has_a_row_and_csv_has_no_notes(tmp_path: Path) -> None:
    made(tmp_path / "net", 0)
    write_json(
        tmp_path / "net" / "eval" / "other.json", json.loads((tmp_path / "net" / "eval.json").read_text())
    )
    out = tmp_path / "out.csv"
    done("table", tmp_path / "net", "--eval", "eval/*.json", "--format", "csv", "--out", out)
    with out.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["run"], row["test"]) for row in rows] == [("net", "other"), ("net", "test")]


def test_names_from_outside_are_text_in_markdown(tmp_path: Path) -> None:
    made(tmp_path / "a|b<i>", 0)
    text = done("table", tmp_path / "a|b<i>", "--columns", "accuracy").out
    assert r"| a\|b\<i> |" in text


def test_what_cannot_be_is_refused_with_what_to_do(tmp_path: Path) -> None:
    made(tmp_path / "net_0", 0)
    made(tmp_path / "other_0", 1, clips=range(40, 80))
    (tmp_path / "empty_0").mkdir()
    every = f"{tmp_path}/*"
    refused("table", tmp_path / "nothing*", says="no such folder")
    refused("table", tmp_path / "empty_0", says="none of 1 folders is an evaluated run")
    refused("table", every, "--columns", "acuracy", says="Did you mean 'accuracy'?")
    refused("table", every, "--pool", "fold=mean", says="--pool fold=mean: no such field")
    refused("table", every, "--pool", "run=most", says="expected FIELD=clips")
    refused("table", every, "--format", "pdf", says="--format pdf")
    named = ("--name", "{network}_{seed}")
    refused("table", every, *named, "--against", "nett", says="no such network. Did you mean 'net'?")
    refused("table", every, *named, "--against", "net", says="tested on different clips")
    refused("table", every, "--name", "net", says="each once")
    write_json(tmp_path / "net_0" / "eval" / "test.json", {"accuracy": "high"})
    refused("table", tmp_path / "net_0", "--eval", "eval/test.json", says="accuracy")


def test_answers_of_an_earlier_evaluation_are_not_taken_for_this_one(tmp_path: Path) -> None:
    made(tmp_path / "net_0", 0)
    made(tmp_path / "old_0", 1)
    later = json.loads((tmp_path / "old_0" / "eval.json").read_text())
    write_json(tmp_path / "old_0" / "eval.json", {**later, "data": "data/dev"})
    words = (f"{tmp_path}/*", "--name", "{network}_{seed}", "--eval", "eval/test.json", "--against", "net")
    refused("table", *words, says="answers clip by clip are no longer there")


def test_folders_that_are_left_out_are_named(tmp_path: Path) -> None:
    made(tmp_path / "net_0", 0)
    (tmp_path / "empty_0").mkdir()
    (tmp_path / "data").mkdir()
    told = done("table", f"{tmp_path}/*", "--name", "{network}_{seed}").err
    assert f"not named as {{network}}_{{seed}}: {tmp_path}/data" in told
    assert f"no eval.json: {tmp_path}/empty_0" in told


def test_macro_f1_of_several_seeds_is_compared_and_held_to_a_margin(tmp_path: Path) -> None:
    for name, seed in (("base", 1), ("base", 2), ("base", 3), ("net", 4), ("net", 5)):
        made(tmp_path / f"{name}_{seed}", seed)
    words = (f"{tmp_path}/*", "--name", "{network}_{seed}", "--pool", "seed=spread", "--metric", "macro_f1")
    plain = done("table", *words, "--against", "base").out
    (line,) = [line for line in plain.splitlines() if line.startswith("- net - base")]
    assert "macro F1" in line
    assert "inferior" not in line
    low = float(line.partition("interval ")[2].partition(" to ")[0])
    assert low < -2
    for margin, verdict in ((-low + 0.2, "not inferior"), (-low - 0.2, "not shown to be non-inferior")):
        told = done("table", *words, "--against", "base", "--margin", f"{margin:.1f}").out
        assert f"{line}; {verdict} with a margin of {margin:.1f} points" in told
    refused("table", *words, "--margin", "0", says="--margin 0: expected points of the metric")
