"""Copies of the run that all tests share, for tests that write."""

import shutil
from pathlib import Path

import pytest

from tests._factory import config
from tests._run import Run


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
