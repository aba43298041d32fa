"""Means of gradients, metrics and statistics over the processes of one run, and their random draws.

All processes take the same steps. Common draws (paths, gates, new weights) come from torch's
generators, which the loop seeds alike; a process makes the draws for its own examples (dropout, masks) for
itself. In a run of one process nothing here has an effect.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd import Function

from audionas.core.errors import UserError
from audionas.core.rng import seed_of
from audionas.engine import processes


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Put the mean over processes into `grad`, where it exists: a single buffer, a single sum.

    Raises UserError where processes have gradients for different parameters.
    """
    if processes.count() == 1:
        return
    known = list(parameters)
    held = [p.grad for p in known if p.grad is not None]
    _require_same([number for number, p in enumerate(known) if p.grad is not None])
    for gradient, part in zip(held, averaged(held), strict=True):
        gradient.copy_(part)


def averaged(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The mean over processes of tensors of one type on one device, differentiable any number of times."""
    if not tensors:
        return ()
    if processes.count() == 1:
        return tuple(tensors)
    flat = total(torch.cat([tensor.reshape(-1) for tensor in tensors])) / processes.count()
    parts = torch.split_with_sizes(flat, [tensor.numel() for tensor in tensors])
    return tuple(part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True))


def average(tensor: Tensor) -> Tensor:
    """The mean of one tensor over processes, without a gradient."""
    return averaged([tensor.detach()])[0]


def level(tensors: Iterable[Tensor]) -> None:
    """Set floating-point tensors on all processes to their mean, for running statistics."""
    if processes.count() == 1:
        return
    held = [tensor for tensor in tensors if tensor.is_floating_point()]
    with torch.no_grad():
        for tensor, part in zip(held, averaged(held), strict=True):
            tensor.copy_(part)


def mean(metrics: Mapping[str, float]) -> dict[str, float]:
    """The mean over processes of each metric."""
    if processes.count() == 1:
        return dict(metrics)
    values = average(torch.tensor(list(metrics.values()), dtype=torch.float64))
    return dict(zip(metrics, values.tolist(), strict=True))


def total(tensor: Tensor) -> Tensor:
    """The sum over processes, the same bits on all; differentiable any number of times."""
    if processes.count() == 1:
        return tensor
    summed: Tensor = _Sum.apply(tensor)  # type: ignore[no-untyped-call]
    return summed


class _Sum(Function):
    """A sum over processes; one process's input changes it in all, so the gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        """Reduce over all processes."""
        summed = tensor.clone(memory_format=torch.contiguous_format)
        _reduce(summed, dist.ReduceOp.SUM)
        return summed

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Reduce likewise, so that it has a gradient too."""
        return total(gradient)


def _require_same(numbers: list[int]) -> None:
    """Raise UserError unless all processes have the same numbers: the parts with gradients must agree."""
    signature = zlib.crc32(json.dumps(numbers).encode())
    extremes = torch.tensor([signature, -signature])
    _reduce(extremes, dist.ReduceOp.MAX)
    if extremes[0] != -extremes[1]:
        raise UserError(
            "the processes have trained different parts of the network in one step",
            hint="A method must draw its paths from torch's CPU generator or core/rng.py, never by rank.",
        )


def _reduce(tensor: Tensor, how: Any) -> None:
    try:
        dist.all_reduce(tensor, op=how)
    except RuntimeError as error:  # from gloo and from NCCL
        raise processes.lost() from error


def seed_own(*words: Any) -> None:
    """Seed this process's own draws from `words` and its rank; all draws on its GPU are its own."""
    group = processes.group()
    if group is None:
        return
    seed = seed_of(*words, "rank", group.rank)
    group.draws = torch.Generator().manual_seed(seed).get_state()
    if torch.cuda.is_available():
        torch.cuda.manual_seed(seed)


@contextmanager
def own_draws(active: bool = True) -> Iterator[None]:
    """Let torch's CPU generator draw for this process alone, inside the block; restore it afterwards."""
    group = processes.group()
    if group is None or not active:
        yield
        return
    shared = torch.get_rng_state()
    torch.set_rng_state(group.draws)
    try:
        yield
    finally:
        group.draws = torch.get_rng_state()
        torch.set_rng_state(shared)


@contextmanager
def forked_draws(devices: Sequence[torch.device]) -> Iterator[None]:
    """Rewind the generators of the CPU and `devices` after the block, so that its draws come again."""
    group = processes.group()
    kept = group.draws if group else None
    with torch.random.fork_rng(devices):
        yield
    if group is not None and kept is not None:
        group.draws = kept
