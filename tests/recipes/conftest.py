"""What the recipes' tests share: `audionas` as a command that does not import torch each time."""

from collections.abc import Iterator

import pytest

from tests._served import served


@pytest.fixture(scope="session")
def commands() -> Iterator[dict[str, str]]:
    """The environment of scripts that call `audionas`."""
    with served() as env:
        yield env
