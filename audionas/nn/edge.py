"""The place of a choice: an edge holds candidate operations and combines them by a gate.

A factory may return None instead of an edge: a cell's edge that the architecture leaves out.
Gates are passed, never stored: `net(x, gates)` is a pure function given the random state. In the
field's terms, an edge is a mixed operation, and a gate is its weights over the candidates.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from audionas.core.arch import Choice
from audionas.nn._norm import weighted
from audionas.nn._sharing import sharing
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
        assert gates is not None, "a supernet runs only with gates"
        gate = gates[self.choice.name]
        if gate.active == ():
            return None
        if self.k == 1:
            mixed = self.mix(x, gate, gates.extra)
        else:
            c = self.shape.c_in
            mixed = self.mix(x[:, :c], gate, gates.extra)
            mixed = shuffle(torch.cat([mixed, self.bypass(x[:, c:])], dim=1), self.k)
        return mixed if gate.scale is None else mixed * gate.scale

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
                if index not in gate.frozen and self.passes(name):
                    term = weighted(self.ops[name], x, weights[index])
                else:
                    with torch.set_grad_enabled(torch.is_grad_enabled() and index not in gate.frozen):
                        y = self.output(name, self.ops[name](x), extra)
                    term = weights[index] * y
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
