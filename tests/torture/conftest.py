"""The server of forks, the recordings, and uninterrupted runs of commands, for all of the torture."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests._factory import tones
from tests._run import Run
from tests.torture._commands import COMMANDS, Command
from tests.torture._forks import Forks
from tests.torture._left import Whole, left
from tests.torture._material import material


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """The server from which every command is forked."""
    with Forks() as server:
        yield server


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tones, a few of each class; to be read only."""
    return tones(tmp_path_factory.mktemp("torture") / "data", per_class=4, speakers=4)


@pytest.fixture(scope="session")
def prepared(recordings: Path, trained: Run, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`prepared(command)`: a new folder in which it can begin; `prepared(command, folder)`: that one."""

    def make(command: Command, folder: Path | None = None) -> Path:
        place = folder or tmp_path_factory.mktemp("begun")
        place.mkdir(exist_ok=True)
        command.prepare(place, recordings, trained.exp)
        return place

    return make


@pytest.fixture(scope="session")
def materials(
    recordings: Path, trained: Run, forks: Forks, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """The folder of a material, made when it is first asked for."""
    place, made = tmp_path_factory.mktemp("mutated"), {}

    def of(name: str) -> Path:
        if name not in made:
            made[name] = material(name, place / name, recordings, trained, forks)
        return made[name]

    return of


@pytest.fixture(scope="session")
def whole(forks: Forks, prepared: Callable[..., Path]) -> Callable[..., Whole]:
    """`whole(name, *more)`: the uninterrupted run of a command, with more words where given."""
    known: dict[tuple[str, ...], Whole] = {}

    def run(name: str, *more: str) -> Whole:
        if (name, *more) not in known:
            folder, command = prepared(COMMANDS[name]), COMMANDS[name]
            done = forks.run(*command.first, *more, cwd=folder, hooks={"kill": {"watch": command.watch}})
            assert done.status == 0, done.told
            assert done.answer
            known[name, *more] = Whole(left(folder), done.answer)
        return known[name, *more]

    return run
