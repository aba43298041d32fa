"""Weights by source and class: what an epoch holds, what the loss counts, and names that are not there."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from audionas.config import Config, load
from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from audionas.data.groups import read_groups
from audionas.engine.conf import Train
from audionas.features import Features
from audionas.inputs.feed import Inputs, open_inputs, train_batches
from audionas.run.training.weights import Weighing, find
from tests.unit.run.training._words import LABELS, SOURCES, word_config, words

QUIET = Reporter(quiet=True)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Inputs]:
    folder = tmp_path_factory.mktemp("weights")
    words(folder / "data")
    conf = load(word_config(folder / "data"))
    return folder, open_inputs(conf, Features(name="mfcc", preset="tc_resnet"), QUIET)


def conf_of(opened: tuple[Path, Inputs], **train: Any) -> Config:
    return load(word_config(opened[0] / "data", file=opened[0] / "other.yaml", train={"select": "", **train}))


def test_the_loss_of_a_clip_is_multiplied_by_source_and_class(opened: tuple[Path, Inputs]) -> None:
    conf, inputs = conf_of(opened, sources=SOURCES, class_weight={"_other_": 20}), opened[1]
    weights = find(conf, inputs)
    assert weights is not None
    options: dict[str, Any] = {"batch_size": 4, "workers": 0, "augmented": True, "reporter": QUIET}
    batches = weights.over(train_batches(conf, inputs, np.arange(len(inputs.train)), **options))
    weighing = Weighing(weights, batches, torch.device("cpu"))
    named = read_groups(conf.data.train, "source", inputs.train.ids)
    seen = set()
    for epoch in range(3):
        weighing.begin(epoch)
        for batch, rows in zip(batches.epoch(epoch), batches.rows(epoch), strict=True):
            for row, target, weight in zip(rows, batch.target, weighing.of(batch.target), strict=True):
                assert inputs.train.targets[row] == target
                assert weight == SOURCES[named[row]]["penalty"] * (20 if LABELS[target] == "_other_" else 1)
                seen.add(float(weight))
    assert seen == {0.5, 10.0, 2.0, 40.0}


def test_sources_have_their_shares_and_class_weights_alone_draw_all(opened: tuple[Path, Inputs]) -> None:
    conf, inputs = conf_of(opened, sources=SOURCES), opened[1]
    weights = find(conf, inputs)
    assert weights is not None
    assert weights.mix is not None
    assert weights.mix.shares.tolist() == [0.25, 0.75]  # far, near
    assert weights.classes.tolist() == [1, 1]
    alone = find(conf_of(opened, class_weight={"word": 0.5}), inputs)
    assert alone is not None
    assert alone.mix is None
    assert (alone.rows.tolist(), alone.classes.tolist()) == ([1.0] * 12, [1.0, 0.5])
    assert find(conf_of(opened), inputs) is None


@pytest.mark.parametrize(
    ("train", "says"),
    [
        (
            {"sources": {"nearr": {}, "far": {}}},
            ["'nearr' is not in", "Did you mean 'near'?", "no weights for 'near' (8 clips"],
        ),
        ({"sources": {"near": {"sampling": 0}, "far": {"sampling": 0}}}, ["sampling of every source is 0"]),
        (
            {"class_weight": {"other": 20, "wrod": 2}},
            ["'other' is no label", "'wrod' is no label. Did you mean 'word'?"],
        ),
    ],
)
def test_names_that_are_not_there_are_listed_together(
    opened: tuple[Path, Inputs], train: dict[str, Any], says: list[str]
) -> None:
    with pytest.raises(UserError) as caught:
        find(conf_of(opened, **train), opened[1])
    for part in says:
        assert part in "\n".join(caught.value.problems)


def test_data_without_sources_say_what_to_write(opened: tuple[Path, Inputs], tmp_path: Path) -> None:
    from tests._factory import config, tones

    conf = load(config(tones(tmp_path / "data", per_class=2), train={"sources": {"a": {}}}))
    inputs = open_inputs(conf, Features(name="mfcc", preset="tc_resnet"), QUIET)
    with pytest.raises(UserError, match="utt2source: no such file") as caught:
        find(conf, inputs)
    assert "Each line is '<utterance> <group>'" in str(caught.value.hint)


def test_balanced_classes_and_sources_exclude_each_other(opened: tuple[Path, Inputs]) -> None:
    file = word_config(
        opened[0] / "data",
        file=opened[0] / "balanced.yaml",
        data={"balance": "undersample"},
        train={"select": "", "sources": SOURCES},
    )
    with pytest.raises(UserError, match=r"train\.sources excludes data\.balance"):
        find(load(file), opened[1])


@pytest.mark.parametrize(
    ("train", "says"),
    [
        ({"sources": {"a": {"sampling": -1}}}, "train.sources.a.sampling is -1"),
        ({"sources": {"a": {"penalty": -2.5}}}, "train.sources.a.penalty is -2.5"),
        ({"class_weight": {"_other_": -20}}, "train.class_weight._other_ is -20"),
        ({"sources": {"a": {"weight": 2}}}, "train.sources.a.weight: unknown key"),
        ({"sources": {"a": {"sampling": ".inf"}}}, "train.sources.a.sampling"),
        ({"select": "accuracy"}, "train.select"),
        (
            {"select": "average_viable_recall", "keep": "accuracy"},
            "train.select excludes train.keep: accuracy",
        ),
        ({"select": "average_viable_recall", "average": 2}, "train.average excludes train.select"),
    ],
)
def test_settings_out_of_range_are_refused(
    opened: tuple[Path, Inputs], train: dict[str, Any], says: str
) -> None:
    with pytest.raises(UserError) as caught:
        conf_of(opened, **train)
    assert says in "\n".join(caught.value.problems)


def test_what_is_set_comes_back_from_the_resolved_config(opened: tuple[Path, Inputs]) -> None:
    conf = conf_of(opened, sources=SOURCES, class_weight={"_other_": 20})
    assert conf.resolved()["train"]["sources"] == SOURCES
    assert Train(epochs=3).judged == ""
