"""Laws of settings that earlier versions stored: they mean what they meant."""

from pathlib import Path

import pytest
import yaml

from audionas.config import load
from audionas.core.errors import UserError
from audionas.core.records.renewed import renewed
from audionas.methods import whole
from audionas.run.folder import require_equal
from tests._factory import config


@pytest.mark.parametrize(
    ("rests", "epochs"), [(0, 30), (1, 3), (4, 12), (15, 50), (35, 50), (40, 160), (29, 100)]
)
def test_a_warm_up_in_epochs_is_the_same_one_as_a_share(rests: int, epochs: int) -> None:
    stored = {"seed": 1, "method": {"name": "m", "warmup_epochs": rests}, "search": {"epochs": epochs}}
    method = renewed(stored)["method"]
    assert set(method) == {"name", "warmup"}
    assert whole(method["warmup"], epochs) == rests


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"method": None, "search": {"epochs": 3}},
        {"method": {"warmup_epochs": 1}},
        {"method": {"warmup_epochs": 1}, "search": {"epochs": 0}},
        {"method": {"warmup_epochs": "1"}, "search": {"epochs": 3}},
        {"method": {"warmup_epochs": 3}, "search": {"epochs": 3}},
        {"method": {"warmup": 0.5}, "search": {"epochs": 3}},
    ],
)
def test_what_makes_no_sense_stays_as_it_is(stored: dict) -> None:
    assert renewed(stored) == stored


def test_a_config_beside_a_run_is_read_and_one_of_a_user_is_refused(tmp_path: Path) -> None:
    file = config(tmp_path / "data", file=tmp_path / "config.yaml", search={"epochs": 8})
    plain = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**plain, "method": {"name": "pc_darts", "warmup_epochs": 2}}))
    method = load(file, trusted=False).method
    assert getattr(method, "warmup", None) == 0.25
    with pytest.raises(UserError, match="warmup_epochs: an earlier version's key"):
        load(file)


def test_a_finished_run_is_recognised_by_the_settings_of_today(tmp_path: Path) -> None:
    before = {"method": {"name": "pc_darts", "warmup_epochs": 15}, "search": {"epochs": 50}}
    now = {"method": {"name": "pc_darts", "warmup": 0.3}, "search": {"epochs": 50}}
    require_equal(tmp_path, before, now)
    with pytest.raises(UserError, match=r"method.warmup: 0.3 there, 0.2 now"):
        require_equal(tmp_path, before, {**now, "method": {"name": "pc_darts", "warmup": 0.2}})


def test_a_setting_that_did_not_exist_then_had_its_default(tmp_path: Path) -> None:
    before = {"train": {"epochs": 3}, "augment": {"shift_ms": 50.0}}
    now = {"train": {"epochs": 3, **PLAIN_TRAIN}, "augment": {"shift_ms": 50.0, "gain_probability": 1.0}}
    require_equal(tmp_path, before, now)
    for section, key, value in (("train", "select", "average_viable_recall"), ("augment", "pitch", 3.0)):
        with pytest.raises(UserError, match=rf"{section}\.{key}: .* there, {value} now"):
            require_equal(tmp_path, before, {**now, section: {**now[section], key: value}})
    with pytest.raises(UserError, match=r"train\.epochs: not set there"):
        require_equal(tmp_path, {"augment": before["augment"]}, now)


def test_so_had_one_of_a_space_or_a_method_by_its_name(tmp_path: Path) -> None:
    before = {"space": {"name": "mixednet", "stem": 32}, "method": {"name": "spos"}}
    now = {
        "space": {"name": "mixednet", "stem": 32, "repeat": 1, "even": False},
        "method": {"name": "spos", "sandwich": 0, "in_place": False},
    }
    require_equal(tmp_path, before, now)
    for section, key, value in (("space", "repeat", 2), ("method", "sandwich", 1)):
        with pytest.raises(UserError, match=rf"{section}\.{key}: .* there, {value} now"):
            require_equal(tmp_path, before, {**now, section: {**now[section], key: value}})
    with pytest.raises(UserError, match=r"space\.stem: 32 there, 48 now"):
        require_equal(tmp_path, before, {**now, "space": {**now["space"], "stem": 48}})


PLAIN_TRAIN = {"select": "", "past": 0.0, "freeze": []}
