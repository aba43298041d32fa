"""A plan of a training without its data: what is counted, and how timed steps become hours."""

from pathlib import Path

import pytest

from audionas.config import load
from audionas.study.plan import BATCH, Planned, plan, published, scaled
from tests._factory import config
from tests._tiers import story

LABELS = ("low", "high")


def test_times_grow_with_clips_epochs_and_networks() -> None:
    """A step has `BATCH` clips; a search passes over its share, a searcher scores the other."""
    conf = load(
        Path("recipes/esc10/conf/nasc.yaml"), ["search.split=0.5", "train.epochs=3", "search.epochs=2"]
    )
    found = {name: {"seconds_a_step": seconds} for name, seconds in (("search", 2.0), ("train", 0.5))}
    found["select"] = {"seconds": 10.0}  # of all networks, on half of the four clips of each class
    assert scaled(conf, found, 100 * BATCH, 40, 2) == {"search": 200.0, "select": 100.0, "train": 150.0}
    assert scaled(conf, {"train": found["train"]}, 50 * BATCH, 0, 2) == {"train": 75.0}


def test_a_plan_in_words() -> None:
    row = Planned("a", (1_000, 2_500), (10**6,), (3, 5), {"search": 60.0, "train": 3600.0}).row
    assert row == (
        "a",
        "1,000 to 2,500",
        "1.00",
        "3 + 5",
        "search 1 min 00 s, train 1 h 00 min",
        "1 h 01 min",
    )


@pytest.mark.parametrize("searched", story([False, True]))
def test_made_clips_stand_for_the_data(searched: bool, tmp_path: Path) -> None:
    """No data directory exists, the limits exclude the dearest network, and nothing is left behind."""
    changes = {"searcher": {"name": "random", "networks": 2}} if searched else {"arch": "tc_resnet8"}
    given = {} if searched else {"space": None, "method": None}
    method = {"method": {"name": "fair_nas", "draws": 1}} if searched else {}
    file = config(tmp_path / "none", limits={"macs": 900_000}, **changes, **given, **method)
    before = sorted(tmp_path.rglob("*"))
    found = plan("x", file, ["data.seconds=0.5"], LABELS, clips=1000, scored=30)
    assert sorted(tmp_path.rglob("*")) == before
    assert list(found.seconds) == (["search", "select", "train"] if searched else ["train"])
    assert all(seconds > 0 for seconds in found.seconds.values())
    assert found.epochs == ((2, 2) if searched else (2,))
    assert list(found.params) == sorted(found.params)
    assert len(found.params) == len(found.macs) == 1 + searched


def test_published_figures_come_with_their_source() -> None:
    lines = published("dcase2018_baseline")
    assert lines[0].endswith(": 84.5 %")
    assert lines[-1].startswith("source: README of task5")
    assert [line.rpartition(": ")[2] for line in published("dcase2024_baseline")][:-1] == [
        *("56.99 %", "53.19 %", "50.29 %", "45.29 %", "42.4 %")
    ]
    assert published("dcase2024_baseline")[-1].startswith("source: README of CPJKU")
