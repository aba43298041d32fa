"""The base of chains in which widths and strides are chosen beside the operations.

A network of few channels uses the leading slices of the supernet's weights. What an operation costs depends
on the widths around it, so that costs of options do not add up (`cost/table.SlimTable`).
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from audionas.core.arch import Choice, InputSpec
from audionas.nn.blocks import Head
from audionas.nn.edge import Edge, EdgeFactory, Gates, MixedEdge
from audionas.nn.ops import FREE, OPS, OpShape
from audionas.nn.slim.edge import SlimEdge
from audionas.nn.slim.ends import Lowest, SlimHead
from audionas.nn.slim.setting import Setting
from audionas.nn.slim.slices import leading
from audionas.spaces._base import BuildSize, Space
from audionas.spaces._chain import Chain, one_channel

Taken = Mapping[str, tuple[str, ...]]


class Place(NamedTuple):
    """A choice of operations in the chain, and the settings of its channels out and of its stride.

    Without a width it keeps the channels, without a stride the frames.
    """

    choice: Choice
    width: Setting | None = None
    stride: Setting | None = None


class Part(NamedTuple):
    """A place in one network: its operations' shape, and the frames that enter."""

    place: Place
    shape: OpShape
    frames: int


@dataclass(frozen=True, kw_only=True)
class SlimSpace(Space):
    """A chain over time of `places`, in which `bands` says how many rows of the input are read."""

    @abstractmethod
    def bands(self) -> Setting:
        """The setting of the rows of the input that are read."""

    @abstractmethod
    def places(self) -> Sequence[Place]:
        """The choices of operations in the order of the network."""

    @abstractmethod
    def shape(self) -> OpShape:
        """The common part of the shapes of all operations."""

    def choices(self) -> tuple[Choice, ...]:
        """The bands, then by place the operation, the width and the stride."""
        found = [self.bands().choice]
        for place in self.places():
            found += [place.choice, *(s.choice for s in (place.width, place.stride) if s is not None)]
        return tuple(found)

    def watched(self) -> tuple[Choice, ...]:
        """The places that may be skipped."""
        return tuple(p.choice for p in self.places() if any(OPS[o].kind in FREE for o in p.choice.options))

    def placed(self) -> list[Place]:
        """The places with the options that a profile leaves."""
        left = {choice.name: choice for choice in self.choices()}
        return [place._replace(choice=left[place.choice.name]) for place in self.places()]

    def parts(self, taken: Taken, io: InputSpec) -> list[Part]:
        """The places of a network, each with its shape; of the largest one where nothing is taken."""
        c_in, frames, found = self.rows(taken, io), io.frames, []
        for place in self.placed():
            c_out = c_in if place.width is None else chosen(taken, place.width)
            step = 1 if place.stride is None else chosen(taken, place.stride)
            shape = self.shape()._replace(c_in=c_in, c_out=c_out, stride=(1, step))
            found.append(Part(place, shape, frames))
            c_in, frames = c_out, -(-frames // step)
        return found

    def rows(self, taken: Taken, io: InputSpec) -> int:
        """The rows of the input that a network reads: never more than there are."""
        return min(chosen(taken, self.bands()), io.freq)

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        """The chain: of fixed shapes for a final network, else of the largest ones and cut by the gates."""
        one_channel(io, self.name)
        parts, rows = self.parts(scale.taken, io), self.rows(scale.taken, io)
        edges = [fill(part.place.choice, part.shape) for part in parts]
        last, dropout = parts[-1].shape.c_out, scale.dropout_or(0.0)
        if scale.taken:
            stem = nn.Identity() if rows == io.freq else Lowest(rows)
            return Chain(stem, edges, Head(last, io.classes, dropout), fold=True)
        return SlimChain(self.bands(), self.placed(), edges, SlimHead(last, io.classes, dropout))

    def shared(self, have: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The leading slices of the supernet's weights, but for a head of other classes."""

        def cut(name: str, tensor: Tensor) -> bool:
            return name in wanted and not (name.startswith("head.") and len(tensor) != len(wanted[name]))

        return {n: leading(t, wanted[n].shape) if cut(n, t) else t for n, t in have.items()}


class SlimChain(Chain):
    """The supernet of a `SlimSpace`."""

    def __init__(
        self, bands: Setting, places: Sequence[Place], edges: Sequence[Edge | None], head: Head
    ) -> None:
        slim = [
            SlimEdge(edge, place.width, place.stride) if isinstance(edge, MixedEdge) else edge
            for edge, place in zip(edges, places, strict=True)
        ]
        super().__init__(nn.Identity(), slim, head, fold=True)
        self.bands = bands

    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor:
        """(B, 1, F, T) to (B, classes) logits."""
        assert gates is not None, "a supernet runs only with gates"
        x = x[:, :, : self.bands.of(gates)]
        return super().forward(x, gates)


def chosen(taken: Taken, setting: Setting) -> int:
    """The value that is taken of a setting; the dearest where nothing is."""
    return int(taken[setting.name][0]) if setting.name in taken else setting.values[-1]
