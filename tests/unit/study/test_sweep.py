"""A sweep runs each combination in a folder of its own, keeps one table, and outlives a failed run."""

import csv
from pathlib import Path

import pytest

from audionas.core.errors import UserError
from audionas.study.sweep import runs_of
from tests._factory import config, tones
from tests.unit.cli._command import done, refused


def test_every_combination_is_a_run(tmp_path: Path) -> None:
    folder, runs = runs_of(
        config(tmp_path / "data"), ["seed=0,1", "search.epochs=1,2,3", "train.freeze=[a,b]"]
    )
    assert folder == tmp_path / "exp" / "tones"
    assert [(run.conf.general.seed, run.conf.search.epochs) for run in runs] == [
        (seed, epochs) for seed in (0, 1) for epochs in (1, 2, 3)
    ]
    assert len({run.conf.folder for run in runs}) == 6
    assert runs[0].conf.folder == folder / "seed_0-search.epochs_1"
    assert runs[0].conf.train.freeze == ("a", "b")


def test_what_is_no_sweep_is_refused(tmp_path: Path) -> None:
    conf = config(tmp_path / "data")
    with pytest.raises(UserError, match="no override has several values"):
        runs_of(conf, ["seed=1"])
    with pytest.raises(UserError, match="two combinations are called seed_1"):
        runs_of(conf, ["seed=1,1"])
    with pytest.raises(UserError, match="unknown key"):
        runs_of(conf, ["sede=1,2"])
    bare = config(tmp_path / "data", method=None)
    with pytest.raises(
        UserError, match=r"(?s)tones/seed_0: neither arch, nor a space.*tones/seed_1: .*arch="
    ):
        runs_of(bare, ["seed=0,1"])
    refused("sweep", bare, "seed=0,1", says="neither arch, nor a space with a method")
    assert not (tmp_path / "exp").exists()
    assert len(runs_of(bare, ["seed=0,1", "arch=tc_resnet8"])[1]) == 2
    assert len(runs_of(bare, ["train.init=kws12,kws12_b"])[1]) == 2


@pytest.mark.story
def test_a_failed_run_does_not_stop_the_others(tmp_path: Path) -> None:
    conf = config(tones(tmp_path / "data"), method=None, arch="tc_resnet8", train={"epochs": 1})
    words = ("sweep", conf, "seed=0,1", "arch=tc_resnet8,nothing")
    assert "no network called 'nothing'" in refused(*words, says="2 of 4 runs failed").err
    table = tmp_path / "exp" / "tones" / "sweep.csv"
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [(row["seed"], row["arch"], row["status"]) for row in rows] == [
        *(("0", "tc_resnet8", "done"), ("0", "nothing", "failed")),
        *(("1", "tc_resnet8", "done"), ("1", "nothing", "failed")),
    ]
    assert 0 <= float(rows[0]["valid_accuracy"]) <= 1
    again = done("sweep", conf, "seed=0,1", "arch=tc_resnet8", "name=more", "--json").json
    assert [row["status"] for row in again] == ["done", "done"]
    finished = done("sweep", conf, "seed=0,1", "arch=tc_resnet8", "name=more")
    assert "finished earlier" in finished.err
    assert "epoch 1/1" not in finished.err
