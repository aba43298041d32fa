"""`audionas.make`: a plan from Python is that of the command; a call without sense says all that is wrong."""

from pathlib import Path

import pytest
import yaml

import audionas
from audionas.core.errors import UserError
from tests.unit.expert._recordings import recordings


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"(?s)no such folder.*device= is missing.*minutes= is missing"):
        audionas.make(tmp_path / "none")


def test_a_dataset_of_unknown_recordings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data" / "train").mkdir(parents=True)
    (tmp_path / "data" / "train" / "wav.scp").write_text("")
    with pytest.raises(UserError, match="prepared from are not known"):
        audionas.make(audionas.Dataset(tmp_path / "data"), device="cpu", minutes=1)


@pytest.mark.story
def test_a_plan_from_python_has_its_settings(tmp_path: Path) -> None:
    words = recordings(tmp_path / "words")
    data = audionas.prepare(words, tmp_path / "prepared")
    out = str(tmp_path / "exp")
    run = audionas.make(data, device="cpu", minutes=5, plan=True, out=out, train={"epochs": 2}, seed=3)
    asked = yaml.safe_load((run.folder / "make.yaml").read_text())
    assert run.folder == tmp_path / "exp" / "words"
    assert run.conf.general.name == "words"
    assert "train.epochs=2" in str(asked)
    assert run.notes
    assert not (run.folder / "model").exists()


def test_one_folder_of_negatives_is_taken_as_one(tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        audionas.make(tmp_path / "none", device="cpu", minutes=1, negatives="two")
    assert "two: no such folder" in str(refused.value)
    assert "t: no such" not in str(refused.value)
