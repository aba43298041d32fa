"""What every test may use: one trained run, and the folder of real recordings, where there is one."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

pytest_plugins = ["tests._cpu"]
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A run, searched, trained and evaluated once in a process; to be read only, as is checked at the end."""
    from tests._run import changed, contents, finished  # they import what not every test needs

    run = finished(tmp_path_factory.mktemp("trained"))
    before = contents(run.exp)
    yield run
    assert changed(run, before) == [], "a test has changed the run that all tests share"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the data archives; the test is skipped where there is none."""
    named = os.environ.get("AUDIONAS_SHARED_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real recordings: {folder} is not a folder (AUDIONAS_SHARED_DATA can name one)")
    return folder
