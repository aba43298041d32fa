"""What every test may use: the folder of real recordings, where there is one."""

import os
from pathlib import Path

import pytest
import torch

pytest_plugins = ["tests._cpu"]
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the data archives; the test is skipped where there is none."""
    named = os.environ.get("AUDIONAS_SHARED_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real recordings: {folder} is not a folder (AUDIONAS_SHARED_DATA can name one)")
    return folder
