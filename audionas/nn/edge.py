"""The place of a choice: an edge holds candidate operations and combines them by a gate.

A factory may return None instead of an edge: a cell's edge that the architecture leaves out.
Gates are passed, never stored: `net(x, gates)` is a pure function given the random state. In the
field's terms, an edge is a mixed operation, and a gate is its weights over the candidates.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from audionas.core.arch import Choice
from audionas.nn._norm import EndsInNorm
from audionas.nn._sharing import offered, once, sharing
from audionas.nn.ops import OPS, OpShape


class Gate(NamedTuple):
    """Weights over a choice's options, and the indices of those that run.

    `weight` is (options,). `active` holds Python indices drawn on the CPU, so that no GPU result decides
    which operation runs; None runs all of them, () none: the edge returns nothing. The options
    in `frozen` run without a graph: only their weight learns (ProxylessNAS' inactive path). `scale`
    multiplies the whole edge.
    """

    weight: Tensor
    active: tuple[int, ...] | None = None
    frozen: tuple[int, ...] = ()
    scale: Tensor | None = None


@dataclass(frozen=True)
class Gates(Mapping[str, Gate]):
    """One gate per choice, by name, and schedule scalars (`extra`) that edges of a method read."""

    gates: Mapping[str, Gate]
    extra: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Gate:
        return self.gates[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.gates)

    def __len__(self) -> int:
        return len(self.gates)


class Edge(nn.Module, ABC):
    """Holds `ops`, one module per option, under the option's name in every kind of edge.

    Weights are therefore inherited by name: the state of a derived network is a part of its
    supernet's. An edge whose options share weights defines in `weights_of` which belong to which option.
    """

    def __init__(self, choice: Choice, shape: OpShape, options: tuple[str, ...]) -> None:
        super().__init__()
        self.choice = choice
        self.shape = shape
        self.ops = nn.ModuleDict(self.make_ops(shape, options))

    def make_ops(self, shape: OpShape, options: tuple[str, ...]) -> dict[str, nn.Module]:
        """The candidate modules by option; a method may build them differently (MergeNAS: one kernel)."""
        return {name: OPS[name].make(shape) for name in options}

    def weights_of(self, option: str) -> dict[str, Tensor]:
        """The state that an option alone would have, by its own names; empty if it has no own state."""
        return dict(self.ops[option].state_dict()) if option in self.ops else {}

    @abstractmethod
    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor | None:
        """(B, c_in, F, T) to (B, c_out, F', T'); None where the edge returns nothing (in cells only)."""


def shuffle(x: Tensor, groups: int) -> Tensor:
    """Interleave the channels of `groups` equal groups of (B, C, H, W); C / groups undoes it."""
    rows = x.permute(0, 2, 3, 1)  # stays in channels_last memory
    last = rows.reshape(*rows.shape[:3], groups, -1)
    return last.transpose(-1, -2).flatten(-2).permute(0, 3, 1, 2)


class MixedEdge(Edge):
    """Separate weights per option; the output is the options' sum weighted by the gate (DARTS, eq. 2).

    `options` builds only some of the choice's options; a gate then has only these active. An edge with
    partial channels (`nn/partial.py`) has `k` parts: the first goes through `mix`, the others through
    `bypass`, and all are shuffled. `shape` is that of the options, C / k channels.
    """

    bypass: nn.Module

    def __init__(self, choice: Choice, shape: OpShape, options: tuple[str, ...] | None = None) -> None:
        super().__init__(choice, shape, choice.options if options is None else options)
        self.k = 1

    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor | None:
        """Sum the active options."""
        parts = self.parts(x, gates)
        if parts is None or gates is None:
            return None
        scale, y = gates[self.choice.name].scale, self.joined(parts)
        return y if scale is None else y * scale

    def parts(self, x: Tensor, gates: Gates | None) -> tuple[Tensor, ...] | None:
        """The sum of the options, (B, C / k, F', T'), and what went by, (B, C - C / k, F', T'); with
        k = 1 the first alone. The gate's `scale` is not in it.
        """
        assert gates is not None, "a supernet runs only with gates"
        gate = gates[self.choice.name]
        if gate.active == ():
            return None
        parts: tuple[Tensor, ...] = (x,)
        if self.k > 1:
            parts = offered(x, ("parts", self.shape.c_in), self._split)
        searched, *rest = parts
        passed = (once(part, ("bypass", self.shape.stride), self.bypass) for part in rest)
        return self.mix(searched, gate, gates.extra), *passed

    def _split(self, x: Tensor) -> tuple[Tensor, ...]:
        """The channels that are searched, and the others, each in its own channels_last memory."""
        cut = torch.split_with_sizes(x, [self.shape.c_in, x.shape[1] - self.shape.c_in], dim=1)
        return tuple(part.contiguous(memory_format=torch.channels_last) for part in cut)

    def joined(self, parts: tuple[Tensor, ...]) -> Tensor:
        """(B, C, F, T), its channels shuffled, of the parts."""
        return parts[0] if len(parts) == 1 else shuffle(torch.cat(parts, dim=1), self.k)

    def mix(self, x: Tensor, gate: Gate, extra: Mapping[str, float]) -> Tensor:
        """The weighted sum over the active options; a method's edge may add to it."""
        weights = gate.weight.unbind()
        total: Tensor | None = None
        with sharing() as offer:
            offer(x)
            for index in range(len(weights)) if gate.active is None else gate.active:
                name = self.choice.options[index]
                if OPS[name].kind == "none":
                    continue  # adds zeros
                op, weight = self.ops[name], weights[index]
                if isinstance(op, EndsInNorm) and index not in gate.frozen and self.passes(name):
                    term = op(x, weight)
                else:
                    with torch.set_grad_enabled(torch.is_grad_enabled() and index not in gate.frozen):
                        y = self.output(name, op(x), extra)
                    term = weight * y
                total = term if total is None else total.add_(term)  # every term is a separate tensor
        if total is None:
            zeros: Tensor = OPS["none"].make(self.shape)(x)
            return zeros
        return total

    def output(self, option: str, y: Tensor, extra: Mapping[str, float]) -> Tensor:
        """The contribution of an option's output `y`; a method's edge may change it (noise on skips)."""
        return y

    def passes(self, option: str) -> bool:
        """True where `output` does not change this option's output: its weight may act inside the operation.

        An edge that overrides `output` for some options may name here those that it does not change.
        """
        return type(self).output is MixedEdge.output


def summed(entering: Sequence[tuple[Edge, Tensor]], gates: Gates | None) -> Tensor | None:
    """The sum of the outputs of edges, each with its input; None where no edge returns anything.

    Mixed edges with the same `k` above 1 are summed part by part, which is joined once.
    """
    cut = {edge.k if isinstance(edge, MixedEdge) else 1 for edge, _ in entering}
    if gates is not None and len(cut) == 1 and cut != {1}:
        return _summed_parts(entering, gates)
    fresh = all(isinstance(edge, MixedEdge) for edge, _ in entering)  # others may return their input
    total: Tensor | None = None
    for edge, x in entering:
        y: Tensor | None = edge(x, gates)
        if y is not None:
            total = y if total is None else total.add_(y) if fresh else total + y
    return total


def _summed_parts(entering: Sequence[tuple[Edge, Tensor]], gates: Gates) -> Tensor | None:
    total: tuple[Tensor, ...] | None = None
    for edge, x in entering:
        assert isinstance(edge, MixedEdge)
        parts, scale = edge.parts(x, gates), gates[edge.choice.name].scale
        if parts is not None:
            scaled = parts if scale is None else tuple(part * scale for part in parts)
            total = scaled if total is None else tuple(map(torch.add, total, scaled))
    last = entering[-1][0]
    return last.joined(total) if total is not None and isinstance(last, MixedEdge) else None


class FixedEdge(Edge):
    """The chosen options, summed in the choice's order; usually one."""

    def __init__(self, choice: Choice, shape: OpShape, *, chosen: tuple[str, ...]) -> None:
        super().__init__(choice, shape, tuple(option for option in choice.options if option in chosen))

    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor:
        """Sum the chosen options; in training `gates.extra["drop_path"]` drops paths other than skips."""
        drop = gates.extra.get("drop_path", 0.0) if gates is not None and self.training else 0.0
        total: Tensor | None = None
        for name, op in self.ops.items():
            y = op(x) if OPS[name].kind == "skip" else drop_path(op(x), drop)
            total = y if total is None else total + y
        assert total is not None, f"{self.choice.name}: an absent edge has no place in a network"
        return total


EdgeFactory = Callable[[Choice, OpShape], Edge | None]


def drop_path(y: Tensor, probability: float) -> Tensor:
    """Zero whole examples of (B, ...) with `probability` and scale the others up; out of place."""
    if probability == 0.0:
        return y
    keep = functional.dropout(y.new_ones(y.shape[0], *[1] * (y.dim() - 1)), probability)
    return y * keep
