"""The whole path on tones, as a stranger types it: every command, every file, and two engines that agree."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

import audionas as package
from tests._run import Run
from tests.unit.cli._command import done, refused

FILES = [
    "arch.json",
    "eval.json",
    "model/bundle.json",
    "model/weights.safetensors",
    "search/alphas.jsonl",
    "search/config.yaml",
    "search/done.json",
    "search/env.json",
    "search/metrics.jsonl",
    "train/config.yaml",
    "train/done.json",
    "train/env.json",
    "train/metrics.jsonl",
]


@pytest.fixture(scope="module")
def exported(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the run, exported."""
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name)
    exp = shutil.copytree(trained.exp, tmp_path_factory.mktemp("exported") / "tones")
    done("export", exp)
    return exp


@pytest.mark.story
def test_check_says_what_a_run_would_find(trained: Run) -> None:
    found = done("check", trained.conf, "--json").json
    assert found["labels"] == ["_silence_", "low", "mid", "high"]
    assert found["clips"] == {"train": 32, "dev": 32}
    assert found["speakers"] == {"train": 4, "dev": 4}
    assert found["input"] == {"channels": 1, "freq": 40, "frames": 98, "classes": 4}
    space = found["space"]
    assert space["size"] == 8**3 * 9**3
    assert space["cheapest"]["macs"] < space["dearest"]["macs"]
    assert found["search"]["steps"] == 2 * 2  # 16 clips a half, batches of 8, 2 epochs
    assert found["search"]["seconds"] > 0
    assert "train" in done("check", trained.conf, "arch=tc_resnet8", "--json").json
    assert "training and 32 development clips in 4 classes" in done("check", trained.conf).out


def test_a_run_leaves_its_files(trained: Run) -> None:
    assert [name for name in FILES if not (trained.exp / name).exists()] == []
    environment = json.loads((trained.exp / "train" / "env.json").read_text())
    assert environment["command"] == f"audionas train {trained.conf}"
    assert environment["seed"] == 0
    rows = [json.loads(line) for line in (trained.exp / "train" / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == list(range(12))
    assert {"loss", "accuracy", "valid_loss", "valid_accuracy", "lr", "seconds"} <= rows[0].keys()
    history = [
        json.loads(line) for line in (trained.exp / "search" / "alphas.jsonl").read_text().splitlines()
    ]
    assert [row["epoch"] for row in history] == [0, 1]
    assert sum(history[0]["probabilities"]["block1"].values()) == pytest.approx(1)


def test_tones_are_learnt(trained: Run) -> None:
    """Far above the quarter of a guess: features, training and evaluation hang together."""
    assert json.loads((trained.exp / "eval.json").read_text())["accuracy"] > 0.7


def test_eval_says_the_same_again_and_agrees_with_its_parts(own: Run, trained: Run) -> None:
    found = done("eval", own.exp, "--data", own.data / "test", "--json").json
    assert found == json.loads((trained.exp / "eval.json").read_text())
    confusion = np.array(found["confusion"])
    assert confusion.sum() == found["n"] == 32
    assert found["accuracy"] == pytest.approx(confusion.trace() / 32)
    assert list(found["per_class"]) == found["labels"]
    assert (found["speakers"], found["interval"]) == (4, None)


@pytest.mark.story
def test_the_exported_file_says_what_torch_says(exported: Path, trained: Run) -> None:
    report = json.loads((exported / "export" / "report.json").read_text())
    assert report["max_difference"] <= 1e-4
    assert report["same_label"] == 1.0
    assert report["bytes"] == (exported / "export" / "model.onnx").stat().st_size
    assert (exported / "export" / "labels.txt").read_text().split() == ["_silence_", "low", "mid", "high"]
    torch, onnx = (
        done("eval", exported, "--data", trained.data / "test", "--engine", engine, "--json").json
        for engine in ("torch", "onnx")
    )
    assert (torch.pop("engine"), onnx.pop("engine")) == ("torch", "onnx")
    for name in ("log_loss", "macro_log_loss"):
        assert torch.pop(name) == pytest.approx(onnx.pop(name), abs=1e-4)
    for label, found in torch["per_class"].items():
        assert found.pop("log_loss") == pytest.approx(onnx["per_class"][label].pop("log_loss"), abs=1e-4)
    assert torch == onnx


def test_predict_names_each_clip_as_eval_and_python_do(trained: Run) -> None:
    files = sorted((trained.data / "wav").glob("test0-*.wav"))
    rows = done("predict", trained.exp, *files, "--json").json
    assert [row["file"] for row in rows] == [str(f) for f in files]
    model = package.load(trained.exp)
    for row, file in zip(rows, files, strict=True):
        assert row["scores"] == model(soundfile.read(file, dtype="float32")[0])
        assert row["label"] == max(row["scores"], key=row["scores"].get)
        assert sum(row["scores"].values()) == pytest.approx(1, abs=1e-5)
    lines = done("predict", trained.exp, *files).out.splitlines()
    assert [line.split()[:2] for line in lines] == [[row["file"], row["label"]] for row in rows]


@pytest.mark.story
def test_show_gathers_everything_and_writes_the_report(exported: Path) -> None:
    found = done("show", exported, "--json").json
    assert found["arch"] == json.loads((exported / "arch.json").read_text())["id"]
    assert found["evaluation"]["n"] == 32
    assert found["export"]["max_difference"] <= 1e-4
    assert set(found["probabilities"]) == set(found["choices"])
    assert Path(found["report"]) == exported / "report.html"
    assert (exported / "report.html").read_text().lstrip().lower().startswith("<!doctype html>")
    assert found["arch"] in done("show", exported).out


@pytest.mark.story
def test_the_whole_path_can_start_from_a_zoo_network(trained: Run, tmp_path: Path) -> None:
    done("train", trained.conf, "arch=tc_resnet8", "name=zoo", f"out={tmp_path}", "train.epochs=1")
    arch = json.loads((tmp_path / "zoo" / "arch.json").read_text())
    assert arch["io"] == {
        "channels": 1,
        "freq": 40,
        "frames": 98,
        "classes": 4,
    }  # of the data, not of the zoo
    assert done("eval", tmp_path / "zoo", "--data", trained.data / "test", "--json").json["n"] == 32
    assert done("cost", tmp_path / "zoo", "--json").json["input"]["classes"] == 4
    assert done("show", tmp_path / "zoo", "--json").json["probabilities"] is None
    refused("export", tmp_path / "nowhere", says="no trained model here")
