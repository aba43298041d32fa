"""A file that is mutated is refused in words or read: no crash, no hang, no flood of memory, no nonsense."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.torture import _mutate
from tests.torture._forks import Ended, Forks
from tests.torture._kinds import KINDS, OVERRIDES, Kind
from tests.torture._seeds import sizes, survived

LIMIT = 30.0  # seconds
MEMORY = 4 << 30  # bytes more than the libraries take
CASES = [
    pytest.param(name, tries, id=f"{name}-{size}", marks=mark)
    for name, kind in KINDS.items()
    for size, tries, mark in sizes(kind.sample, kind.whole)
]


@pytest.mark.parametrize(("name", "tries"), CASES)
def test_a_file_is_refused_or_read(
    materials: Callable[[str], Path], forks: Forks, name: str, tries: int
) -> None:
    kind = KINDS[name]
    folder = materials(kind.of)
    file = folder / kind.file
    sound = file.read_bytes()

    def attempt(rng: np.random.Generator) -> None:
        mutation = kind.mutate(rng, sound)
        try:
            file.write_bytes(mutation.raw)
            check(read(kind, folder, forks), mutation.told, nonsense=mutation.nonsense)
        finally:
            file.write_bytes(sound)

    assert (whole := read(kind, folder, forks)).status == 0, whole.told
    file.write_bytes(b"\xff\0{")
    try:
        check(read(kind, folder, forks), "no such file at all: does the command read it?", nonsense=True)
    finally:
        file.write_bytes(sound)
    survived(f"mutate {name}", tries, attempt)


@pytest.mark.parametrize("tries", [pytest.param(n, id=i, marks=m) for i, n, m in sizes(20, 600)])
def test_an_override_is_refused_or_read(materials: Callable[[str], Path], forks: Forks, tries: int) -> None:
    folder = materials("configs")

    def attempt(rng: np.random.Generator) -> None:
        word = _override(rng)
        check(forks.run("conf.yaml", word, cwd=folder, call="load", limit=LIMIT), repr(word[:200]))

    survived("mutate override", tries, attempt)


def _override(rng: np.random.Generator) -> str:
    """`key=value`, mutated in one of both or as text; a command line holds no NUL and no surrogate."""
    key, value = str(rng.choice(OVERRIDES)).split("=", 1)
    strange = str(_mutate.STRANGE[str(rng.choice([*_mutate.STRANGE]))])
    word = [f"{key}={strange}", f"{strange}={value}", f"{key}.{strange}={value}", f"{key}{strange}"]
    text = word[rng.integers(len(word))]
    if rng.random() < 0.3:
        text = _mutate.in_text(rng, f"{key}={value}".encode()).raw.decode(errors="replace")
    return text.replace("\0", "").encode(errors="replace").decode()


def read(kind: Kind, folder: Path, forks: Forks) -> Ended:
    """The end of the command that reads a file of this kind."""
    for name in kind.fresh:
        _remove(folder / name)
    return forks.run(*kind.words, cwd=folder, call=kind.call, limit=LIMIT, hooks={"memory": {"more": MEMORY}})


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def check(ended: Ended, told: str, *, nonsense: bool = False) -> None:
    """The end must be one that a user understands; after nonsense it must be a refusal."""
    told = told[:300]
    assert not ended.hung, f"{told}: takes over {LIMIT:g} s"
    assert ended.status in (0, 1), f"{told}: {ended.told}"
    assert ended.left == [], f"{told}: leaves {ended.left}"
    words = ended.out + ended.err
    assert ended.status == 0 or "error: " in words, f"{told}: {ended.told}"
    assert "Traceback" not in words, f"{told}: {ended.told}"
    assert not (nonsense and ended.status == 0), f"{told}: accepted\n{ended.told}"
