"""Time decides nothing: a clock that runs backwards, and files whose times are shuffled, change no result."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from audionas.core.rng import numpy_rng
from tests.torture._commands import COMMANDS
from tests.torture._forks import Forks
from tests.torture._left import Whole, require_same


@pytest.mark.nightly
@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "front"])
def test_a_clock_that_is_set_back(
    forks: Forks, prepared: Callable[..., Path], whole: Callable[..., Whole], name: str
) -> None:
    command, expected = COMMANDS[name], whole(name)
    folder = prepared(command)
    done = forks.run(*command.first, cwd=folder, hooks={"backwards": {"seconds": 3600.0}})
    require_same(done, folder, expected, "backwards")


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["search", "train", "compare", "prep", "store"])
def test_files_whose_times_are_shuffled(
    forks: Forks, prepared: Callable[..., Path], whole: Callable[..., Whole], name: str
) -> None:
    command, expected = COMMANDS[name], whole(name)
    folder, rng = prepared(command), numpy_rng("torture", "times", name)
    hooks = {"kill": {"watch": command.watch, "at": expected.events // 2}}
    assert forks.run(*command.first, cwd=folder, hooks=hooks).status == -9
    for file in sorted(folder.rglob("*")):
        os.utime(file, (when := int(rng.integers(1, 2**32)), when))
    require_same(forks.run(*command.again, cwd=folder), folder, expected, "times shuffled")
