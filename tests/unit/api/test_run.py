"""`audionas.Run` reads what a run has left: rows, figures, its network and its model."""

from pathlib import Path

import numpy as np
import pytest

import audionas
from audionas.core.files import read_json


def test_the_metrics_are_rows_of_both_phases(trained: object) -> None:
    rows = audionas.Run(trained.exp).metrics
    assert [row["epoch"] for row in rows if row["phase"] == "train"] == list(range(12))
    assert {row["phase"] for row in rows} == {"search", "train"}
    assert all(isinstance(loss, float) for loss in rows.column("loss"))


def test_the_model_is_that_of_its_folder(trained: object) -> None:
    run = audionas.Run(trained.exp)
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    assert run.best(noise) == audionas.load(trained.exp / "model")(noise)
    assert run.best.folder == trained.exp
    assert run.arch.id == run.best.bundle.spec.id


def test_the_figures_are_those_of_the_last_evaluation(trained: object) -> None:
    assert audionas.Run(trained.exp).evaluation == read_json(trained.exp / "eval.json")


def test_it_shows_itself(trained: object) -> None:
    run = audionas.Run(trained.exp)
    assert repr(run).startswith(f"Run({str(trained.exp)!r})\nfolder")
    assert "valid_accuracy" in run._repr_html_()
    assert run.front == []


def test_what_is_not_there_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(audionas.UserError, match="holds no run"):
        audionas.Run(tmp_path)
    (tmp_path / "search").mkdir()
    with pytest.raises(audionas.UserError, match="holds no trained model"):
        _ = audionas.Run(tmp_path).best
    with pytest.raises(audionas.UserError, match="holds no config"):
        _ = audionas.Run(tmp_path).conf
