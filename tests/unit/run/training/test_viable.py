"""Choosing weights by average viable recall: what is measured, kept, told and refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from audionas.config import load
from audionas.core.errors import UserError
from audionas.core.files import read_json
from audionas.core.reporter import Reporter, read_rows
from audionas.engine.viable_recall import average_viable_recall
from audionas.features import Features
from audionas.inputs.feed import open_inputs
from audionas.models.bundle import ModelBundle
from audionas.run.train import Training, train
from audionas.run.training.fine_tune import fine_tune
from audionas.run.training.viable import Viable, find
from tests._factory import tones
from tests.unit.cli._command import done
from tests.unit.run.training._words import EVERYTHING, SOURCES, word_config, words

QUIET = Reporter(quiet=True)
MFCC = Features(name="mfcc", preset="tc_resnet")
CPU = torch.device("cpu")


class Crash(BaseException):
    """Not an Exception, so that nothing handles it on the way."""


class Loud(nn.Module):
    """Scores of the word that rise with the energy of a window, from 0 to `most`."""

    def __init__(self, most: float) -> None:
        super().__init__()
        self.most = most

    def forward(self, x: Tensor) -> Tensor:
        share = self.most * torch.sigmoid(0.05 * x[:, 0, 0].mean(1))
        return torch.stack(((1 - share).log(), share.log()), 1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return words(tmp_path_factory.mktemp("viable") / "data")


@pytest.fixture(scope="module")
def judge(made: Path) -> Viable:
    conf = load(word_config(made))
    found = find(conf, open_inputs(conf, MFCC, QUIET), QUIET)
    assert found is not None
    return found


def test_it_is_the_measure_on_development_clips_and_windows(judge: Viable) -> None:
    """Twenty seconds: one false accept is 180 an hour, so only cutoffs without any are viable."""
    scores, targets = np.array([[0.1, 0.9], [0.4, 0.6], [0.8, 0.2]]), np.array([1, 1, 0])
    for most in (0.3, 0.7):
        told = judge.told(Loud(most), scores, targets, CPU)["valid_average_viable_recall"]
        loud = judge._ambient(Loud(most), CPU)
        assert len(loud) == sum(judge.ambience.windows)
        assert 0 < loud.min() < loud.max() <= most + 1e-6
        cutoffs = np.arange(101) / 100
        recall = np.array([(np.array([0.9, 0.6]) > c).mean() for c in cutoffs])
        rate = np.array([(loud > c).sum() for c in cutoffs]) / judge.ambience.hours
        assert told == pytest.approx(average_viable_recall(recall, rate))
        assert told > 0
    quiet, loud_ = (judge.told(Loud(m), scores, targets, CPU) for m in (0.3, 0.9))
    assert quiet["valid_average_viable_recall"] > loud_["valid_average_viable_recall"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"data": {"ambient": ""}}, "needs data.ambient, continuous audio without the word, and it is empty"),
        ({"data": {"ambient": "nowhere"}}, "nowhere"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_written(
    made: Path, changes: dict[str, Any], says: str, tmp_path: Path
) -> None:
    file = word_config(made, file=tmp_path / "conf.yaml", **changes)
    with pytest.raises(UserError) as caught:
        train(load(file))
    assert says in "\n".join(caught.value.problems)
    assert not (tmp_path / "exp").exists()


def test_several_words_are_refused_with_the_reason(made: Path, tmp_path: Path) -> None:
    data = tones(tmp_path / "data", classes=("_other_", "low", "mid"), per_class=2)
    conf = load(word_config(data, data={"ambient": str(made / "ambient")}))
    with pytest.raises(
        UserError, match=r"is for one word, and the labels are _other_, low, mid: several words"
    ):
        find(conf, open_inputs(conf, MFCC, QUIET), QUIET)


@pytest.mark.story
def test_the_best_and_the_last_weights_are_kept_and_the_figure_is_told(made: Path, tmp_path: Path) -> None:
    file = word_config(made, file=tmp_path / "conf.yaml", train={"epochs": 4, "optim": {"lr": 0.05}})
    said = done("train", file)
    run = tmp_path / "exp" / "tones"
    rows = read_rows(run / "train" / "metrics.jsonl")
    figures = [row["valid_average_viable_recall"] for row in rows]
    result = read_json(run / "train" / "done.json")
    assert result["valid_average_viable_recall"] == max(figures) > 0
    assert result["best_epoch"] == 1 + figures.index(max(figures))
    assert "average viable recall" in said.err + said.out
    best, last = (ModelBundle.load(run / name) for name in ("model", "last"))
    assert best.note["valid_average_viable_recall"] == max(figures)
    assert last.note["epochs"] == 4
    ckpt = Path(run / "train" / "ckpt" / "000004" / "weights.safetensors")
    from safetensors.torch import load_file

    stored = load_file(ckpt)
    assert all(torch.equal(tensor, stored[name]) for name, tensor in last.weights.items())
    done("show", run)
    assert "Average viable recall" in (run / "report.html").read_text()
    evaluated = done("eval", run / "last", "--data", made / "test").out
    assert "accuracy" in evaluated


@pytest.mark.story
def test_fine_tuning_is_weighed_and_chosen_as_its_training_was(made: Path, tmp_path: Path) -> None:
    bundle = train(load(word_config(made, file=tmp_path / "conf.yaml", train={"epochs": 1})))
    losses = []
    for name, weights in (("plain", {}), ("weighed", {"sources": SOURCES, "class_weight": {"_other_": 20}})):
        (tmp_path / name).mkdir()
        file = word_config(made, file=tmp_path / name / "conf.yaml", train={"epochs": 1, **weights})
        tuned = fine_tune(load(file), bundle, tmp_path / name / "int8", QUIET)
        rows = read_rows(tmp_path / name / "int8" / "metrics.jsonl")
        assert len(rows) == tuned.note["fine_tuned"] == 5
        assert all(0 <= row["valid_average_viable_recall"] <= 1 for row in rows)
        losses.append(rows[0]["loss"])
    assert losses[1] > 2 * losses[0]  # clips of one of two labels weigh 20


@pytest.mark.laws
@pytest.mark.parametrize("workers", [0, 2])
def test_resumed_equals_uninterrupted_with_everything_on(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """And any number of workers equals none."""
    settings = {**EVERYTHING, "augment": {**EVERYTHING["augment"], "noise": str(made / "noise"), "pitch": 3}}
    settings["augment"]["pitch_probability"] = 0.2

    def conf_in(folder: Path, workers: int) -> Path:
        folder.mkdir()
        train = {**EVERYTHING["train"], "workers": workers, "epochs": 3, "optim": {"lr": 0.01}}
        return word_config(made, file=folder / "conf.yaml", augment=settings["augment"], train=train)

    train(load(conf_in(tmp_path / "whole", 0)))
    file, end = conf_in(tmp_path / "cut", workers), Training.end
    with monkeypatch.context() as patched:
        patched.setattr(Training, "begin", _crashing(Training.begin, 2))
        with pytest.raises(Crash):
            train(load(file))
    assert Training.end is end
    train(load(file), resume=True)
    whole, cut = (tmp_path / name / "exp" / "tones" for name in ("whole", "cut"))
    for name in (
        "model/weights.safetensors",
        "last/weights.safetensors",
        "model/bundle.json",
        "train/done.json",
    ):
        assert (whole / name).read_bytes() == (cut / name).read_bytes(), name
    logs = (
        [{**row, "seconds": 0} for row in read_rows(run / "train" / "metrics.jsonl")] for run in (whole, cut)
    )
    assert next(logs) == next(logs)


def _crashing(begin: Any, epoch: int) -> Any:
    def crashes(self: Training, number: int) -> None:
        if number == epoch:
            raise Crash
        begin(self, number)

    return crashes


@pytest.mark.story
def test_other_sources_or_ambience_are_other_settings(made: Path, tmp_path: Path) -> None:
    data = words(tmp_path / "data", seconds=20)
    file = word_config(data, train={"epochs": 1, "sources": {"near": {}, "far": {}}})
    train(load(file))
    text = (data / "train" / "utt2source").read_text()
    (data / "train" / "utt2source").write_text(
        text.replace(" near", " x").replace(" far", " near").replace(" x", " far")
    )
    with pytest.raises(UserError, match="holds a run with other settings"):
        train(load(file))
    (data / "train" / "utt2source").write_text(text)
    train(load(file))
    words(tmp_path / "more", seconds=25)
    other = word_config(
        data,
        data={"ambient": str(tmp_path / "more" / "ambient")},
        train={"epochs": 1, "sources": {"near": {}, "far": {}}},
    )
    with pytest.raises(UserError, match="holds a run with other settings"):
        train(load(other))
