"""The inside of a worker: a function is loaded once, then answers questions; messages are JSON text.

`python -m audionas.core.pool.worker` serves one on its standard input and output, one message per line.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from queue import SimpleQueue
from threading import Thread
from typing import Any, TextIO

from audionas.core.pool.failure import Failure
from audionas.core.registry import allow, allowed

JSON = Any  # what json.dumps takes: numbers, text, booleans, None, and lists and mappings of them


def opening(worker: Callable[..., Any], args: Mapping[str, JSON], threads: int) -> str:
    """The first message to a worker: the function that it loads by name, and where modules are found."""
    path = [entry or os.getcwd() for entry in sys.path]
    name = f"{worker.__module__}:{worker.__qualname__}"
    told = {"worker": name, "args": dict(args), "threads": threads, "path": path, "plugins": allowed()}
    return json.dumps(told)


def failed(reply: str) -> bool:
    """True where `value_of` would raise."""
    return "value" not in json.loads(reply)


def value_of(reply: str) -> JSON:
    """The value in a reply; raises the Failure that it holds instead."""
    told = json.loads(reply)
    if "failure" in told:
        Failure(**told["failure"]).throw()
    return told["value"]


def refusal(failure: Failure) -> str:
    """The reply of a worker that failed."""
    return json.dumps({"failure": failure._asdict()})


class Answerer:
    """The loaded function. Replies are JSON text and report errors too: neither method raises one."""

    def load(self, message: str) -> str:
        """Import what an `opening` names, and call it with its arguments."""
        return _reply(lambda: self._load(json.loads(message)))

    def answer(self, item: str) -> str:
        """The function's result for an item."""
        return _reply(lambda: self._function(json.loads(item)))

    def _load(self, told: dict[str, JSON]) -> None:
        sys.path.extend(entry for entry in told["path"] if entry not in sys.path)
        for plugin in told["plugins"]:
            allow(plugin)
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
    except Exception as error:
        return refusal(Failure.of(error))


def serve() -> None:
    """Answer line by line until the input ends. What the function prints goes to standard error."""
    questions, replies = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    lines: SimpleQueue[str] = SimpleQueue()
    Thread(target=_listen, args=(questions, lines), daemon=True).start()
    work = Answerer()
    reply = work.load(lines.get())
    while True:
        print(reply, file=replies, flush=True)
        reply = work.answer(lines.get())


def _listen(questions: TextIO, lines: SimpleQueue[str]) -> None:
    """Pass lines on. Their end means that the parent is gone: exit at once, busy or not."""
    for line in questions:
        lines.put(line)
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)  # with the processes that the function has started
    os._exit(1)


if __name__ == "__main__":
    serve()
