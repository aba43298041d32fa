"""Functions that the workers of the pool's tests load."""

import os
import signal
import time
from pathlib import Path

from audionas.core.errors import UserError


def square(offset=0):
    """x -> x² + offset."""
    return lambda item: item["x"] ** 2 + offset


def pids(**_):
    """Anything -> the worker's process."""
    return lambda item: os.getpid()


def facts():
    """Anything -> how many threads a worker computes with, and the JSON that it was asked."""
    import torch  # here: the other functions load sooner without it

    return lambda item: {"threads": torch.get_num_threads(), "asked": item}


def dies(folder, item, times):
    """x -> x, but the worker that has `item` is killed, the first `times` times."""
    marks = Path(folder)

    def answer(x):
        dead = len(list(marks.iterdir()))
        if x == item and dead < times:
            (marks / str(dead)).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.01)
        return x

    return answer


def fails(slow=()):
    """Say what is to be raised: 'user', 'bug', 'object'; numbers pass, those of `slow` after a while."""

    def answer(item):
        if item == "user":
            raise UserError(["space: unknown", "method: unknown"], hint="Try another.")
        if item == "bug":
            return {}["missing"]
        if item == "object":
            return object()
        if item in slow:
            time.sleep(0.5)
        return item

    return answer


def unloadable():
    """Loading tells the user of a missing file."""
    raise UserError("supernet.safetensors: no such file", hint="Train it first.")


def stillborn():
    """Loading is killed."""
    os.kill(os.getpid(), signal.SIGKILL)


def sleeper(folder):
    """Anything -> never; the process leaves its number in the folder, and that of one it has started."""

    def answer(item):
        child = os.fork()
        (Path(folder) / str(os.getpid())).touch()
        time.sleep(600)
        return child

    return answer
