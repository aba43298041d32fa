"""Where a choice lives: an edge holds candidate operations and combines them as a gate says.

Gates are passed, never stored: `net(x, gates)` is a pure function given the random state. In the
field's terms an edge is a mixed operation, and a gate its weights over the candidates.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor, nn

from audionas.core.arch import Choice
from audionas.nn.ops import OPS, OpShape


class Gate(NamedTuple):
    """Weights over a choice's options, and which of them run.

    `weight` is (options,). `active` holds Python indices drawn on the CPU, so that a GPU is never
    asked which operation to run; None runs all of them. `scale` multiplies the whole edge.
    """

    weight: Tensor
    active: tuple[int, ...] | None = None
    scale: Tensor | None = None


@dataclass(frozen=True)
class Gates(Mapping[str, Gate]):
    """A gate for each choice by name, and schedule scalars (`extra`) that edges of a method read."""

    gates: Mapping[str, Gate]
    extra: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Gate:
        return self.gates[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.gates)

    def __len__(self) -> int:
        return len(self.gates)


class Edge(nn.Module, ABC):
    """Holds `ops`, one module an option, under the option's name in every kind of edge.

    Weights are therefore inherited by name: the state of a derived network is a part of its
    supernet's.
    """

    def __init__(self, choice: Choice, shape: OpShape, options: tuple[str, ...]) -> None:
        super().__init__()
        self.choice = choice
        self.shape = shape
        self.ops = nn.ModuleDict(self.make_ops(shape, options))

    def make_ops(self, shape: OpShape, options: tuple[str, ...]) -> dict[str, nn.Module]:
        """The candidate modules by option; a method may build them otherwise (PC-DARTS: fewer channels)."""
        return {name: OPS[name].make(shape) for name in options}

    @abstractmethod
    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor:
        """(B, c_in, F, T) to (B, c_out, F', T')."""


class MixedEdge(Edge):
    """Separate weights an option; the output is their sum weighted by the gate (DARTS, eq. 2)."""

    def __init__(self, choice: Choice, shape: OpShape) -> None:
        super().__init__(choice, shape, choice.options)

    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor:
        """Sum the active options."""
        assert gates is not None, "a supernet runs only with gates"
        gate = gates[self.choice.name]
        mixed = self.mix(x, gate, gates.extra)
        return mixed if gate.scale is None else mixed * gate.scale

    def mix(self, x: Tensor, gate: Gate, extra: Mapping[str, float]) -> Tensor:
        """The weighted sum over the active options; a method's edge may add to it."""
        active = range(len(self.choice.options)) if gate.active is None else gate.active
        total: Tensor | None = None
        for index in active:
            name = self.choice.options[index]
            term = gate.weight[index] * self.output(name, self.ops[name](x), extra)
            total = term if total is None else total + term
        assert total is not None, f"{self.choice.name}: no option is active"
        return total

    def output(self, option: str, y: Tensor, extra: Mapping[str, float]) -> Tensor:
        """What an option's output `y` contributes; a method's edge may change it (noise on skips)."""
        return y


class FixedEdge(Edge):
    """The options that were chosen, summed in the choice's order; usually one. Ignores gates."""

    def __init__(self, choice: Choice, shape: OpShape, *, chosen: tuple[str, ...]) -> None:
        super().__init__(choice, shape, tuple(option for option in choice.options if option in chosen))

    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor:
        """Sum the chosen options."""
        first, *rest = self.ops.values()
        total: Tensor = first(x)
        for op in rest:
            total = total + op(x)
        return total


EdgeFactory = Callable[[Choice, OpShape], Edge]
