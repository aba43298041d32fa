"""Where values come from, and what differs: as the config is merged, not as the files look."""

from pathlib import Path

import pytest
import yaml

from audionas.config import dump, load
from audionas.core.errors import UserError
from audionas.settings.values import differences, flat, sourced
from tests.unit.cli._command import done, refused

BASE = """
seed: 1
train: {epochs: 3, dropout: 0.1}
space: kws_tc_resnet
method: {name: noisy_darts, std: 0.3}
"""
TOP = "base: base.yaml\ntrain: {epochs: 4}\nmethod: {name: darts, alpha_lr: 0.01}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "top.yaml").write_text(TOP)
    return tmp_path / "top.yaml"


def origins(file: Path, *overrides: str) -> dict[str, str]:
    return {value.key: value.origin for value in sourced(file, overrides)}


def test_each_value_has_its_origin(file: Path) -> None:
    found = origins(file, "train.optim.lr=0.3", "space.width=0.5")
    assert found["train.epochs"] == str(file)
    assert found["train.dropout"] == found["seed"] == str(file.with_name("base.yaml"))
    assert found["train.optim.lr"] == "train.optim.lr=0.3"
    assert found["space.name"] == str(file.with_name("base.yaml"))
    assert found["space.width"] == "space.width=0.5"
    assert found["train.optim.momentum"] == found["threads"] == "default"
    assert found["method.alpha_lr"] == str(file)
    assert found["name"] == "name of the file"


def test_every_value_of_the_config_is_told(file: Path) -> None:
    assert {v.key: v.value for v in sourced(file)} == dict(flat(load(file).resolved()))


def test_a_profile_is_an_origin(file: Path) -> None:
    found = origins(file, "profile=esphome")
    assert found["space.causal"] == found["features.name"] == "profile esphome"
    assert found["profile"] == "profile=esphome"


def test_differences_are_of_values_with_their_defaults(file: Path, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(TOP.replace("epochs: 4", "epochs: 4, every: 1") + "seed: 2\n")
    found = {row["key"]: (row["a"], row["b"]) for row in differences(file, tmp_path / "other.yaml")}
    assert found == {"name": ("top", "other"), "seed": (1, 2)}
    assert differences(file, file) == []


def test_a_run_folder_is_read(trained: object, tmp_path: Path) -> None:
    assert [row["key"] for row in differences(trained.exp, trained.conf)] == []
    assert differences(trained.exp / "search", trained.exp) == []
    with pytest.raises(UserError, match="holds no config of a run"):
        differences(tmp_path, trained.exp)


def test_a_run_folder_is_shown_as_its_config(file: Path, tmp_path: Path) -> None:
    conf = load(file, ["train.epochs=9"])
    run = tmp_path / "exp" / "top"
    (run / "train").mkdir(parents=True)
    (run / "train" / "config.yaml").write_text(dump(conf.resolved()))
    assert yaml.safe_load(done("config", "show", run).out) == yaml.safe_load(dump(conf.resolved()))
    assert done("config", "show", run, "seed=5", "--json").json["seed"] == 5
    shown = {row["key"]: row for row in done("config", "show", run, "--sources", "--json").json}
    assert shown["train.epochs"] == {
        "key": "train.epochs",
        "value": 9,
        "origin": str(run / "train" / "config.yaml"),
    }
    refused("config", "show", tmp_path, says="holds no config of a run")
