"""A command that is killed at any change of the file system, and run again, ends as if it had not been."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.torture._commands import COMMANDS, Command
from tests.torture._forks import Forks
from tests.torture._left import Whole, require_same
from tests.torture._seeds import sizes, survived

KILLS = 3  # at most, of one run
LONGEST = 0.3  # seconds between an event and a kill


CASES = [
    pytest.param(name, tries, id=f"{name}-{size}", marks=mark)
    for name, command in COMMANDS.items()
    for size, tries, mark in sizes(command.sample, command.whole)
]


@pytest.mark.parametrize(("name", "tries"), CASES)
def test_it_goes_on_to_the_same_end(
    forks: Forks, prepared: Callable[..., Path], whole: Callable[..., Whole], name: str, tries: int
) -> None:
    command, expected = COMMANDS[name], whole(name)

    def attempt(rng: np.random.Generator) -> None:
        folder = prepared(command)
        killed = _killed(forks, folder, command, expected.events, rng)
        done = forks.run(*command.again, cwd=folder)
        require_same(done, folder, expected, f"killed at {killed}")

    survived(f"kill {name}", tries, attempt)


def _killed(
    forks: Forks, folder: Path, command: Command, events: int, rng: np.random.Generator
) -> list[tuple[int, float]]:
    """Kill it a few times at events drawn by chance; half of them a little later. Returns these moments."""
    moments = []
    for number in range(rng.integers(1, KILLS, endpoint=True)):
        at = int(rng.integers(1, events, endpoint=True))
        delay = float(rng.choice([0.0, LONGEST * rng.random()]))
        words = command.again if number else command.first
        hooks = {"kill": {"watch": command.watch, "at": at, "delay": delay}}
        ended = forks.run(*words, cwd=folder, hooks=hooks)
        moments.append((at, round(delay, 3)))
        assert ended.status in (0, 1, -9), f"killed at {moments}: {ended.told}"  # 1: a worker was killed
        assert ended.left == [], f"killed at {moments}: {ended.left} stay"
        assert ended.status != 1 or "worker" in ended.err, ended.told
    return moments
