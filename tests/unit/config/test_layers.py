"""What a config takes besides files: a name alone, one value for a list, layers over a file."""

from pathlib import Path
from typing import Any

import pytest

from audionas.config import Config, Layer, built, load
from audionas.core.errors import UserError
from audionas.settings.keys import keys


def loaded(tmp_path: Path, text: str, *overrides: str) -> Config:
    (tmp_path / "conf.yaml").write_text(text)
    return load(tmp_path / "conf.yaml", overrides)


@pytest.mark.parametrize(
    ("override", "section", "key", "wanted"),
    [
        ("rank.seeds=3", "rank", "seeds", (3,)),
        ("rank.top=1", "rank", "top", (1,)),
        ("rank.top=null", "rank", "top", None),
        ("rank.sweep=8", "rank", "sweep", (8,)),
        ("compare.seeds=3", "compare", "seeds", (3,)),
        ("compare.methods=darts", "compare", "methods", ("darts",)),
        ("compare.methods={name: darts, as: d}", "compare", "methods", ({"name": "darts", "as": "d"},)),
        ("train.freeze=stem", "train", "freeze", ("stem",)),
        ("train.freeze=[stem, head]", "train", "freeze", ("stem", "head")),
    ],
)
def test_one_value_is_a_list_of_one(
    tmp_path: Path, override: str, section: str, key: str, wanted: Any
) -> None:
    assert getattr(getattr(loaded(tmp_path, "", override), section), key) == wanted


def test_it_holds_for_every_list_of_numbers(tmp_path: Path) -> None:
    """Inside sections, too: milestones of an optimiser, depths of P-DARTS."""
    lists = [key.key for key in keys() if key.type in ("list of number", "list of integer") and not key.of]
    assert len(lists) >= 5
    for key in lists:
        more = {"rank.top": ["rank.networks=30"]}.get(key, [])
        conf = loaded(tmp_path, "", *more, f"{key}=20")
        found: Any = conf
        for part in key.split("."):
            found = getattr(found, part)
        assert found == (20,)


def test_a_wrong_value_in_a_list_of_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"rank\.seeds\.0: .*got 'x'"):
        loaded(tmp_path, "", "rank.seeds=x")


def test_a_name_alone_is_a_section(tmp_path: Path) -> None:
    found = loaded(tmp_path, "method: gdas\nspace: kws_tc_resnet\nfeatures: mfcc/ds_cnn\n", "method=darts")
    assert found.resolved()["method"]["name"] == "darts"
    assert (found.features.name, found.features.preset) == ("mfcc", "ds_cnn")
    assert loaded(tmp_path, "method: {name: darts, alpha_lr: 0.5}", "method=darts").method.alpha_lr == 0.5
    assert loaded(tmp_path, "method: {name: gdas, alpha_lr: 0.5}", "method=darts").method.alpha_lr != 0.5
    with pytest.raises(UserError, match=r"method\.name: no method called 'dartz'"):
        loaded(tmp_path, "method: dartz")


def test_layers_lie_over_the_file_and_under_the_overrides(tmp_path: Path) -> None:
    (tmp_path / "conf.yaml").write_text("seed: 1\ntrain: {epochs: 3, every: 2}\n")
    over = [Layer("one", {"seed": 2, "train": {"epochs": 4}}), Layer("two", {"train": {"epochs": 5}})]
    found = load(tmp_path / "conf.yaml", ["seed=3"], over=over)
    assert (found.general.seed, found.train.epochs, found.train.every) == (3, 5, 2)
    assert load(None, over=[Layer("one", {"name": "x", "seed": 2})]).general.seed == 2
    with pytest.raises(UserError, match="name"):
        load(None, over=[Layer("one", {"seed": 2})])


def test_no_default_stands_against_another_key() -> None:
    method = built({"name": "x", "method": {"name": "dr_nas", "k": 1}}).method
    assert method is not None
    searcher = {"name": "reinforced", "learned": 0.9}
    assert built({"name": "x", "searcher": searcher}).searcher is not None
    with pytest.raises(UserError, match="learned \\+ prior"):
        built({"name": "x", "searcher": {**searcher, "prior": 0.5}})
