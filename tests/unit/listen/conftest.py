"""What several tests of this folder share: a run that listens, made once a process."""

from pathlib import Path

import pytest

from tests._page import exported


@pytest.fixture(scope="session")
def made_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with a tuned model.stream.onnx of the made wake word; to be read only."""
    return exported(tmp_path_factory.mktemp("listening") / "made")
