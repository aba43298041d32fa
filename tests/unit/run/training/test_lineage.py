"""A training names the sets that its teacher or its first weights have heard, and an evaluation the clips."""

import shutil
from pathlib import Path

from tests.unit.cli._command import done
from tests.unit.run.training._transfer_runs import Made, words


def swapped(made: Made, folder: Path) -> tuple[str, str]:
    """Data in which a student trains on what `big` was validated by, and `big` has heard its dev and test."""
    shutil.copytree(made.data, folder / "data")
    for new, old in (("train", "dev"), ("dev", "train"), ("test_archive", "train")):
        shutil.rmtree(folder / "data" / new, ignore_errors=True)
        shutil.copytree(made.data / old, folder / "data" / new)
        scp = (made.data / old / "wav.scp").read_text()
        (folder / "data" / new / "wav.scp").write_text(scp.replace("../wav", f"{made.data}/wav"))
    return f"data.train={folder / 'data' / 'train'}", f"data.dev={folder / 'data' / 'dev'}"


def said(text: str, folder: Path) -> list[str]:
    """The last folder of each set that is named, with the counts."""
    lines = [line for line in text.splitlines() if "ATTENTION" in line]
    return [line.split("trained on ")[1].split(": what")[0].replace(f"{folder}/", "") for line in lines]


def test_a_teacher_or_first_weights_that_have_heard_the_test_are_named(made: Made, tmp_path: Path) -> None:
    data = swapped(made, tmp_path)
    heard = ["12 of the 12 clips of data/dev", "12 of the 12 clips of data/test_archive"]
    for name, more in (
        ("taught", f"train.distill.teacher={made.exp / 'big'}"),
        ("begun", f"train.init={made.exp / 'big'}"),
    ):
        told = done(*words(made, tmp_path / name, *data, more, "train.epochs=1"))
        assert said(told.err, tmp_path) == heard
        asked = done("eval", tmp_path / name / "x", "--data", tmp_path / "data" / "test_archive")
        assert "ATTENTION: the model was trained on 12 of these 12 clips" in asked.out
        fresh = done("eval", tmp_path / name / "x", "--data", made.data / "test")
        assert "ATTENTION" not in fresh.out


def test_a_teacher_of_the_same_training_data_is_not_named(made: Made, tmp_path: Path) -> None:
    told = done(*words(made, tmp_path / "x", f"train.distill.teacher={made.exp / 'big'}", "train.epochs=1"))
    assert said(told.err, tmp_path) == []
