"""The processes of one run under torchrun: their ranks, messages from the first, and lost processes.

In a run of one process nothing here has an effect.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
_PATIENCE = timedelta(minutes=10)  # for a process that does not answer
_BEAT = 1.0  # seconds between signs of life of the first process, at most
_ROLL_CALL = 5.0  # seconds in which the remaining processes must answer once one is lost
_FIRST = 2.0  # seconds in which the first process reports an error that all have met


@dataclass
class Group:
    """The `rank` of this process among `count`; `local` is its rank on its machine.

    `store` is torchrun's and outlives a process; after `patience` seconds without a sign of life a process is
    lost; `draws` is the state of the generator for this process's own draws.
    """

    rank: int
    count: int
    local: int
    store: Any
    patience: float
    draws: Tensor
    told: int = 0


_group: Group | None = None


def group() -> Group | None:
    """The group of this process; None in a run of one process."""
    return _group


def rank() -> int:
    """The number of this process, from 0."""
    return _group.rank if _group else 0


def count() -> int:
    """The number of processes."""
    return _group.count if _group else 1


def first() -> bool:
    """True in the process that writes."""
    return rank() == 0


def launched() -> bool:
    """True where torchrun started this process."""
    return dist.is_available() and dist.is_torchelastic_launched()


@contextmanager
def joined(patience: timedelta = _PATIENCE) -> Iterator[None]:
    """Join the processes that torchrun started, inside the block; without torchrun nothing happens.

    Raises UserError where another process dies or does not answer within `patience`, with its number in the
    message.
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
    dist.init_process_group(backend, store=apart, rank=number, world_size=many, timeout=patience)
    local, seconds = int(os.environ["LOCAL_RANK"]), patience.total_seconds()
    _group = Group(number, many, local, store, seconds, torch.get_rng_state())
    before = signal.signal(signal.SIGTERM, _ended)
    try:
        with _beating(_group):
            yield
        dist.barrier()  # no process closes its connections while another still uses them
        dist.destroy_process_group()
    except UserError as error:
        raise _explained(_group, error) from error
    finally:
        signal.signal(signal.SIGTERM, before)
        _group = None


def reporter(folder: Path | None = None, *, since: int = 0) -> Reporter:
    """The reporter of a run: only the first process prints, and only it writes in `folder`."""
    return Reporter(folder, since=since) if first() else Reporter(quiet=True)


def gpu() -> torch.device:
    """The GPU of this process, made its default; UserError where the machine has too few."""
    if _group is None:
        return torch.device("cuda")
    if _group.local >= (found := torch.cuda.device_count()):
        raise UserError(
            f"{_group.local + 1} or more processes on a machine with {found} visible GPUs",
            hint="Use one process per GPU: torchrun --nproc-per-node gpu -m audionas ...",
        )
    torch.cuda.set_device(_group.local)
    return torch.device("cuda", _group.local)


def tell(value: T) -> T:
    """Send the first process's `value` (plain JSON) to all; the others wait for it while it works.

    Raises UserError where the first gives no sign of life for as long as the group is patient.
    """
    if _group is None:
        return value
    _group.told += 1
    key = f"told/{_group.told}"
    if first():
        _group.store.set(key, json.dumps(value))
        return value
    try:
        _await(_group, key)
        said: T = json.loads(_group.store.get(key))
    except RuntimeError as error:
        raise lost() from error
    return said


def _await(group: Group, key: str) -> None:
    """Wait for a key of the store, while the first process works."""
    wait, beat, until = 0.001, b"", time.monotonic() + group.patience
    while not group.store.check([key]):  # wait briefly each time, so that signals are noticed
        time.sleep(wait)
        wait = min(1.5 * wait, 0.2)
        if group.store.check(["beat"]) and (new := group.store.get("beat")) != beat:
            beat, until = new, time.monotonic() + group.patience
        if time.monotonic() > until:
            raise lost()


@contextmanager
def _beating(group: Group) -> Iterator[None]:
    """Inside the block, the first process gives a sign of life whenever its own thread has computed.

    A process that is stopped, or that waits for ever, gives none; one that validates for an hour does.
    """
    if group.rank:
        yield
        return
    over, clock = threading.Event(), time.pthread_getcpuclockid(threading.get_ident())

    def beat() -> None:
        before, number = -1.0, 0
        with suppress(RuntimeError):  # torchrun has ended
            while not over.wait(min(_BEAT, group.patience / 5)):
                if (now := time.clock_gettime(clock)) != before:
                    before, number = now, number + 1
                    group.store.set("beat", str(number))

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def lost() -> UserError:
    """The error that names lost processes; the lowest remaining one returns it, the others exit silently."""
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
        hint="Run the same command with --resume to resume from the last checkpoint.",
    )


def _roll_call(group: Group) -> list[int]:
    """The processes that have not answered in time, or before one has explained the end of the run."""
    group.store.set(f"here/{group.rank}", "")
    missing = [number for number in range(group.count) if number != group.rank]
    until = time.monotonic() + _ROLL_CALL
    while missing and time.monotonic() < until and not group.store.check(["explained"]):
        time.sleep(0.05)
        missing = [number for number in missing if not group.store.check([f"here/{number}"])]
    return missing


def _ended(signum: int, frame: FrameType | None) -> None:
    """Handle SIGTERM, which torchrun sends to the remaining processes when one has died."""
    if _group is not None:
        raise lost()


def _explained(group: Group, error: UserError) -> UserError:
    """The error to show: the first process reports a common error; another reports its own with its rank."""
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
    """Leave the group in a forked child, such as a loader's worker, which is not one of the processes.

    It leaves its parent's process group too, which torchrun ends as a whole: a loader whose worker is
    gone would fail before the lost process can be named. Workers end once their parent has ended.
    """
    global _group
    if _group is not None:
        _group = None
        os.setpgid(0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


os.register_at_fork(after_in_child=_forget)
