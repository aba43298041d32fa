"""The advice on a run follows from its files: each sign is told once its file says it."""

import json
from pathlib import Path

import pytest

from audionas.report.run import write
from tests.unit.report.test_report import Page, lines, run_folder

WIDE = {"valid_accuracy": 0.99, "development": {"clips": 5000, "data": "data/dev"}}


def said(folder: Path) -> str:
    """The words of the box on top of the report."""
    page = Page(write(folder).read_text(encoding="utf-8"))
    words = " ".join(page.words).replace("\u00a0", " ")
    return words.partition("Before you believe the figures")[2].partition("Accuracy ")[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run without its architecture, which takes a second to draw."""
    made = run_folder(tmp_path / "demo")
    for name in ("arch.json", "search/alphas.jsonl", "search/metrics.jsonl"):
        (made / name).unlink()
    return made


def test_a_good_run_has_no_box(folder: Path) -> None:
    assert said(folder) == ""


def test_each_sign_is_told(folder: Path) -> None:
    rows = [{"epoch": n, "accuracy": 0.3 + n / 5, "valid_accuracy": v} for n, v in enumerate((0.298, 0.206))]
    (folder / "train/metrics.jsonl").write_text(lines(rows))
    (folder / "train/done.json").write_text(json.dumps(WIDE))
    scores = json.loads((folder / "eval.json").read_text())
    (folder / "eval.json").write_text(json.dumps({**scores, "speakers": 2}))
    (folder / "export/report.json").write_text(json.dumps({"files": {"model.stream.onnx": FILE}}))
    found = said(folder)
    for words in ("fell from 29.8 %", "are far apart: 99.0 % of 5,000", "on 2 speakers", "No threshold was"):
        assert words in found
    assert "--positives data/dev --negatives" in found


def test_what_the_training_kept_is_read_from_its_settings(folder: Path) -> None:
    rows = [{"epoch": n, "accuracy": 0.3 + n / 5, "valid_accuracy": v} for n, v in enumerate((0.5, 0.4))]
    (folder / "train/metrics.jsonl").write_text(lines(rows))
    (folder / "train/run.json").write_text(json.dumps({"train": {"keep": "accuracy"}}))
    assert said(folder) == ""
    (folder / "train/run.json").write_text(json.dumps({"train": {"keep": "last"}}))
    assert "fell from 50.0 %" in said(folder)


def test_a_tuning_that_failed_is_told_and_its_command_stands_in_the_head(folder: Path) -> None:
    (folder / "tune").mkdir()
    told = {"files": [], "deaf": ["m.onnx: hears nothing"], "command": "audionas tune <b>"}
    (folder / "tune/tune.json").write_text(json.dumps(told))
    assert "was not met by m.onnx" in said(folder)
    head = (folder / "report.html").read_text(encoding="utf-8").partition("</header>")[0]
    assert "audionas tune &lt;b&gt;" in head


FILE = {
    "bytes": 9,
    "max_difference": 0.0,
    "same_label": 1.0,
    "accuracy": None,
    "latency_ms": {"p50": 1.0, "p95": 2.0, "per": "hop"},
}
