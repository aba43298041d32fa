"""The skeleton of chain spaces: stem, edges in sequence, head."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from audionas.core.arch import Choice, InputSpec
from audionas.core.errors import UserError
from audionas.nn.blocks import ConvBN, Head, multiple_of_eight
from audionas.nn.edge import Edge, EdgeFactory, Gates
from audionas.nn.ops import OpShape


class Chain(nn.Module):
    """Stem, edges in sequence, head: the skeleton of every chain space.

    With `fold`, frequency becomes channels, (B, 1, F, T) to (B, F, 1, T), for temporal networks.
    """

    def __init__(self, stem: nn.Module, edges: Sequence[Edge | None], head: nn.Module, *, fold: bool) -> None:
        super().__init__()
        self.stem = stem
        self.edges = nn.ModuleDict({edge.choice.name: edge for edge in edges if edge is not None})
        self.head = head
        self.fold = fold

    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor:
        """(B, 1, F, T) to (B, classes) logits."""
        if self.fold:
            x = x.transpose(1, 2)
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        for edge in self.edges.values():
            x = edge(x, gates)
        logits: Tensor = self.head(x)
        return logits


def temporal_chain(
    choices: Sequence[Choice],
    fill: EdgeFactory,
    io: InputSpec,
    *,
    channels: Sequence[int],
    strides: Sequence[int],
    causal: bool,
    dropout: float,
) -> Chain:
    """A network over time: a stem with kernel 3 to `channels[0]`, then one edge per choice."""
    stem = ConvBN(io.freq, channels[0], (1, 3), causal=causal)
    shapes = [
        OpShape(c_in, c_out, (1, stride), causal)
        for c_in, c_out, stride in zip(channels[:-1], channels[1:], strides, strict=True)
    ]
    edges = [fill(choice, shape) for choice, shape in zip(choices, shapes, strict=True)]
    return Chain(stem, edges, Head(channels[-1], io.classes, dropout), fold=True)


def one_channel(io: InputSpec, space: str) -> None:
    """Raise UserError unless the input is one feature map, (1, F, T)."""
    if io.channels != 1:
        raise UserError(
            f"space {space} takes one feature map, not {io.channels} channels", hint="For example: 1x40x98"
        )


def scaled(channels: Iterable[int], width: float) -> list[int]:
    """Channel counts times `width`, rounded to the nearest integer, at least 1."""
    return [max(1, round(c * width)) for c in channels]


def eights(channels: Iterable[float], width: float) -> list[int]:
    """Channel counts times `width` as multiples of 8 (`multiple_of_eight`)."""
    return [multiple_of_eight(c * width) for c in channels]
