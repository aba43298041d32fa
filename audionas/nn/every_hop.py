"""A causal network's score at every hop of a clip: the scores of its stream, batched and differentiable."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeGuard

from torch import Tensor, nn
from torch.nn import functional

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.nn.blocks import Head
from audionas.nn.means import ClipMean
from audionas.nn.mixed.heads import EveryLast, LastFrames, LastHead
from audionas.nn.streaming import Step


@dataclass(frozen=True)
class Hops:
    """The data needed for a network's scores: frames from one score to the next, and hops per clip."""

    hop: int
    window: int

    @staticmethod
    def of(net: nn.Module, io: InputSpec) -> "Hops":
        """The hops of a network; UserError where it looks ahead, or ends in something else than a mean over
        the clip or its last frames.
        """
        step = Step(net, io)
        if not _heads(net):
            raise UserError("the network does not end in a mean over the clip, so it has one score per clip")
        return Hops(step.hop, math.ceil(io.frames / step.hop))

    @contextmanager
    def heard(self, net: nn.Module) -> Iterator[None]:
        """In this context, `net` returns (B * hops, classes) logits, those of an example in a row.

        Score n of a clip is that of `streaming.Stream` after a reset: of the last `window` hops, or of as
        many as the head reads, with zeros for hops before the clip.
        """
        with _pooled(net, lambda pool: EveryLast(pool) if _few(pool) else _Sliding(self.window)):
            yield

    @contextmanager
    def ended(self, net: nn.Module) -> Iterator[None]:
        """In this context, `net` returns logits (B, classes) of the last `window` hops, after any past."""
        with _pooled(net, lambda pool: pool if _few(pool) else _Last(self.window)):
            yield


@contextmanager
def _pooled(net: nn.Module, other: Callable[[nn.Module], nn.Module]) -> Iterator[None]:
    """In this context, heads have the `other` pool of theirs."""
    whole = [(head, head.pool) for head in _heads(net)]
    for head, pool in whole:
        head.add_module("pool", other(pool))
    try:
        yield
    finally:
        for head, pool in whole:
            head.add_module("pool", pool)


class _Last(nn.Module):
    """The mean over frequency and over the last `window` frames."""

    def __init__(self, window: int) -> None:
        super().__init__()
        self.window = window

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, F, T) to (B, C, 1, 1)."""
        return x[..., -self.window :].mean((2, 3), keepdim=True)


class _Sliding(nn.Module):
    """The mean over frequency and over the last `window` frames, at every frame."""

    def __init__(self, window: int) -> None:
        super().__init__()
        self.window = window

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, F, T) to (B * T, C, 1, 1)."""
        line = functional.pad(x.mean(2, keepdim=True), (self.window - 1, 0))
        means = functional.avg_pool2d(line, (1, self.window), 1)  # (B, C, 1, T)
        return means.permute(0, 3, 1, 2).flatten(0, 1).unsqueeze(3)


def _heads(net: nn.Module) -> list[Head | LastHead]:
    heads = [part for part in net.modules() if isinstance(part, (Head, LastHead))]
    return [head for head in heads if isinstance(head.pool, (ClipMean, LastFrames))]


def _few(pool: nn.Module) -> TypeGuard[LastFrames]:
    """True for what reads as many frames in a stream as in a clip."""
    return isinstance(pool, LastFrames)
