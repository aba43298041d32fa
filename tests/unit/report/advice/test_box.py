"""The box holds each advice as text, its commands can be typed, and without advice there is none."""

import shlex
from pathlib import Path

import pytest
import typer

from audionas.cli.app import app
from audionas.config import load
from audionas.core.records.decided import DecidedRecord
from audionas.report.advice.apart import far_apart
from audionas.report.advice.box import Advice, again, box
from audionas.report.advice.hours import few_hours
from audionas.report.advice.identical import identical
from audionas.report.advice.intervals import of_accuracy, of_rank, of_seeds
from audionas.report.advice.overfitting import overfitted
from audionas.report.advice.speakers import few_speakers
from audionas.report.advice.surpassed import surpassed
from audionas.report.advice.thresholds import missed, untuned
from audionas.report.advice.undecided import undecided
from audionas.report.advice.untrained import untrained
from tests._hostile import HOSTILE
from tests.unit.report.test_report import Page

CONF = """
name: duel
space: {name: kws_tc_resnet}
method: {name: darts}
data: {train: a, dev: b}
compare: {methods: [darts]}
rank: {networks: 5}
"""
EXP, TYPED = Path("-exp/a $(b)"), "audionas compare 'my conf.yaml' --resume"
FALL = [{"epoch": n, "accuracy": a, "valid_accuracy": v} for n, a, v in ((0, 0.5, 0.5), (1, 0.9, 0.2))]
TEST = {"accuracy": 0.9, "interval": None, "n": 500, "speakers": 1, "data": "-d"}
ROWS = [{"method": "darts", "seed": seed, "arch": "a", "epochs": 5} for seed in (0, 1)]
FOUND = {
    "fell": overfitted(FALL, EXP),
    "behind": overfitted(FALL, EXP, last=False),
    "speakers": few_speakers(TEST, EXP),
    "apart": far_apart(TEST, 0.2, EXP, clips=500),
    "undecided": undecided(DecidedRecord(margins={"a": 0.0}, entropy=1.0), EXP, 3),
    "identical": identical(ROWS, "duel", TYPED),
    "untuned": untuned(["a", "_b_"], ["m.onnx"], EXP),
    "missed": missed({"files": [{"file": "m", "met": False}]}, EXP),
    "hours": few_hours({"files": [{"target": 0.5, "hours": 1.0}]}, EXP),
    "accuracy": of_accuracy({"interval": None, "speakers": 0}, EXP),
    "seeds": of_seeds({"darts": 1}, TYPED),
    "rank": of_rank(4, ["why"], "audionas rank c.yaml"),
    "surpassed": surpassed({"running": 0.1}, {"by parameters": 0.2}, "r", 3, "audionas rank c.yaml"),
    "untrained": untrained(3, 1, EXP, trained=False),
}


@pytest.mark.parametrize("name", FOUND)
def test_every_command_can_be_typed(name: str) -> None:
    """A shell gives its words whole, and the program knows its options."""
    found = FOUND[name]
    assert found is not None
    program, command, *words = shlex.split(found.do)
    assert program == "audionas"
    group = typer.main.get_command(app)
    group.commands[command].make_context(command, words)  # type: ignore[attr-defined]


def test_every_setting_in_a_command_is_known(tmp_path: Path) -> None:
    """A config takes the settings that the commands add, each with a value of its kind."""
    conf = tmp_path / "conf.yaml"
    conf.write_text(CONF)
    for found in FOUND.values():
        assert found is not None
        added = [word for word in shlex.split(found.do) if "=" in word and not word.startswith("arch=")]
        assert load(conf, added)


def test_all_is_shown_as_text() -> None:
    hostile = [Advice(text, f"audionas show {text}") for text in HOSTILE]
    page = Page(box([None, *hostile]))
    assert page.tags.count("li") == len(HOSTILE)
    assert set(page.tags) == {"section", "h2", "ul", "li", "pre", "code"}


def test_without_advice_there_is_no_box() -> None:
    assert box([None, None]) == ""


def test_only_a_command_line_is_typed_again() -> None:
    assert again("audionas compare c.yaml", "a=$b") == "audionas compare c.yaml 'a=$b'"
    assert again("audionas.compare(...)", "a=b") == ""
