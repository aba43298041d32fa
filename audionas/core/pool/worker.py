"""The inside of a worker: a function is loaded once, then answers questions; both are JSON text.

`python -m audionas.core.pool.worker` serves one on its standard input and output, a line each.
"""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from queue import SimpleQueue
from threading import Thread
from typing import Any, TextIO

from audionas.core.errors import UserError

JSON = Any  # what json.dumps takes: numbers, text, booleans, None, and lists and mappings of them


def opening(worker: str, args: Mapping[str, JSON], threads: int) -> str:
    """The first message to a worker: what it is to load, and where modules are found."""
    path = [entry or os.getcwd() for entry in sys.path]
    return json.dumps({"worker": worker, "args": dict(args), "threads": threads, "path": path})


def failure(problems: Sequence[str], hint: str) -> str:
    """The reply that says what the user can put right."""
    return json.dumps({"problems": list(problems), "hint": hint})


def failed(reply: str) -> bool:
    """Whether `value_of` would raise."""
    return "value" not in json.loads(reply)


def value_of(reply: str) -> JSON:
    """What a reply holds; raises its UserError, or a RuntimeError with the traceback of the worker."""
    told = json.loads(reply)
    if "problems" in told:
        raise UserError(told["problems"], hint=told["hint"])
    if "traceback" in told:
        raise RuntimeError(f"an error in a worker:\n{told['traceback']}")
    return told["value"]


class Work:
    """The loaded function. Replies are JSON text and tell of errors too: neither method raises one."""

    def load(self, message: str) -> str:
        """Import what an `opening` names, and call it with its arguments."""
        return _reply(lambda: self._load(json.loads(message)))

    def answer(self, item: str) -> str:
        """The function's result for an item."""
        return _reply(lambda: self._function(json.loads(item)))

    def _load(self, told: dict[str, JSON]) -> None:
        sys.path.extend(entry for entry in told["path"] if entry not in sys.path)
        module, _, name = told["worker"].partition(":")
        function = getattr(import_module(module), name)
        _compute_with(told["threads"])
        self._function = function(**told["args"])
        _compute_with(told["threads"])


def _compute_with(threads: int) -> None:
    """Set torch's threads, if the function uses it: torch takes seconds to import."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(threads)


def _reply(call: Callable[[], JSON]) -> str:
    try:
        return json.dumps({"value": call()})
    except UserError as error:
        return failure(error.problems, error.hint)
    except Exception:
        return json.dumps({"traceback": traceback.format_exc()})


def serve() -> None:
    """Answer line by line until the input ends. What the function prints goes to standard error."""
    questions, replies = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    lines: SimpleQueue[str] = SimpleQueue()
    Thread(target=_listen, args=(questions, lines), daemon=True).start()
    work = Work()
    reply = work.load(lines.get())
    while True:
        print(reply, file=replies, flush=True)
        reply = work.answer(lines.get())


def _listen(questions: TextIO, lines: SimpleQueue[str]) -> None:
    """Pass lines on. Their end means that the parent has gone, however it did: leave at once, busy or not."""
    for line in questions:
        lines.put(line)
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)  # with the processes that the function has started
    os._exit(1)


if __name__ == "__main__":
    serve()
