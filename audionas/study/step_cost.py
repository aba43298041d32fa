"""The cost of a step: seconds, and bytes kept for the backward pass, side by side in one run.

A machine's speed changes from minute to minute. Steps are therefore taken in turns, and each is
compared with the first of its own round.
"""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from audionas.core.rng import seed_torch
from audionas.data.batches import Batch
from audionas.engine.optim import Optim
from audionas.methods._base import Method
from audionas.methods._bilevel import Bilevel
from audionas.methods._stages import whole
from audionas.nn.separable.penalties import penalised


class StepCost(NamedTuple):
    """Median seconds per step, most bytes kept for backward at once, and both relative to the first step."""

    seconds: float
    saved_bytes: int
    time_ratio: float = 1.0
    memory_ratio: float = 1.0


class Measured(NamedTuple):
    """A step to measure: `take` does one step, `owned` are the tensors that exist anyway."""

    take: Callable[[], object]
    owned: Callable[[], Iterable[Tensor]]


def method_costs(
    methods: Sequence[Method], train: Batch, valid: Batch, *, rounds: int = 5, warmup: int = 2
) -> list[StepCost]:
    """Costs of a full step (alpha and weights) of each method, in order; each must be set up on its own run.

    The methods are moved past their warm-up epochs, and their runs are used up: start a search with others.
    """
    device = methods[0].run.device
    return step_costs([method_step(m, train, valid) for m in methods], device, rounds=rounds, warmup=warmup)


def method_step(method: Method, train: Batch, valid: Batch) -> Measured:
    """A step of a prepared method, in the first epoch in which its alphas move (or the last)."""
    run = method.run
    pair = (train, valid if method.halves else train)
    with torch.random.fork_rng():
        _reach(method, pair)
    return Measured(
        lambda: method.step(*pair, float(run.epoch)),
        lambda: [*run.net.parameters(), *run.net.buffers(), *run.alphas.values()],
    )


def _reach(method: Method, pair: tuple[Batch, Batch]) -> None:
    """Take one step per epoch until one changes the alphas: some methods hold them at first."""
    run = method.run
    start = whole(method.warmup, run.epochs) if isinstance(method, Bilevel) else 0
    for epoch in range(start, max(run.epochs, start + 1)):
        method.on_epoch(epoch)
        run.net.train()
        before = {name: alpha.detach().clone() for name, alpha in run.alphas.items()}
        method.step(*pair, float(epoch))
        if not before or any(not torch.equal(before[name], alpha) for name, alpha in run.alphas.items()):
            return


def network_step(net: nn.Module, optim: Optim, batch: Batch) -> Measured:
    """A training step of a single network."""
    optimizer, criterion = optim.build(net.parameters()), nn.CrossEntropyLoss()
    net.train()

    def take() -> None:
        optimizer.zero_grad(set_to_none=True)
        penalised(criterion(net(batch.x), batch.target), net).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return Measured(take, lambda: [*net.parameters(), *net.buffers()])


def step_costs(
    steps: Sequence[Measured], device: torch.device, *, rounds: int = 5, warmup: int = 2
) -> list[StepCost]:
    """Measure each step: `warmup` rounds, the last of which gives memory, then `rounds` timed in turns."""
    with torch.random.fork_rng():
        seed_torch(0, "step costs")
        for _ in range(warmup - 1):
            for step in steps:
                step.take()
        saved = [_kept_on_gpu(s, device) if device.type == "cuda" else _kept_for_backward(s) for s in steps]
        table = [[clocked(step.take, device) for step in steps] for _ in range(rounds)]
    return [
        StepCost(
            seconds=statistics.median(row[i] for row in table),
            saved_bytes=saved[i],
            time_ratio=statistics.median(row[i] / row[0] for row in table),
            memory_ratio=saved[i] / max(saved[0], 1),
        )
        for i in range(len(steps))
    ]


def clocked(take: Callable[[], object], device: torch.device) -> float:
    """The seconds that a step takes."""
    _wait(device)
    began = time.perf_counter()
    take()
    _wait(device)
    return time.perf_counter() - began


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _kept_on_gpu(step: Measured, device: torch.device) -> int:
    """Peak bytes of a step beyond what was allocated before it."""
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    step.take()
    return torch.cuda.max_memory_allocated(device) - before


def _kept_for_backward(step: Measured) -> int:
    """The most bytes of storages that autograd keeps at one time, without parameters and buffers."""
    meter = BackwardBytes(step.owned())
    with meter.watching():
        step.take()
    return meter.most


class BackwardBytes:
    """Counts the bytes that autograd keeps: each storage once, from its first saving to its last release."""

    def __init__(self, owned: Iterable[Tensor]) -> None:
        self.owned = {t.untyped_storage().data_ptr() for t in owned}
        self.holders: dict[int, int] = {}
        self.now = self.most = 0

    def watching(self) -> AbstractContextManager[None]:
        """A context in which everything that autograd saves is counted."""
        return saved_tensors_hooks(lambda tensor: _Held(tensor, self), lambda held: held.tensor)


class _Held:
    """A saved tensor, which notifies the meter when it is released."""

    def __init__(self, tensor: Tensor, meter: BackwardBytes) -> None:
        self.tensor, self.meter = tensor.detach(), meter
        storage = tensor.untyped_storage()
        self.place, self.size = storage.data_ptr(), storage.nbytes()
        held = meter.holders.get(self.place, 0)
        meter.holders[self.place] = held + 1
        if not held and self.place not in meter.owned:
            meter.now += self.size
            meter.most = max(meter.most, meter.now)

    def __del__(self) -> None:
        meter = self.meter
        meter.holders[self.place] -= 1
        if not meter.holders[self.place]:
            del meter.holders[self.place]
            meter.now -= 0 if self.place in meter.owned else self.size
