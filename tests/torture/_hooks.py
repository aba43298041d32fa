"""What is done to a command's process before it begins: signals, limits, a read-only folder, another clock.

A hook may return a function, whose result is told once the command has ended.
"""

import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread, Timer
from typing import Any

# events of sys.addaudithook that change a file system, with the places of their paths
CHANGES = {"os.rename": (0, 1), "os.remove": (0,), "os.mkdir": (0,), "os.rmdir": (0,), "os.truncate": (0,)}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
NEWNS, BIND, REMOUNT, READ_ONLY, PRIVATE = 0x20000, 0x1000, 0x20, 0x1, 0x40000  # of unshare and mount


def kill(
    watch: str, at: int = 0, delay: float = 0.0, signals: tuple[str, ...] = ("SIGKILL",)
) -> Callable[[], int]:
    """Signals to this process at the event number `at`, from 1, that changes something below `watch`.

    They come one after the other, with a `delay` that many seconds after it. Tells the count of events.
    Those of a forked worker count for it alone: they kill only it.
    """
    sent = [getattr(signal, name) for name in signals]
    watch, counted = os.path.abspath(watch), [0, os.getpid()]

    def event(*paths: Any) -> None:
        if not any(_below(path, watch) for path in paths):
            return
        if os.getpid() != counted[1]:
            counted[:] = [0, os.getpid()]
        counted[0] += 1
        if counted[0] != at:
            return
        for number, each in enumerate(sent):
            later = Timer(delay + 0.01 * number, os.kill, (os.getpid(), each))
            later.daemon = True
            later.start() if delay or number else os.kill(os.getpid(), each)

    def heard(name: str, arguments: tuple[Any, ...]) -> None:
        if name in CHANGES:
            event(*(arguments[place] for place in CHANGES[name]))
        elif name == "open" and arguments[2] and arguments[2] & WRITES:
            event(arguments[0])

    _before("fsync", event)
    _before("pwrite", event)
    sys.addaudithook(heard)
    return lambda: counted[0]


def _before(name: str, event: Callable[[Any], None]) -> None:
    """Call `event` with the file before `os.NAME(descriptor, ...)`, of which no audit hook hears."""
    original = getattr(os, name)

    def told(descriptor: int, *rest: Any) -> Any:
        event(os.readlink(f"/proc/self/fd/{descriptor}"))
        return original(descriptor, *rest)

    setattr(os, name, told)


def _below(path: Any, watch: str) -> bool:
    if isinstance(path, int):
        return False
    text = os.path.abspath(os.fsdecode(path))
    return text == watch or text.startswith(watch + os.sep)


def memory(more: int) -> None:
    """At most so many bytes of address space above what there is."""
    with open("/proc/self/statm") as told:
        now = int(told.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + more, now + more))


def read_only(folder: str) -> None:
    """A folder in which nothing can be written, for this process alone; needs the rights to mount."""
    libc = ctypes.CDLL(None, use_errno=True)
    place = os.path.abspath(folder).encode()
    for name, *arguments in (
        ("unshare", NEWNS),
        ("mount", b"none", b"/", None, 0x4000 | PRIVATE, None),
        ("mount", place, place, None, BIND, None),
        ("mount", place, place, None, BIND | REMOUNT | READ_ONLY, None),
    ):
        if getattr(libc, name)(*arguments):
            raise OSError(ctypes.get_errno(), name)
    os.chdir(os.getcwd())  # into the folder that is now there


def kill_child(word: str, after: float) -> Callable[[], int]:
    """SIGKILL to the first process below this one that was called with the word; tells how many it were."""
    killed: list[int] = []

    def watch() -> None:
        while not killed:
            for pid in _below_me(os.getpid()):
                if word in _called(pid):
                    time.sleep(after)
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)
                    break
            time.sleep(0.005)

    Thread(target=watch, daemon=True).start()
    return lambda: len(killed)


def _below_me(pid: int) -> Iterator[int]:
    try:
        children = [
            c for task in Path(f"/proc/{pid}/task").iterdir() for c in (task / "children").read_text().split()
        ]
    except OSError:
        return
    for child in map(int, children):
        yield child
        yield from _below_me(child)


def _called(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def growth() -> Callable[[], list[tuple[int, int]]]:
    """Tells the bytes in memory and the open files at the end of each epoch, when its checkpoint is there."""
    rows: list[tuple[int, int]] = []

    def heard(name: str, arguments: tuple[Any, ...]) -> None:
        if name == "os.rename" and str(arguments[1]).endswith("/latest"):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            rows.append((pages * resource.getpagesize(), len(os.listdir("/proc/self/fd"))))

    sys.addaudithook(heard)
    return lambda: rows


def most_memory() -> Callable[[], int]:
    """Tells the most bytes that the command had in memory above what there was."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return lambda: 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def backwards(seconds: float) -> None:
    """A clock that is set back so far each time that it is read."""
    original, reads = time.time, [0]

    def earlier() -> float:
        reads[0] += 1
        return original() - seconds * reads[0]

    time.time = earlier
