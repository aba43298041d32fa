"""A config to begin with loads, keeps within its profile, and explains each of its keys."""

from pathlib import Path

import pytest

from audionas.config import load
from audionas.core.errors import UserError
from audionas.cost.profile import PROFILES
from audionas.settings.starter import TASKS, starter
from tests._tiers import laws

PAIRS = [
    (task, profile)
    for profile in ("", *PROFILES)
    for task in TASKS
    if (task, profile) != ("images", "esphome")
]


@pytest.mark.parametrize(("task", "profile"), laws(PAIRS))
def test_a_starter_loads(task: str, profile: str, tmp_path: Path) -> None:
    (tmp_path / "new.yaml").write_text(starter(task, profile))
    conf = load(tmp_path / "new.yaml")
    assert conf.general.profile == (profile or conf.general.profile)
    assert conf.space is not None
    assert conf.method is not None


def test_every_key_stands_under_a_line_about_it() -> None:
    lines = starter("keywords").splitlines()
    keys = [number for number, text in enumerate(lines) if text.strip() and not text.lstrip().startswith("#")]
    assert all(len(text) <= 110 for text in lines)
    alone = [lines[n] for n in keys if not lines[n - 1].lstrip().startswith("#") and lines[n].startswith(" ")]
    assert alone == []


def test_the_values_are_those_of_the_recipe() -> None:
    root = Path(__file__).parents[3] / "recipes"
    (begun,) = [load(root / TASKS["keywords"].recipe)]
    text = starter("keywords")
    assert f"alpha_lr: {begun.method.alpha_lr}" in text
    assert f"epochs: {begun.train.epochs}" in text


def test_what_does_not_exist_is_refused() -> None:
    with pytest.raises(UserError, match="Did you mean 'keywords'") as told:
        starter("keyword", "esphom")
    assert "Did you mean 'esphome'" in str(told.value)


@pytest.mark.laws
def test_a_task_that_a_profile_excludes_is_refused() -> None:
    with pytest.raises(UserError, match="does not fit profile esphome"):
        starter("images", "esphome")
