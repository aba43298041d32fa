"""A method that ends its search: what the console, files and the report say, what a resumed one does."""

import json

import pytest

from audionas.config import load
from audionas.core.reporter import read_rows
from audionas.report.run import write as write_report
from audionas.run.search import Searching, search
from tests._factory import config, tones
from tests.unit.cli._command import done

HALTING = '''
"""Stops after its second epoch and goes back to the network of the first; logs from two hooks."""

from dataclasses import dataclass

from audionas.methods.darts import Darts


@dataclass(kw_only=True)
class Halting(Darts):
    def setup(self, run):
        super().setup(run)
        self.first = None

    def on_epoch(self, epoch):
        super().on_epoch(epoch)
        self.run.log("began", epoch)

    def after_epoch(self):
        self.run.log("ended", self.run.epoch + 0.5)
        if self.run.epoch == 0:
            self.first = {c.name: [c.options[-1]] for c in self.run.space.choices()}

    def stop(self):
        return "it has seen <enough>" if self.run.epoch >= 1 else ""

    def derive(self):
        return self.spec_of(self.first) if self.first and self.run.epoch else super().derive()

    def state(self):
        state = super().state()
        state.plain["first"] = self.first
        return state

    def restore(self, state):
        super().restore(state)
        self.first = state.plain["first"]
'''

SETTINGS = {"method": {"name": "halting:Halting"}, "search": {"epochs": 4, "split": 0.5}}


@pytest.fixture
def conf(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "halting.py").write_text(HALTING, encoding="utf-8")
    data = tones(tmp_path / "data", per_class=4, speakers=4)
    return config(data, **SETTINGS)


@pytest.mark.story
def test_a_method_ends_its_search_and_everything_says_so(conf, tmp_path):
    said = done("search", conf)
    why = "stopped after epoch 2 of 4: it has seen <enough>"
    assert why in said.out + said.err
    exp = tmp_path / "exp" / "tones"
    rows = read_rows(exp / "search" / "metrics.jsonl")
    assert [(row["began"], row["ended"]) for row in rows] == [(0.0, 0.5), (1.0, 1.5)]
    arch = json.loads((exp / "arch.json").read_text())
    assert arch["note"]["stopped"] == why.removeprefix("stopped ")
    last = {choice.name: choice.options[-1] for choice in load(conf).space.choices()}
    assert arch["choices"] == last
    assert "it has seen &lt;enough&gt;" in write_report(exp).read_text(encoding="utf-8")
    assert json.loads((exp / "search" / "done.json").read_text())["arch"] == arch["id"]


@pytest.mark.story
def test_a_search_killed_before_it_was_derived_stops_at_the_same_epoch(conf, tmp_path, monkeypatch):
    search(load(conf))
    expected = (tmp_path / "exp" / "tones" / "arch.json").read_text()
    whole = read_rows(tmp_path / "exp" / "tones" / "search" / "metrics.jsonl")

    class Crash(BaseException):
        pass

    def crash(self):
        if self.run.epoch == 1:
            raise Crash
        return False

    again = config(tmp_path / "data", file=conf, out="again", **SETTINGS)
    with monkeypatch.context() as patch:
        patch.setattr(Searching, "stop", crash)
        with pytest.raises(Crash):
            search(load(again))
    search(load(again), resume=True)
    rows = read_rows(tmp_path / "again" / "tones" / "search" / "metrics.jsonl")
    assert [r["loss"] for r in rows] == [r["loss"] for r in whole]
    assert (tmp_path / "again" / "tones" / "arch.json").read_text() == expected


@pytest.mark.story
def test_a_search_that_ends_early_is_the_same_as_one_interrupted_before(conf, tmp_path):
    plain = {"method": {"name": "darts"}, "search": {"epochs": 3, "split": 0.5}}
    once = config(tmp_path / "data", file=conf, out="once", **plain)
    said = done("search", once, "--until", 1)
    assert "the search ended after epoch 1 of 3, as asked" in said.out + said.err
    found = (tmp_path / "once" / "tones" / "arch.json").read_text()
    rows = read_rows(tmp_path / "once" / "tones" / "search" / "metrics.jsonl")
    assert len(rows) == 1
    whole = config(tmp_path / "data", file=conf, out="whole", **plain)
    search(load(whole))
    assert read_rows(tmp_path / "whole" / "tones" / "search" / "metrics.jsonl")[0]["loss"] == rows[0]["loss"]
    told = []
    log = tmp_path / "whole" / "tones" / "search" / "alphas.jsonl"
    assert [row["epoch"] for row in read_rows(log)] == [0, 1, 2]
    again = config(tmp_path / "data", file=conf, out="again", **plain)
    search(load(again), until=lambda epochs: told.append(epochs) or epochs >= 1)
    assert told == [1]
    assert (tmp_path / "again" / "tones" / "arch.json").read_text() == found


@pytest.mark.story
def test_probabilities_are_appended_and_those_of_epochs_run_again_are_not_twice(conf, tmp_path):
    plain = {"method": {"name": "darts"}, "search": {"epochs": 3, "split": 0.5}}
    log, places = tmp_path / "exp" / "tones" / "search" / "alphas.jsonl", []
    search(load(config(tmp_path / "data", file=conf, **plain)), until=lambda epochs: epochs >= 1)
    (tmp_path / "exp" / "tones" / "search" / "done.json").unlink()
    with log.open("a") as opened:
        opened.write('{"epoch": 1, "probabilities": {}}\n{"epoch": 2, "pro')  # killed in the third epoch
    search(load(conf), resume=True, until=lambda epochs: places.append(log.stat().st_ino))
    assert [row["epoch"] for row in read_rows(log)] == [0, 1, 2]
    assert all(row["probabilities"] for row in read_rows(log))
    assert len(set(places[1:])) == 1  # the file was not written anew
