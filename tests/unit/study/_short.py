"""Spaces with few choices: `tests.unit.study._short:mobilenet` searches the first two of its layers.

Of a chain the other layers are `skip`; of DARTS' cells the last two nodes have no edges. All else is the
space's own: options, stem, head, what a method may do with it.
"""

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor, nn

from audionas.core.arch import ArchSpec, Choice, InputSpec
from audionas.core.registry import resolve
from audionas.nn.edge import EdgeFactory, Gates
from audionas.nn.ops import OPS, OpShape
from audionas.spaces import Space

LAYERS = 2
NODES = ("2", "3")  # the first two of a DARTS cell


class Passing(nn.Module):
    """A layer that is not searched: an identity, or a convolution where the shape changes.

    It has none of its choice's operations, which mixednet asks for.
    """

    def __init__(self, choice: Choice, shape: OpShape) -> None:
        super().__init__()
        self.choice, self.op = choice, OPS["skip"].make(shape)
        self.ops = dict[str, nn.Module]()

    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor:
        found: Tensor = self.op(x)
        return found


def shortened(space: Space) -> Space:
    """The space with the same parameters and few choices."""
    fields = {f.name: getattr(space, f.name) for f in dataclasses.fields(space)}
    found: Space = _kind(space.name)(**fields)
    return found


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return _kind(name)


@functools.cache
def _kind(name: str) -> Any:
    whole = resolve("space", name)

    class Short(whole):  # type: ignore[misc]
        def choices(self) -> tuple[Choice, ...]:
            every = super().choices()
            return tuple(c for c in every if c.node[-1:] in NODES) if self.inputs else every[:LAYERS]

        def network(self, fill: EdgeFactory, io: InputSpec, scale: Any) -> nn.Module:
            known = {choice.name for choice in self.choices()}

            def some(choice: Choice, shape: OpShape) -> Any:
                if choice.name in known:
                    return fill(choice, shape)
                return None if self.inputs else Passing(choice, shape)

            fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
            found: nn.Module = whole(**fields).network(some, io, scale)
            return found

        def repair(self, choices: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
            every = {choice.name: () for choice in super().choices()}
            found = super().repair({**every, **choices})
            return {name: options for name, options in found.items() if name in choices}

        def canonical(self, spec: ArchSpec) -> str:
            return spec.id

    Short.__name__ = Short.__qualname__ = name
    Short.__module__ = __name__
    return Short
