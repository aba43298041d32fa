"""A training that ends early keeps the schedule of all its epochs."""

from pathlib import Path

from audionas.core.files import read_json
from audionas.core.reporter import read_rows
from tests._run import Run
from tests.unit.cli._command import done


def test_a_training_until_an_epoch_is_the_beginning_of_the_whole_one(trained: Run, tmp_path: Path) -> None:
    arch = f"arch={trained.exp / 'arch.json'}"
    done("train", trained.conf, "name=cut", f"out={tmp_path}", arch, "--until", 2)
    whole = read_rows(trained.exp / "train" / "metrics.jsonl")
    cut = read_rows(tmp_path / "cut" / "train" / "metrics.jsonl")
    assert len(whole) > len(cut) == 2
    assert [row | {"seconds": 0} for row in cut] == [row | {"seconds": 0} for row in whole[:2]]
    assert read_json(tmp_path / "cut" / "train" / "done.json")["epochs"] == 2


def test_a_training_tells_its_development_data(trained: Run) -> None:
    """The report needs them to say how sure a development accuracy is."""
    told = read_json(trained.exp / "train" / "done.json")["development"]
    clips = (trained.data / "dev" / "text").read_text(encoding="utf-8").splitlines()
    assert told == {"clips": len(clips), "data": str(trained.data / "dev")}
