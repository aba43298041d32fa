"""Keyword arguments are a config's keys: they merge as files do, and are checked as files are."""

from pathlib import Path

import numpy as np
import pytest

import audionas
from audionas.api.settings import config_of, plain
from tests._factory import config


def of(source: object = None, conf: Path | None = None, **keys: object) -> object:
    return config_of("search", source, conf, keys)  # type: ignore[arg-type]


def test_a_section_is_a_dict_and_a_name_alone_is_its_name() -> None:
    found = of(method={"name": "darts", "alpha_lr": 1e-2}, space="kws_tc_resnet", features="mfcc", seed=3)
    assert (found.method.alpha_lr, found.space.name, found.features.name) == (1e-2, "kws_tc_resnet", "mfcc")
    assert (found.general.seed, found.general.name) == (3, "search")


def test_keys_lie_over_the_file(tmp_path: Path) -> None:
    file = config(tmp_path / "data", search={"epochs": 3, "batch_size": 4})
    found = of(conf=file, search={"epochs": 5})
    assert (found.search.epochs, found.search.batch_size, found.general.name) == (5, 4, "tones")


def test_another_name_replaces_the_section(tmp_path: Path) -> None:
    file = config(tmp_path / "data", method={"name": "darts", "alpha_lr": 0.5})
    assert of(conf=file, method="gdas").method.alpha_lr != 0.5
    assert of(conf=file, method="darts").method.alpha_lr == 0.5


def test_values_of_numpy_and_paths_are_taken() -> None:
    given = {"a": np.float64(1.5), "b": (Path("x"), np.arange(2)), "c": {"d": np.int64(3)}, "e": range(2)}
    assert plain(given) == {"a": 1.5, "b": ["x", [0, 1]], "c": {"d": 3}, "e": [0, 1]}
    assert type(plain(np.int64(3))) is int


def test_every_wrong_key_is_told_at_once() -> None:
    with pytest.raises(audionas.UserError) as told:
        of(method={"name": "darts", "alpha_rl": 1}, serach={"epochs": 3})
    assert "method.alpha_rl: unknown key. Did you mean 'alpha_lr'?" in str(told.value)
    assert "serach: unknown key. Did you mean 'search'?" in str(told.value)


def test_a_run_gives_its_config(trained: object) -> None:
    run = audionas.Run(trained.exp)
    found = of(run, train={"epochs": 1})
    assert found.folder == trained.exp
    assert found.train.epochs == 1
    assert found.train.optim.lr == 0.1
