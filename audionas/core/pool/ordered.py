"""One function applied to many items in several processes, with the results in order."""

import gc
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, NamedTuple, TypeVar

from audionas.core.errors import UserError
from audionas.core.pool.failure import Failure

T = TypeVar("T")
R = TypeVar("R")
_AHEAD = 4  # chunks per worker that may be done before their turn
_SECONDS = 10.0  # for a worker to finish its chunk


def cores() -> int:
    """The number of cores that this process may use, and the default number of workers."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ordered(
    function: Callable[[T], R], items: Sequence[T], *, workers: int | None = None, chunk: int = 16
) -> Iterator[R]:
    """Apply `function` to every item, in order, with `workers` processes (all cores by default).

    Only a few chunks of items and results are held at a time, whatever their number. Another process can
    import `function` by its name, or it is a `functools.partial` of such a function. With one worker, or
    for one chunk, this process does the work. Results that do not depend on the process that computes them
    do not depend on `workers` either.

    Raises, at the item's turn, the UserError that the function raised, or a RuntimeError with the worker's
    traceback for any other error; UserError where `workers` is below 1 or a worker dies.
    """
    workers = cores() if workers is None else workers
    if workers < 1:
        raise UserError(f"workers: {workers}, expected at least 1")
    chunks = -(-len(items) // chunk)
    if min(workers, chunks) <= 1:
        return map(function, items)
    return _elsewhere(function, items, min(workers, chunks), chunk)


def _elsewhere(function: Callable[[T], R], items: Sequence[T], workers: int, chunk: int) -> Iterator[R]:
    starts = iter(range(0, len(items), chunk))
    idle = [_Worker(function) for _ in range(workers)]
    busy: dict[Connection, tuple[_Worker[T, R], int]] = {}
    done: dict[int, _Answers[R]] = {}
    try:
        for due in range(0, len(items), chunk):
            while due not in done:
                room = _AHEAD * workers - len(done) - len(busy)
                for start in islice(starts, max(0, min(len(idle), room))):
                    worker = idle.pop()
                    busy[worker.pipe] = worker, start
                    worker.ask(items[start : start + chunk])
                for pipe in wait(list(busy)):
                    assert isinstance(pipe, Connection)
                    worker, start = busy.pop(pipe)
                    done[start] = worker.answers()
                    idle.append(worker)
            yield from done.pop(due).given()
    finally:
        crew = [*idle, *(worker for worker, _ in busy.values())]
        for worker in crew:  # close all before waiting for any: later ones hold copies of earlier pipes
            worker.pipe.close()
        for worker in crew:
            worker.stop()


class _Answers(NamedTuple, Generic[R]):
    """The results of a chunk, up to the first error."""

    results: list[R]
    failure: Failure | None = None

    def given(self) -> Iterator[R]:
        """The results, then the error."""
        yield from self.results
        if self.failure is not None:
            self.failure.throw()


class _Worker(Generic[T, R]):
    """A process on a pipe; it ends when the pipe is closed, so no worker outlives its parent."""

    def __init__(self, function: Callable[[T], R]) -> None:
        # Fork, as for the loader workers of batches: it takes no time, and nothing is imported again
        forked = sys.platform == "linux"
        context: Any = multiprocessing.get_context("fork" if forked else "spawn")
        self.pipe, theirs = context.Pipe()
        inherited = self.pipe if forked else None  # the pipe ends only once no copy of this end is open
        self._process = context.Process(target=_serve, args=(function, theirs, inherited), daemon=True)
        with warnings.catch_warnings():
            # Python 3.12 warns of a fork beside threads; what the threads hold, workers do not use
            warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)
            self._process.start()
        theirs.close()

    def ask(self, chunk: Sequence[T]) -> None:
        """Send a chunk to a worker that has nothing to do."""
        try:
            self.pipe.send(list(chunk))
        except BrokenPipeError:
            self._mourn()

    def answers(self) -> _Answers[R]:
        """The results that it has found."""
        try:
            found: _Answers[R] = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self._mourn()
        return found

    def stop(self) -> None:
        """Wait for its current chunk, once its pipe is closed, so that no file is left half written."""
        self._process.join(_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _mourn(self) -> Any:
        self._process.join(_SECONDS)
        code = self._process.exitcode or 0
        fate = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        raise UserError(
            f"a worker process died ({fate})",
            hint="Often memory ran out: use fewer workers. Run the command again; finished work is kept.",
        )


def _serve(function: Callable[[T], R], pipe: Connection, inherited: Connection | None) -> None:
    """Answer chunks until the parent is gone. The parent handles Ctrl-C."""
    if inherited is not None:
        inherited.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()  # a collection would write to, and so copy, what is shared with the parent
    while True:
        try:
            pipe.send(_answered(function, pipe.recv()))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return


def _answered(function: Callable[[T], R], chunk: Sequence[T]) -> _Answers[R]:
    results: list[R] = []
    try:
        for item in chunk:
            results.append(function(item))
    except Exception as error:
        return _Answers(results, Failure.of(error))
    return _Answers(results)
