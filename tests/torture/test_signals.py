"""A command that is told to stop stops: no traceback, no process left, and run again it goes on."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.torture._commands import COMMANDS
from tests.torture._forks import Forks
from tests.torture._left import Whole, require_same

ENDS = {"SIGINT": (130,), "SIGTERM": (-15, 143), "SIGHUP": (-1, 129)}  # by the signal, or as a shell tells it
TWICE = [
    (name, (signal,) * count) for name in ("train", "search", "prep") for signal in ENDS for count in (1, 2)
]
TWICE += [(name, (signal,)) for name in ("front", "compare", "store", "export") for signal in ENDS]


@pytest.mark.nightly
@pytest.mark.parametrize(("name", "signals"), TWICE, ids=lambda value: str(value).replace("'", ""))
def test_a_signal(
    forks: Forks,
    prepared: Callable[..., Path],
    whole: Callable[..., Whole],
    name: str,
    signals: tuple[str, ...],
) -> None:
    stopped(forks, prepared, whole, name, signals)


@pytest.mark.story
@pytest.mark.parametrize("signal", ENDS)
def test_a_signal_to_a_training(
    forks: Forks, prepared: Callable[..., Path], whole: Callable[..., Whole], signal: str
) -> None:
    stopped(forks, prepared, whole, "train", (signal,))


def stopped(
    forks: Forks,
    prepared: Callable[..., Path],
    whole: Callable[..., Whole],
    name: str,
    signals: tuple[str, ...],
) -> None:
    command, expected = COMMANDS[name], whole(name)
    folder = prepared(command)
    hooks = {"kill": {"watch": command.watch, "at": expected.events // 2, "signals": signals}}
    done = forks.run(*command.first, cwd=folder, hooks=hooks)
    assert done.status in ENDS[signals[0]], done.told
    assert "Traceback" not in done.err
    assert done.left == []
    if signals[0] == "SIGINT":
        assert "run the same command to resume" in done.err
    require_same(forks.run(*command.again, cwd=folder), folder, expected, f"after {signals}")


@pytest.mark.story
@pytest.mark.parametrize("words", [("list", "zoo"), ("list", "methods", "--json")])
def test_a_reader_that_has_gone(words: tuple[str, ...]) -> None:
    """As in `audionas list zoo | head -1`."""
    command = [sys.executable, "-u", "-m", "audionas", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # before anything is written
        told = process.stderr.read().decode()
    assert told == ""
