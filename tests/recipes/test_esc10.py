"""The recipe of ESC-10: its settings, hand-made networks from clips to scores, the maker of its table."""

from dataclasses import asdict
from pathlib import Path

import pytest

from audionas.config import load
from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.files import read_json
from audionas.cost.graph import measure
from audionas.data import kaldi
from audionas.run.train import within_limits
from audionas.spaces import space_of
from audionas.zoo.find import find
from tests._factory import tones
from tests.recipes.test_vision import copied, finished, ran

RECIPE = Path(__file__).parents[2] / "recipes" / "esc10"
LABELS = ("dog", "rain", "rooster")


def made(name: str) -> ArchSpec:
    return find(str(RECIPE / "conf" / f"{name}.json"))


@pytest.mark.story
@pytest.mark.parametrize(("name", "macs"), [("alternating", 10_675_520), ("square", 12_415_040)])
def test_a_hand_made_network_is_of_the_searched_size_and_keeps_the_limits(name: str, macs: int) -> None:
    spec = made(name)
    assert {
        o.removeprefix("mbf").removeprefix("mbs").removeprefix("mb") for (o,) in spec.choices.values()
    } == {"_k3_e6"}
    conf = load(RECIPE / "conf" / "baseline.yaml")
    searched = load(RECIPE / "conf" / "nasc.yaml").space
    assert searched is not None
    assert {**spec.params, "kernels": "alternating"} == asdict(searched)
    assert measure(space_of(spec).build(spec), spec.io).macs == macs
    within_limits(conf, spec, name)
    tight = load(RECIPE / "conf" / "baseline.yaml", ["limits.macs=1e7"])
    with pytest.raises(UserError, match=f"{name}: {macs:,} multiply-adds, .* over limits.macs 10,000,000"):
        within_limits(tight, spec, name)


def test_every_network_has_the_same_data_features_and_training() -> None:
    found = {name: load(RECIPE / "conf" / f"{name}.yaml").resolved() for name in ("baseline", "nasc")}
    for section in ("data", "augment", "spec_augment", "features", "train", "limits"):
        assert found["baseline"][section] == found["nasc"][section]
    assert found["nasc"]["data"]["seconds"] == 5.0
    assert found["baseline"]["arch"] == "conf/alternating.json"


def test_nasc_searches_a_fair_supernet_for_f1_and_multiply_adds() -> None:
    conf = load(RECIPE / "conf" / "nasc.yaml")
    found = conf.resolved()
    assert found["method"]["name"] == "fair_nas"
    assert found["searcher"]["name"] == "nsga2"
    assert found["searcher"]["objectives"] == {"macro_f1": "max", "macs": "min"}
    assert conf.method is not None
    assert conf.space is not None
    assert not conf.method.why_not(conf.space)


def test_what_it_needs_is_said(tmp_path: Path) -> None:
    recipe = copied("esc10", tmp_path)
    for words, says in (((), "--src is missing"), (("--fold", "6"), "--fold 6: expected 1 to 5")):
        result = ran(recipe, *words)
        assert result.returncode == 1
        assert says in result.stdout


@pytest.mark.story
def test_from_folds_to_scores(tmp_path: Path) -> None:
    recipe = copied("esc10", tmp_path)
    tones(recipe / "data" / "fold2", classes=LABELS, per_class=4)
    tiny = ("threads=1", "data.seconds=1.0", "train.epochs=1", "train.batch_size=4")
    words = ("--fold", "2", "--networks", "square", *tiny)
    said = finished(recipe, "--stage", "1", "--stop-stage", "4", *words)
    exp = recipe / "exp" / "square_fold2_0"
    assert read_json(exp / "arch.json")["params"]["kernels"] == "square"
    assert read_json(exp / "eval.json")["n"] == len(kaldi.read(recipe / "data" / "fold2" / "test"))
    assert read_json(exp / "cost.json")["params"] > 100_000
    assert "macro F1" in said
    said = finished(recipe, "--stage", "5", *words)
    assert "| square | 2 | 0 |" in said
    assert "| network | seed | fold | macro_f1 % | accuracy % | parameters | M multiply-adds |" in said
    assert "finished earlier" in finished(recipe, "--stage", "3", "--stop-stage", "3", *words)
