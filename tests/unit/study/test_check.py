"""`audionas check` tells what a comparison, a ranking study or a supernet takes, and adds it up."""

from pathlib import Path

import pytest

from tests._factory import config, tones
from tests.unit.cli._command import done, refused

pytestmark = pytest.mark.laws  # each sets up several supernets


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return config(tones(tmp_path_factory.mktemp("checked") / "data"))


def test_a_comparison_is_timed_method_by_method(conf: Path) -> None:
    words = "compare={methods: [darts, random_nas, moga], seeds: [0, 1], retrain: true}"
    found = done("check", conf, words, "--json").json["compare"]
    darts, random_nas = (found["methods"][name] for name in ("darts", "random_nas"))
    assert "fair_nas" in found["methods"]["moga"]["refused"]
    assert found["runs"] == 4
    assert found["train_seconds"] > 0
    both = 2 * (darts["seconds"] + random_nas["seconds"])
    assert found["seconds"] == pytest.approx(both + found["train_seconds"])
    said = done("check", conf, "methods=darts", "seeds=0").out
    assert "compare: 1 search, about" in said


def test_equal_seconds_are_those_of_darts(conf: Path) -> None:
    found = done("check", conf, "methods=random_nas", "seeds=0", "compare.budget=seconds", "--json").json
    alone = done("check", conf, "methods=random_nas", "seeds=0", "--json").json
    assert found["compare"]["seconds"] > alone["compare"]["seconds"]


def test_a_ranking_study_is_added_up(conf: Path) -> None:
    words = ("method=spos", "rank.networks=4", "rank.trainings=2", "rank.seeds=[0, 1]")
    found = done("check", conf, *words, "--json").json["rank"]
    assert (found["supernets"], found["networks"], found["trainings"]) == (2, 4, 8)
    parts = [found[f"{part}_seconds"] for part in ("supernet", "score", "train")]
    assert min(parts) > 0
    assert found["seconds"] == pytest.approx(sum(parts))
    assert "8 trainings alone" in done("check", conf, *words).out
    assert refused("check", conf, "method=random", "rank.networks=4", says="trains no supernet")


def test_a_supernet_tells_its_size(conf: Path) -> None:
    found = done(
        "check", conf, "method=spos", "searcher={name: nsga2, population: 4, generations: 2}", "--json"
    )
    told = found.json
    assert told["supernet"]["params"] > told["space"]["dearest"]["params"]
    assert told["select"]["networks"] > 0


def test_a_space_without_a_method_tells_its_size(conf: Path) -> None:
    told = done("check", conf, "method=null", "--json").json
    assert told["space"]["size"] > 1
    assert "search" not in told
