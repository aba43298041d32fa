"""Files that can be read and make no sense are refused: a value beyond its range makes no result."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.torture._forks import Forks
from tests.torture._kinds import KINDS
from tests.torture._nonsense import FREE, NONSENSE, Nonsense, numbers
from tests.torture.test_mutations import check, read

QUICK = ("config", "architecture")  # by functions: numbers among the stories


@contextmanager
def kept(file: Path) -> Iterator[bytes]:
    """The bytes of a file, which it has again after the block."""
    sound = file.read_bytes()
    try:
        yield sound
    finally:
        file.write_bytes(sound)


@pytest.fixture(scope="module")
def sound_ones() -> set[str]:
    """The kinds whose unchanged file has been accepted."""
    return set()


def cases() -> list[Any]:
    """The first of each kind that has a sample are among the stories, the others are for the night."""
    seen: set[str] = set()
    marked = []
    for case in NONSENSE:
        late = case.kind in seen or not KINDS[case.kind].sample
        mark = pytest.mark.nightly if late else pytest.mark.story
        seen.add(case.kind)
        marked.append(pytest.param(case, id=f"{case.kind}: {case.told}", marks=mark))
    return marked


@pytest.mark.parametrize("case", cases())
def test_nonsense_is_refused(
    materials: Callable[[str], Path], forks: Forks, sound_ones: set[str], case: Nonsense
) -> None:
    kind = KINDS[case.kind]
    folder = materials(kind.of)
    if case.kind not in sound_ones:
        assert read(kind, folder, forks).status == 0
        sound_ones.add(case.kind)
    with kept(folder / kind.file) as sound:
        (folder / kind.file).write_bytes(changed := case.change(sound))
        assert changed != sound
        check(read(kind, folder, forks), case.told, nonsense=True)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.story if n in QUICK else pytest.mark.nightly) for n in FREE]
)
def test_every_number_has_ends(materials: Callable[[str], Path], forks: Forks, name: str) -> None:
    kind = KINDS[name]
    folder = materials(kind.of)
    yaml_file = kind.file.endswith(".yaml")
    with kept(folder / kind.file) as sound:
        lost = []
        for told, value in numbers(name, yaml.safe_load(sound) if yaml_file else json.loads(sound)):
            (folder / kind.file).write_text(yaml.safe_dump(value) if yaml_file else json.dumps(value))
            try:
                check(read(kind, folder, forks), told, nonsense=True)
            except AssertionError as error:
                lost.append(str(error))
        assert not lost, "\n".join(lost)
