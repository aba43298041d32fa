"""What the tests of this folder share: data and two models, made once in a process."""

import pytest

from tests.unit.run.training._transfer_runs import Made, prepared


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """To be read only."""
    return prepared(tmp_path_factory.mktemp("transfer"))
