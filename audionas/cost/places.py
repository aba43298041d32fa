"""The places of a space's options: each (option, shape) once, with the choices that use it."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import nn

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.reporter import amount
from audionas.core.rng import seed_torch
from audionas.nn.blocks import init_weights
from audionas.nn.edge import Edge, Gate, Gates, MixedEdge
from audionas.nn.fold.fold import in_use
from audionas.nn.ops import OPS, OpShape
from audionas.spaces._base import Space, present
from audionas.spaces._slim import SlimSpace


class Place(NamedTuple):
    """An option with everything on which its time depends; `size` is its input's (frequency, time)."""

    option: str
    shape: OpShape
    size: tuple[int, int]

    @property
    def input(self) -> tuple[int, int, int]:
        """The shape of one input, (c_in, F, T)."""
        return (self.shape.c_in, *self.size)

    @property
    def name(self) -> str:
        """A name for a file: `mb_k5_e6-12x1x98-18-s1x2`, with `-causal`, `-relu6`, `-hard` if they apply."""
        shape = self.shape
        words = [self.option, "x".join(map(str, self.input)), str(shape.c_out)]
        words.append("s" + "x".join(map(str, shape.stride)))
        words += ["causal"] * shape.causal + [shape.act] * (shape.act != "relu")
        words += [f"se_{shape.se.act}"] * (shape.se.act != "relu") + ["hard"] * shape.se.hard
        return "-".join(words)

    @property
    def told(self) -> str:
        """Its input, channels out and stride in words."""
        shape = self.shape
        words = f"{'x'.join(map(str, self.input))} to {amount(shape.c_out, 'channel')}"
        return words if shape.stride == (1, 1) else f"{words}, stride {shape.stride[0]}x{shape.stride[1]}"

    def build(self) -> nn.Module:
        """The operation as in final networks, folded, in evaluation mode; weights depend on its name only."""
        with torch.random.fork_rng(devices=[]):
            seed_torch("place", self.name)
            module = OPS[self.option].make(self.shape)
            init_weights(module)
        return in_use(module).eval()

    @property
    def free(self) -> bool:
        """True where it does nothing at all: an identity."""
        with torch.device("meta"):
            return isinstance(OPS[self.option].make(self.shape), nn.Identity)


def places(
    space: Space, io: InputSpec, sizes: Mapping[str, int] | None = None
) -> dict[Place, dict[str, int]]:
    """All places of a space at a size, in the order of the network, with the number of uses by each choice.

    A choice at several edges may have the same place more than once. An option that means a
    missing edge is not included. Raises UserError where the input does not fit, and for a space of widths, in
    which an option has another place for each width around it.
    """
    if isinstance(space, SlimSpace):
        raise UserError(
            f"space {space.name}: an option's time depends on the widths around it, and does not add up",
            hint="Limit what adds up instead, for example: searcher.limits={macs: 1.0e6}",
        )
    if why := no_places(space):
        hint = "Limit what is counted, for example: searcher.limits={hop_macs: 24000}"
        raise UserError(f"space {space.name}: {why}", hint=hint)
    found: dict[Place, dict[str, int]] = {}
    for edge, size in _edges(space, io, sizes or {}):
        for option in present(edge.choice):
            at = found.setdefault(Place(option, edge.shape, size), {})
            at[edge.choice.name] = at.get(edge.choice.name, 0) + 1
    return found


def no_places(space: Space) -> str:
    """The reason why a space's options have no costs of their own; empty where they have."""
    sized = any(choice.sized for choice in space.choices())
    return "it has sizes, with which all other costs change: no option has a cost of its own" if sized else ""


def _edges(space: Space, io: InputSpec, sizes: Mapping[str, int]) -> Iterator[tuple[Edge, tuple[int, int]]]:
    """The edges in the order of execution, each with its input's size, from one pass on the meta device."""
    with torch.device("meta"):
        net = space.supernet(MixedEdge, io, sizes=sizes, final=True)
        gates = Gates({c.name: Gate(torch.ones(len(c.options))) for c in space.choices()})
        x = torch.zeros(1, io.channels, io.freq, io.frames)
    seen: list[tuple[Edge, tuple[int, int]]] = []

    def note(edge: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        assert isinstance(edge, Edge)
        seen.append((edge, (args[0].shape[2], args[0].shape[3])))

    for module in net.modules():
        if isinstance(module, Edge):
            module.register_forward_pre_hook(note)
    net(x, gates)
    return iter(seen)
