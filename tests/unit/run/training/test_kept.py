"""A new training forgets what was made from the earlier model, and nothing else."""

from pathlib import Path

import pytest

from audionas.core.made import claim
from audionas.models.owned import BUNDLE, TUNED
from audionas.run.training.kept import discard, forget


def _put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")


def _left(folder: Path) -> set[str]:
    return {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file() and f.name != ".audionas"}


def test_files_of_the_list_are_forgotten_and_others_stay_and_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = [*BUNDLE, *TUNED, "export/model.onnx", "export/report.json", "eval/test.json", "eval.json"]
    theirs = ["export/notes.json", "export/their.onnx", "eval/mine.json", "model/readme.md", "tune/tune.json"]
    claim(tmp_path, ours)
    _put(
        tmp_path, *ours, *theirs, "arch.json", "export/int8/events.out.tfevents.1", "export/int8/ckpt/latest"
    )
    forget(tmp_path)
    assert _left(tmp_path) == {*theirs, "arch.json"}
    assert not (tmp_path / "export" / "int8").exists()
    told = " ".join(capsys.readouterr().err.split())
    assert "leaves what audionas has not made: model/readme.md, export/notes.json, export/their.onnx" in told


def test_a_run_of_an_earlier_version_is_forgotten_by_its_records(tmp_path: Path) -> None:
    _put(tmp_path, *BUNDLE, "train/env.json", "eval/foreign.json")
    forget(tmp_path)
    assert _left(tmp_path) == {"train/env.json", "eval/foreign.json"}


def test_nothing_behind_a_link_is_forgotten(tmp_path: Path) -> None:
    run, away = tmp_path / "run", tmp_path / "away"
    _put(away, "model.onnx", "int8/metrics.jsonl")
    run.mkdir()
    (run / "export").symlink_to(away)
    names = ["export/model.onnx", *TUNED]
    claim(run, names, earlier=lambda: names)
    forget(run)
    assert _left(away) == {"model.onnx", "int8/metrics.jsonl"}


def test_a_users_files_stay_where_a_fine_tuning_is_discarded(tmp_path: Path) -> None:
    _put(
        tmp_path,
        "metrics.jsonl",
        "notes.json",
        "ckpt/000001/state.json",
        "ckpt/000002/state.json",
        "ckpt/best/a",
    )
    (tmp_path / "ckpt" / "latest").write_text("000002\n")
    discard(tmp_path)
    assert _left(tmp_path) == {"notes.json", "ckpt/best/a"}
