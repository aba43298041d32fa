"""A causal network's score at every hop of a clip: what its stream says, batched and differentiable."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.nn.blocks import ClipMean, Head
from audionas.nn.streaming import Step


@dataclass(frozen=True)
class Hops:
    """What of a network is needed for its scores: frames from one to the next, and hops in a clip."""

    hop: int
    window: int

    @staticmethod
    def of(net: nn.Module, io: InputSpec) -> "Hops":
        """Of a network; UserError where it looks ahead or has no mean over the clip at its end."""
        step = Step(net, io)
        if not _pools(net):
            raise UserError("the network has no mean over the clip at its end: it has one score a clip")
        return Hops(step.hop, math.ceil(io.frames / step.hop))

    @contextmanager
    def heard(self, net: nn.Module) -> Iterator[None]:
        """Within, `net` gives (B * hops, classes) logits, those of an example in a row.

        Score n of a clip is that of `streaming.Stream` after its reset: of the last `window` hops, where
        those before the clip are zeros.
        """
        whole = [(head, head.pool) for head in _pools(net)]
        for head, _ in whole:
            head.add_module("pool", _Sliding(self.window))
        try:
            yield
        finally:
            for head, pool in whole:
                head.add_module("pool", pool)


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


def _pools(net: nn.Module) -> list[Head]:
    return [part for part in net.modules() if isinstance(part, Head) and isinstance(part.pool, ClipMean)]
