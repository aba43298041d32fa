"""The processes of one run, as torchrun starts them: which this one is, what the first says, who is lost.

Nothing here does anything in a run of one process.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter

T = TypeVar("T")
_PATIENCE = timedelta(minutes=10)  # with a process that does not answer
_ROLL_CALL = 5.0  # seconds in which those that are left must answer once one is lost
_FIRST = 2.0  # seconds in which the first process says what all have met


@dataclass
class Group:
    """Which of `count` processes this one is; `local` counts on its machine.

    `store` is torchrun's and outlives a process; `draws` is the state of the generator from which this
    process draws for itself alone.
    """

    rank: int
    count: int
    local: int
    store: Any
    draws: Tensor
    told: int = 0


_group: Group | None = None


def group() -> Group | None:
    """None in a run of one process."""
    return _group


def rank() -> int:
    """The number of this process, from 0."""
    return _group.rank if _group else 0


def count() -> int:
    """How many there are."""
    return _group.count if _group else 1


def first() -> bool:
    """Whether this is the process that writes."""
    return rank() == 0


def launched() -> bool:
    """Whether torchrun started this process."""
    return dist.is_available() and dist.is_torchelastic_launched()


@contextmanager
def joined() -> Iterator[None]:
    """Inside the block this process is one of those that torchrun started; without torchrun nothing happens.

    Raises UserError where another process dies or does not answer, with its number in the message.
    """
    global _group
    if _group is not None or not launched():
        yield
        return
    shared, number, many = next(rendezvous("env://"))
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")  # after a restart the store is the old one
    store = PrefixStore(f"attempt/{attempt}", shared)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    apart = PrefixStore("group", store)
    dist.init_process_group(backend, store=apart, rank=number, world_size=many, timeout=_PATIENCE)
    _group = Group(number, many, int(os.environ["LOCAL_RANK"]), store, torch.get_rng_state())
    before = signal.signal(signal.SIGTERM, _ended)
    try:
        yield
        dist.barrier()  # none closes its connections while another still uses them
        dist.destroy_process_group()
    except UserError as error:
        raise _explained(_group, error) from error
    finally:
        signal.signal(signal.SIGTERM, before)
        _group = None


def reporter(folder: Path | None = None, *, since: int = 0) -> Reporter:
    """A run's voice: only the first process's is heard, and only it writes in `folder`."""
    return Reporter(folder, since=since) if first() else Reporter(quiet=True)


def gpu() -> torch.device:
    """The GPU of this process, made its default; UserError where the machine has too few."""
    if _group is None:
        return torch.device("cuda")
    if _group.local >= (found := torch.cuda.device_count()):
        raise UserError(
            f"{_group.local + 1} or more processes on a machine with {found} visible GPUs",
            hint="One process a GPU: torchrun --nproc-per-node gpu -m audionas ...",
        )
    torch.cuda.set_device(_group.local)
    return torch.device("cuda", _group.local)


def tell(value: T) -> T:
    """The first process's `value` (plain JSON) in all of them; the others wait for it, however long."""
    if _group is None:
        return value
    _group.told += 1
    key = f"told/{_group.told}"
    if first():
        _group.store.set(key, json.dumps(value))
        return value
    try:
        wait = 0.001
        while not _group.store.check([key]):  # in short waits, between which a signal is noticed
            time.sleep(wait)
            wait = min(1.5 * wait, 0.2)
        said: T = json.loads(_group.store.get(key))
    except RuntimeError as error:
        raise lost() from error
    return said


def lost() -> UserError:
    """Who no longer answers; the lowest of those that do says so, the others leave without a word."""
    assert _group is not None
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        missing = _roll_call(_group)
        explained = _group.store.check(["explained"])
    except RuntimeError:
        missing, explained, why = [], False, "torchrun does not answer"
    else:
        names = ", ".join(str(number) for number in missing)
        why = f"rank {names} has died or does not answer" if missing else "all were told to stop"
    lowest = min(number for number in range(_group.count) if number not in missing)
    if _group.rank != lowest or explained:
        sys.exit(1)
    return UserError(
        f"the run of {_group.count} processes ends: {why}",
        hint="The same command with --resume goes on from the last checkpoint.",
    )


def _roll_call(group: Group) -> list[int]:
    """Those that have not answered in time, or before one of them has said why the run ends."""
    group.store.set(f"here/{group.rank}", "")
    missing = [number for number in range(group.count) if number != group.rank]
    until = time.monotonic() + _ROLL_CALL
    while missing and time.monotonic() < until and not group.store.check(["explained"]):
        time.sleep(0.05)
        missing = [number for number in missing if not group.store.check([f"here/{number}"])]
    return missing


def _ended(signum: int, frame: FrameType | None) -> None:
    """Torchrun sends SIGTERM to those that are left when one has died."""
    if _group is not None:
        raise lost()


def _explained(group: Group, error: UserError) -> UserError:
    """What all processes have met the first one says; what only another has met is said with its rank."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    until = time.monotonic() + _FIRST
    while group.rank and time.monotonic() < until and not group.store.check(["explained"]):
        time.sleep(0.05)
    if group.rank and group.store.check(["explained"]):
        sys.exit(1)
    group.store.set("explained", "")
    if not group.rank:
        return error
    return UserError([f"rank {group.rank} of {group.count}:", *error.problems], hint=error.hint)


def _forget() -> None:
    """A forked child, such as a loader's worker, is none of the processes.

    It leaves the group of its parent too, which torchrun ends as a whole: a loader that finds its worker
    gone would speak before who is lost can be said. Workers end themselves once their parent has.
    """
    global _group
    if _group is not None:
        _group = None
        os.setpgid(0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


os.register_at_fork(after_in_child=_forget)
