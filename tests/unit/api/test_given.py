"""A wrong argument is a UserError that says what was expected, in the words of Python."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import audionas
from audionas.api.given import in_python
from audionas.api.voice import called
from audionas.core.errors import Problem, UserError
from audionas.sklearn import KeywordClassifier
from tests._factory import tones

ANY: Any = audionas  # for calls that a type checker refuses
WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: ANY.load(None), "load: folder is None, expected a run folder"),
    (lambda: ANY.load(3), "load: folder is 3"),
    (lambda: ANY.load(""), "load: folder is '', expected a run folder, or a name such as 'kws12'"),
    (lambda: ANY.train(3), "train: the first argument is 3, expected a Dataset, its folder or a Run"),
    (lambda: ANY.search(["a"]), r"search: the first argument is \['a'\]"),
    (lambda: ANY.Run(None), "Run: folder is None"),
    (lambda: ANY.Dataset(None), "Dataset: folder is None"),
    (lambda: ANY.prepare(None), "prepare: folder is None"),
    (lambda: ANY.prepare("x", dev="x"), "prepare: dev is 'x', expected a number"),
    (lambda: ANY.prepare("x", resample=1), "prepare: resample is 1, expected True or False"),
    (lambda: ANY.make(3), "make: source is 3"),
    (lambda: ANY.export(3), "export: model is 3"),
    (lambda: ANY.export("kws12", "onnx", hop=2, pool=3), r"(?s)no option 'hop'\..*'hops'.*pool is 3, exp"),
    (lambda: ANY.export("kws12", "onxn", hops=0, input="x"), "(?s)input=x: exp.*hops=0: exp.*mean 'onnx'"),
    (lambda: ANY.load("kws12").export(data=3), "export: data is 3, expected a path"),
    (lambda: ANY.load("kws12").detect("x", smoth=1), "no option 'smoth'. Did you mean 'smooth'"),
    (lambda: ANY.make("x", minutes="x"), "make: minutes is 'x', expected a number"),
    (lambda: ANY.make("x", fa_per_hour="x"), "make: fa_per_hour is 'x'"),
    (
        lambda: ANY.make("x", device="cpu"),
        r"(?s)minutes= is missing.*audionas\.make\('my_words', device='cpu'",
    ),
    (lambda: ANY.evaluate(3, "x"), "evaluate: model is 3"),
    (lambda: ANY.evaluate("kws12", None), "evaluate: data is None"),
    (lambda: ANY.create_model(None), "create_model: name is None"),
    (
        lambda: ANY.create_model("tc_resnet8", classes=-1),
        "classes is -1, expected a whole number, at least 0",
    ),
    (lambda: ANY.create_model("tc_resnet8", classes="5"), "classes is '5'"),
    (lambda: ANY.create_model("tc_resnet8", classes=True), "classes is True"),
    (lambda: ANY.create_model("tc_resnet8", input=3), "create_model: input is 3, expected CxFxT"),
    (lambda: ANY.create_model("darts_v1", layers=0), "create_model: layers is 0"),
    (lambda: ANY.train("x", callbacks=3), r"callbacks is 3, expected functions, such as callbacks=\[print\]"),
]


@pytest.mark.parametrize(("call", "says"), WRONG)
def test_a_wrong_argument_is_said(call: Callable[[], object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        call()


def test_a_dataset_in_the_place_of_the_model_is_told_apart(tmp_path: Path) -> None:
    data = audionas.Dataset(tones(tmp_path / "data"))
    with pytest.raises(UserError, match="the model comes first, then the data"):
        ANY.evaluate(data, "kws12")
    with pytest.raises(UserError, match=r"epochs: give train=\{'epochs': 1\}"):
        audionas.train(data, epochs=1)


def test_one_function_is_a_list_of_one() -> None:
    with called("train", {}, callbacks=print) as notes:
        assert notes == []


def test_options_become_arguments_and_commands_stay() -> None:
    with pytest.raises(UserError) as told, in_python():
        raise UserError(
            [
                "--for is missing: x",
                "--dev 0.9 --test 0.9: no",
                "--negatives data: none",
                Problem("--for", "no"),
            ],
            hint="Resume with --resume, or --fa-per-hour 1",
        )
    assert str(told.value).split("\n") == [
        *("device= is missing: x", "dev=0.9 test=0.9: no", "negatives=data: none", "--for: no"),
        "Resume with resume=True, or fa_per_hour=1",
    ]
    with pytest.raises(UserError, match="audionas train X --overwrite"), in_python():
        raise UserError("audionas train X --overwrite")


def test_a_rate_and_groups_that_cannot_be_are_said() -> None:
    waves, words = np.zeros((8, 8000)), np.arange(8) % 2
    with pytest.raises(UserError, match="rate is 0, expected a number, at least 1"):
        KeywordClassifier(rate=0).fit(waves, words)
    with pytest.raises(UserError, match="groups holds one speaker"):
        KeywordClassifier().fit(waves, words, groups=["a"] * 8)
