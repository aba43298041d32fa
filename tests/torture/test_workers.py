"""A worker that is killed is replaced, or the command says so; run again, it ends as if nothing had been."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.torture._commands import COMMANDS
from tests.torture._forks import Forks
from tests.torture._left import Whole, require_same
from tests.torture._seeds import sizes, survived

CALLED = {"loader": "tests.torture._server", "pool": "audionas.core.pool.worker", "ray": "ray::Answerer"}
LONGEST = {"loader": 1.0, "pool": 3.0, "ray": 3.0}  # seconds of a worker before it is killed
WORDS = {
    "loader": ("train", ("train.workers=2",)),
    "pool": ("front", ()),
    "ray": ("front", ("backend=ray", "workers=1")),
}
CASES = [
    pytest.param(kind, tries, id=f"{kind}-{size}", marks=mark)
    for kind, most in (("loader", (1, 15)), ("pool", (0, 8)), ("ray", (0, 3)))
    for size, tries, mark in sizes(*most)
]


@pytest.mark.parametrize(("kind", "tries"), CASES)
def test_a_killed_worker(
    forks: Forks, prepared: Callable[..., Path], whole: Callable[..., Whole], kind: str, tries: int
) -> None:
    if kind == "ray":
        pytest.importorskip("ray", reason="the extra cluster is not installed")
    name, more = WORDS[kind]
    command, expected = COMMANDS[name], whole(name, *more)

    def attempt(rng: np.random.Generator) -> None:
        folder = prepared(command)
        after = float(LONGEST[kind] * rng.random())
        hooks = {"kill_child": {"word": CALLED[kind], "after": after}}
        ended = forks.run(*command.first, *more, cwd=folder, hooks=hooks)
        told = f"killed after {after:.2f} s"
        assert ended.status in (0, 1), f"{told}: {ended.told}"
        assert ended.left == [], f"{told}: {ended.left} stay"
        assert ended.status == 0 or "worker" in ended.err, f"{told}: {ended.told}"
        again = forks.run(*command.again, *more, cwd=folder)
        require_same(again, folder, expected, told)

    survived(f"killed {kind} worker", tries, attempt)
