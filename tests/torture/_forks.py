"""The client of `_server.py`: `forks.run("search", conf, hooks={"kill": {...}})`."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Ended(NamedTuple):
    """How a command ended: `status` is negative for a signal, `left` the processes that it has left.

    `answer` is what a hook tells, if the command came to an end.
    """

    status: int
    hung: bool
    left: list[str]
    answer: Any
    out: str
    err: str

    @property
    def told(self) -> str:
        """What a failed assertion shows."""
        return f"status {self.status}{', hung' * self.hung}\n{self.out[-2000:]}\n{self.err[-4000:]}"


class Forks:
    """A server, until the block ends; one that dies is replaced, and its command is lost."""

    def __enter__(self) -> "Forks":
        self._start()
        return self

    def _start(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.torture._server"],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __exit__(self, *_: object) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(60)
        self._server.stdout.close()

    def run(
        self,
        *words: object,
        cwd: Path,
        hooks: Mapping[str, Mapping[str, Any]] | None = None,
        call: str = "",
        limit: float = 120.0,
    ) -> Ended:
        """Run a command in a process of its own in `cwd`."""
        request = {"words": [*map(str, words)], "cwd": str(cwd), "hooks": hooks or {}, "call": call}
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        print(json.dumps({**request, "limit": limit}), file=self._server.stdin, flush=True)
        reply = self._server.stdout.readline()
        if not reply:
            status = self._server.wait(60)
            self._start()
            raise AssertionError(f"the server has ended with status {status}")
        return Ended(**json.loads(reply))
