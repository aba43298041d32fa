"""From recordings to an evaluated, exported model by functions alone, without a word printed."""

from pathlib import Path

import pytest

import audionas
from audionas.core.files import read_json
from tests._factory import tones

SMALL = {
    "threads": 1,
    "space": {"name": "kws_tc_resnet", "width": 0.25},
    "search": {"epochs": 2, "batch_size": 8},
    "train": {"epochs": 3, "batch_size": 8, "optim": {"lr": 0.1}},
}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> audionas.Dataset:
    monkeypatch.chdir(tmp_path)
    return audionas.Dataset(tones(tmp_path / "data"))


@pytest.mark.story
def test_the_way_from_data_to_files(data: audionas.Dataset, capfd: pytest.CaptureFixture[str]) -> None:
    heard: list[audionas.Epoch] = []
    run = audionas.search(data, method="darts", name="words", callbacks=[heard.append], **SMALL)
    assert [(e.folder.name, e.epoch) for e in heard] == [("search", 1), ("search", 2)]
    assert run.notes
    run = audionas.train(run)
    told = audionas.evaluate(run, data)
    assert told == read_json(run.folder / "eval.json")
    assert run.best.cost()["arch"] == run.arch.id
    pytest.importorskip("onnxscript", reason="the extra export is not installed")
    (row,) = run.best.export(["onnx"])
    assert Path(row["file"]).is_file()
    (again,) = audionas.export(run, "onnx")
    assert again["file"] == row["file"]
    assert "model.onnx" in audionas.export(str(run.folder))._repr_html_()
    clip = data.splits["test"][0].audio
    events = run.best.detect(clip, threshold=0.01)
    assert {event["keyword"] for event in events} <= {*data.labels}
    assert capfd.readouterr() == ("", "")
    command = read_json(run.folder / "search" / "env.json")["command"]
    assert command.startswith("audionas.search('")


@pytest.mark.story
def test_a_searcher_leaves_a_front(data: audionas.Dataset) -> None:
    nsga2 = {"name": "nsga2", "population": 4, "generations": 2}
    run = audionas.search(data, method="spos", searcher=nsga2, **SMALL)
    assert run.folder == Path("exp/search")
    assert sum(row["knee"] for row in run.front) == 1
    trained = audionas.train(data, arch=run.front[0]["arch"], name="first", train=SMALL["train"])
    assert trained.arch.id == audionas.load(trained.folder).bundle.spec.id


@pytest.mark.story
def test_a_comparison_is_a_row_per_method_and_seed(data: audionas.Dataset) -> None:
    chosen = {"methods": ["darts", "random_nas"], "seeds": 0, "retrain": True}
    run = audionas.compare(data, compare=chosen, **SMALL)
    assert [(row["method"], row["seed"]) for row in run.metrics] == [("darts", 0), ("random_nas", 0)]
    most = max(run.metrics, key=lambda row: row["trained"])
    assert run.best.folder == run.folder / most["method"] / "0"
    assert "random_nas" in repr(run)


def test_what_is_missing_is_told_before_anything_is_written(data: audionas.Dataset) -> None:
    with pytest.raises(audionas.UserError, match="space"):
        audionas.search(data, name="x")
    with pytest.raises(audionas.UserError, match="engine is 'tflite'"):
        audionas.evaluate("kws12", data, engine="tflite")
    assert not Path("exp").exists()
