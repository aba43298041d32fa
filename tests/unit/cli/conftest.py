"""One small run, searched, trained and evaluated once; tests that write get a copy of it."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from tests._factory import config, tones
from tests.unit.cli._command import done


class Run(NamedTuple):
    """A config, its data, and its run folder."""

    conf: Path
    data: Path
    exp: Path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Searched, trained and evaluated; to be read only."""
    folder = tmp_path_factory.mktemp("trained")
    data = tones(folder / "data")
    conf = config(data, train={"epochs": 12, "optim": {"lr": 0.1}})
    done("search", conf)
    done("train", conf)
    done("eval", folder / "exp" / "tones", "--data", data / "test")
    return Run(conf, data, folder / "exp" / "tones")


@pytest.fixture
def own(trained: Run, tmp_path: Path) -> Run:
    """A copy of the trained run, to be changed; its data are the shared ones."""
    exp = tmp_path / "exp" / "tones"
    shutil.copytree(trained.exp, exp)
    conf = tmp_path / "conf.yaml"
    conf.write_text(trained.conf.read_text().replace(f"out: {trained.exp.parent}", f"out: {exp.parent}"))
    return Run(conf, trained.data, exp)


@pytest.fixture
def own_data(trained: Run, tmp_path: Path) -> Run:
    """Data of its own, to be damaged, a config on them, and no run yet."""
    data = tmp_path / "data"
    shutil.copytree(trained.data, data, ignore=shutil.ignore_patterns("cache"))
    return Run(config(data), data, tmp_path / "exp" / "tones")
