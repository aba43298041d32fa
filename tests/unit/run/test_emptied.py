"""--overwrite deletes what runs have made, file by file, and names what stays."""

import shutil
from pathlib import Path

import pytest

from audionas.run.emptied import emptied, known
from tests._run import Run
from tests.unit.cli._command import done, refused


def test_what_a_run_has_made_is_deleted_and_links_are_not_followed(tmp_path: Path) -> None:
    away, phase = tmp_path / "away", tmp_path / "train"
    for file in (away / "thesis.tex", phase / "ckpt" / "000001" / "state.json", phase / "notes.txt"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    for name in ("env.json", "metrics.jsonl", "events.out.tfevents.1.host.2.3", ".gitignore"):
        (phase / name).write_text("x")
    (phase / "models").symlink_to(away)
    assert emptied(phase) == [".gitignore", "notes.txt"]
    assert sorted(file.name for file in phase.iterdir()) == [".gitignore", "notes.txt"]
    assert (away / "thesis.tex").read_text() == "x"


def test_every_file_of_a_run_is_known(trained: Run) -> None:
    for phase in ("search", "train"):
        files = [file for file in (trained.exp / phase).rglob("*") if file.is_file()]
        assert known(trained.exp / phase) == sorted(
            str(file.relative_to(trained.exp / phase)) for file in files
        )


def test_a_users_files_within_our_folders_stay_and_are_named(tmp_path: Path) -> None:
    ours = [
        "ckpt/000002/state.json",
        "ckpt/.000003.draft/weights.safetensors",
        "models/call.onnx",
        "env.json",
    ]
    theirs = ["ckpt/best/state.json", "ckpt/000002/why.txt", "models/paper.pdf", "networks/drawing.json"]
    for name in (*ours, *theirs):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert emptied(tmp_path) == sorted([*theirs[1:], "ckpt/best"])
    left = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()}
    assert left == {*theirs}


@pytest.mark.story
def test_a_name_leaves_no_folder_and_a_users_file_survives(trained: Run, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    (victim / "train").mkdir(parents=True)
    (victim / "train" / "run.json").write_text("{}")
    for name in ("../victim", str(victim), ".", "..", "x/../../victim"):
        refused("train", trained.conf, f"name={name}", f"out={tmp_path}/exp", "--overwrite", says="name")
    assert (victim / "train" / "run.json").read_text() == "{}"
    exp = tmp_path / "exp" / trained.exp.name
    shutil.copytree(trained.exp, exp)
    (exp / "train" / "notes.txt").write_text("mine")
    told = done("train", trained.conf, f"name={exp.name}", f"out={tmp_path}/exp", "--overwrite").err
    assert "--overwrite leaves what no run has made: notes.txt" in told
    assert (exp / "train" / "notes.txt").read_text() == "mine"
    assert (exp / "train" / "done.json").exists()
