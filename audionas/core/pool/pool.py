"""A pool of workers, in this process, in others or on a Ray cluster, with the results in order."""

import json
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

import torch

from audionas.core.errors import UserError
from audionas.core.pool.failure import Failure
from audionas.core.pool.process import Processes
from audionas.core.pool.worker import JSON, Answerer, failed, opening, refusal, value_of

MOST_DEATHS = 3  # in a row: of workers that had the same item, or of workers while they load
_TOLD = 200  # most characters of an item in an error


class Worker(Protocol):
    """A worker, which has one question at a time."""

    fate: str  # how it ended, once it is dead

    def ask(self, message: str) -> None:
        """Send the opening or an item; the crew's `wait` returns the reply."""

    def stop(self) -> None:
        """End it at once, busy or not."""


class Crew(Protocol):
    """Workers of one kind."""

    def start(self, message: str) -> Worker:
        """Start a worker, which begins to load what the opening names."""

    def wait(self, workers: Sequence[Any]) -> list[tuple[Any, str | None]]:
        """Block until some of these have replied, None for the dead. May be empty."""

    def close(self) -> None:
        """Release what the crew holds, except its workers."""


class Pool:
    """`with Pool(function, args, workers=8) as pool: pool.map(items)`.

    `function(**args)` is called once in each worker and returns a callable from an item to its result;
    items, results and `args` are JSON. Workers import the function from its module by its name. Each worker
    computes with `threads` threads. One worker of the process backend is this process itself; others are
    started anew, never forked. On Ray each worker is an actor with `threads` CPUs and `gpus` GPUs of the
    cluster at `address` ("auto": the one that this machine belongs to; empty: one that is started on this
    machine, for this pool).

    Results depend neither on the number of workers nor on which of them computes what, as long as those of
    the function do not. One `map` runs at a time.
    """

    def __init__(
        self,
        worker: Callable[..., Callable[[Any], JSON]],
        args: Mapping[str, JSON],
        *,
        workers: int = 1,
        backend: Literal["process", "ray"] = "process",
        threads: int = 1,
        gpus: float = 0,
        address: str = "",
    ) -> None:
        problems = [
            f"{name}: {count}, expected at least 1"
            for name, count in (("workers", workers), ("threads", threads))
            if count < 1
        ]
        if backend not in ("process", "ray"):
            problems.append(f"backend: '{backend}', expected process or ray")
        elif backend == "process":
            problems += [f"{k}: only for backend=ray" for k, v in (("gpus", gpus), ("address", address)) if v]
        if problems:
            raise UserError(problems)
        self._opening = opening(worker, args, threads)
        self._workers, self._backend, self._threads = workers, backend, threads
        self._gpus, self._address = gpus, address
        self._crew: Crew | None = None
        self._here: Answerer | None = None
        self._idle: list[Worker] = []
        self._loading: list[Worker] = []
        self._busy: dict[Worker, int] = {}  # to the index of its item
        self._stillborn = 0

    def __enter__(self) -> "Pool":
        self._threads_before = torch.get_num_threads()
        if self._backend == "ray":
            from audionas.core.pool.ray import Actors  # here, because Ray is an extra

            self._crew = Actors(self._workers, self._threads, gpus=self._gpus, address=self._address)
        elif self._workers > 1:
            self._crew = Processes(self._threads)
        return self

    def __exit__(self, *_: object) -> None:
        self._drop_busy()
        for worker in (*self._idle, *self._loading):
            worker.stop()
        self._idle, self._loading, self._here = [], [], None
        if self._crew:
            self._crew.close()
        torch.set_num_threads(self._threads_before)

    def map(self, items: Sequence[JSON]) -> Iterator[JSON]:
        """Yield the results in the order of the items, each as soon as those before it have been yielded.

        Every worker keeps computing while the caller handles a result. An error is raised at its item's
        turn, after the results before it: a UserError as the function raised it, any other error as a
        RuntimeError with the worker's traceback. A worker that dies is replaced and its item is sent
        again; an item whose workers die three times is a UserError.
        """
        texts = [json.dumps(item) for item in items]
        return self._elsewhere(texts, self._crew) if self._crew else self._serial(texts)

    def _serial(self, texts: Iterable[str]) -> Iterator[JSON]:
        if self._here is None:
            work = Answerer()
            value_of(work.load(self._opening))
            self._here = work
        for text in texts:
            yield value_of(self._here.answer(text))

    def _elsewhere(self, texts: Sequence[str], crew: Crew) -> Iterator[JSON]:
        self._drop_busy()
        waiting = deque(range(len(texts)))
        replies: dict[int, str] = {}
        deaths: Counter[int] = Counter()
        given = 0
        try:
            while given < len(texts):
                self._hand_out(texts, waiting, crew)
                for index, reply in self._collect(texts, deaths, crew):
                    if reply is None:
                        waiting.appendleft(index)
                        continue
                    replies[index] = reply
                    if failed(reply):  # the items after it are not needed
                        waiting = deque(i for i in waiting if i < index)
                while given in replies:
                    yield value_of(replies.pop(given))
                    given += 1
        finally:
            self._drop_busy()

    def _hand_out(self, texts: Sequence[str], waiting: deque[int], crew: Crew) -> None:
        """Give items to the idle workers, and start workers for the items that are left."""
        while waiting and self._idle:
            worker = self._idle.pop()
            self._busy[worker] = waiting.popleft()
            worker.ask(texts[self._busy[worker]])
        room = self._workers - len(self._busy)
        for _ in range(min(room, len(waiting)) - len(self._loading)):
            self._loading.append(crew.start(self._opening))

    def _collect(
        self, texts: Sequence[str], deaths: Counter[int], crew: Crew
    ) -> Iterator[tuple[int, str | None]]:
        """Wait, and yield the replies by item, None for an item that must be sent again."""
        for worker, reply in crew.wait([*self._busy, *self._loading]):
            if worker in self._loading:
                self._loaded(worker, reply)
                continue
            index = self._busy.pop(worker)
            if reply is None:
                worker.stop()
                deaths[index] += 1
                if deaths[index] == MOST_DEATHS:
                    reply = _deadly(index, texts[index], worker.fate)
            else:
                self._idle.append(worker)
            yield index, reply

    def _drop_busy(self) -> None:
        """End the workers whose replies will not be read, after an error or an abandoned `map`."""
        while self._busy:
            self._busy.popitem()[0].stop()

    def _loaded(self, worker: Worker, reply: str | None) -> None:
        self._loading.remove(worker)
        if reply is not None and not failed(reply):
            self._stillborn = 0
            self._idle.append(worker)
            return
        worker.stop()
        if reply is not None:
            value_of(reply)
        self._stillborn += 1
        if self._stillborn == MOST_DEATHS:
            raise UserError(
                f"{MOST_DEATHS} workers in a row died before they were ready (the last one: {worker.fate})",
                hint="Often memory ran out: each worker holds the supernet and the data. Use fewer workers.",
            )


def _deadly(index: int, text: str, fate: str) -> str:
    told = text if len(text) <= _TOLD else f"{text[:_TOLD]} ..."
    problem = f"item {index} killed {MOST_DEATHS} workers in a row (the last one: {fate}): {told}"
    return refusal(Failure((problem,), "Often memory ran out: use fewer workers, or score smaller batches."))
