"""The shapes that others script against: one JSON document on standard output, with exactly these keys."""

import subprocess
import sys

import pytest

from audionas import zoo
from audionas.core.registry import names
from audionas.nn.ops import OPS
from tests._run import Run
from tests._tiers import story
from tests.unit.cli._command import done

ROW = {"name": str, "paper": str, "arxiv": str, "summary": str, "family": str}
KINDS = {"methods": names("method"), "spaces": names("space"), "ops": list(OPS), "zoo": zoo.names()}
SOONEST = sorted(KINDS, key=lambda kind: kind in ("spaces", "zoo"))


@pytest.mark.parametrize("kind", story(SOONEST, fast=2))  # of the others all costs are computed
def test_every_row_of_a_list_has_the_same_form(kind: str) -> None:
    result = done("list", kind, "--json")
    assert result.err == ""
    assert [row["name"] for row in result.json] == KINDS[kind]
    for row in result.json:
        assert {key: type(row[key]) for key in ROW} == ROW
        assert row["summary"]
        assert row["family"]


def test_differentiable_methods_say_so() -> None:
    families = {row["name"]: row["family"] for row in done("list", "methods", "--json").json}
    assert families["darts"] == families["fair_darts"] == families["noisy_darts"] == "differentiable"


@pytest.mark.story
def test_zoo_rows_carry_the_costs_that_cost_measures() -> None:
    rows = {row["name"]: row for row in done("list", "zoo", "--json").json}
    for name in ("tc_resnet8", "ds_cnn_s", "bc_resnet1"):
        found = done("cost", name, "--json").json
        assert (rows[name]["params"], rows[name]["macs"]) == (found["params"], found["macs"])


def test_cost_is_whole_numbers_and_its_layers_add_up() -> None:
    result = done("cost", "tc_resnet8", "--input", "1x40x98", "--classes", "12", "--json")
    assert result.err == ""
    found = result.json
    assert all(type(found[key]) is int for key in ("params", "macs", "peak_activation_bytes", "weight_bytes"))
    assert sum(layer["params"] for layer in found["layers"]) == found["params"]
    assert sum(layer["macs"] for layer in found["layers"]) == found["macs"]
    assert found["input"] == {"channels": 1, "freq": 40, "frames": 98, "classes": 12}


@pytest.mark.story
def test_cost_takes_other_inputs_and_classes() -> None:
    small, wide = (done("cost", "tc_resnet8", "--input", i, "--json").json for i in ("1x40x98", "1x40x196"))
    assert small["params"] == wide["params"]
    assert small["macs"] < wide["macs"]
    few, many = (done("cost", "tc_resnet8", "--classes", c, "--json").json for c in (12, 35))
    assert few["params"] < many["params"]


def test_eval_has_the_promised_keys(own: Run) -> None:
    result = done("eval", own.exp, "--data", own.data / "dev", "--json")
    found = result.json
    assert found["interval_why"] == "4 speakers, fewer than 10"
    assert {"accuracy": float, "interval": type(None), "per_class": dict, "confusion": list, "n": int} == {
        key: type(found[key]) for key in ("accuracy", "interval", "per_class", "confusion", "n")
    }
    assert [len(row) for row in found["confusion"]] == [4] * 4
    assert all(row.keys() >= {"recall", "precision", "f1", "n"} for row in found["per_class"].values())


def test_predict_is_a_row_a_file(trained: Run) -> None:
    file = trained.data / "wav" / "test0-low-0.wav"
    rows = done("predict", trained.exp, file, file, "--json").json
    assert rows[0] == rows[1]
    assert rows[0].keys() == {"file", "label", "scores", "rule", "windows", "start", "seconds"}
    assert (rows[0]["rule"], rows[0]["windows"]) == ("clip", 1)
    assert list(rows[0]["scores"]) == ["_silence_", "low", "mid", "high"]


@pytest.mark.parametrize("kind", story(SOONEST, fast=2))
def test_without_json_a_list_is_a_table(kind: str) -> None:
    lines = [
        line for line in done("list", kind).out.splitlines() if line[:1].strip()
    ]  # long cells go on below
    assert lines[0].split()[0] == "name"
    assert [line.split()[0] for line in lines[1:]] == KINDS[kind]


@pytest.mark.story
def test_a_real_process_says_the_same() -> None:
    command = [sys.executable, "-m", "audionas", "list", "methods", "--json"]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    assert process.stdout == done("list", "methods", "--json").out


COMMANDS = ["check", "search", "train", "eval", "predict", "export", "cost", "list", "show"]


@pytest.mark.parametrize(
    "words",
    [[], *([c] for c in COMMANDS), ["prep", "folder"], ["prep", "mini"], ["recipe", "copy"]],
    ids=" ".join,
)
def test_help_explains_with_an_example(words: list[str]) -> None:
    text = done(*words, "--help").out
    assert "Usage:" in text
    assert not words or "Example" in text


def test_the_version() -> None:
    assert done("--version").out.strip()[0].isdigit()
