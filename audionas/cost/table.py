"""An additive table of the cost of each option of a space, for penalties and quick estimates.

Parameters and MACs add up over a network, so the table is exact for them, and nearly so for milliseconds
from a latency table. Peak memory does not add up (it is a maximum): use `graph.measure`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import torch

from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import UserError
from audionas.cost.graph import LayerCost, layers
from audionas.cost.lookup import LatencyTable
from audionas.cost.places import no_places
from audionas.nn.edge import Edge, Gate, Gates, MixedEdge
from audionas.spaces._base import Space, present

What = Literal["macs", "params", "latency_ms"]


class Tally(NamedTuple):
    """A sum of costs; milliseconds are 0 unless a latency table was added (`with_latency`)."""

    params: int = 0
    macs: int = 0
    latency_ms: float = 0.0

    def plus(self, layer: LayerCost) -> "Tally":
        """The sum with one more layer."""
        return self._replace(params=self.params + layer.params, macs=self.macs + layer.macs)


@dataclass(frozen=True)
class CostTable:
    """The costs of a space: `base` is common to all its networks; `options` is by choice, then by option.

    A choice at several edges has the sum over them.
    """

    base: Tally
    options: Mapping[str, Mapping[str, Tally]]

    def of(self, spec: ArchSpec, what: What) -> Any:
        """The cost of the final network of `spec`: a whole number, or milliseconds."""
        taken = (self.options[name][option] for name, some in spec.choices.items() for option in some)
        return getattr(self.base, what) + sum(getattr(tally, what) for tally in taken)

    def extremes(
        self, space: Space, what: What
    ) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
        """Choices of the cheapest and the dearest network: one option per choice, `inputs` edges per node."""
        return self._end(space, what, 1), self._end(space, what, -1)

    def with_latency(self, latency: LatencyTable) -> "CostTable":
        """The same with the milliseconds of `latency`, whose entries add up as these do.

        An option without an entry takes no time: `none` on an edge that may be absent. No others lack one.
        """
        options = {
            name: {o: t._replace(latency_ms=latency.options[name].get(o, 0.0)) for o, t in some.items()}
            for name, some in self.options.items()
        }
        return CostTable(self.base._replace(latency_ms=latency.base), options)

    def _end(self, space: Space, what: What, sign: int) -> dict[str, tuple[str, ...]]:
        kept: dict[str, tuple[str, ...]] = {}
        for edges in space.nodes():
            best = {}
            for choice in edges:
                costs = {o: sign * getattr(self.options[choice.name][o], what) for o in present(choice)}
                option = min(costs, key=costs.__getitem__)
                best[choice.name] = (costs[option], option)
            stay = sorted(best, key=lambda name: best[name][0])[: space.inputs or len(best)]
            kept |= {name: (option,) if name in stay else () for name, (_, option) in best.items()}
        return {choice.name: kept[choice.name] for choice in space.choices()}


@dataclass(frozen=True)
class Counted(CostTable):
    """The costs of a space with sizes, which do not add up: each network is counted, in milliseconds."""

    space: Space
    io: InputSpec
    known: dict[str, Tally] = field(default_factory=dict, compare=False)

    def of(self, spec: ArchSpec, what: What) -> Any:
        """The cost of the final network of `spec`, a whole number."""
        form = self.space.canonical(spec)
        if form not in self.known:
            with torch.device("meta"):
                net = self.space.build(spec, io=self.io)
            tally = Tally()
            for layer in layers(net, self.io):
                tally = tally.plus(layer)
            self.known[form] = tally
        return getattr(self.known[form], what)

    def extremes(
        self, space: Space, what: What
    ) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
        """Choices of the cheapest and the dearest network, of options that rank alike in all networks."""
        least: dict[str, tuple[str, ...]] = {}
        most = {choice.name: choice.options[:1] for choice in space.choices()}
        for choice in space.choices():  # the depth comes before what it makes count
            costs = {
                o: self.of(space.spec({**most, choice.name: (o,)}, self.io), what) for o in choice.options
            }
            least[choice.name] = (min(costs, key=costs.__getitem__),)
            most[choice.name] = (max(costs, key=costs.__getitem__),)
        return least, most

    def with_latency(self, latency: LatencyTable) -> CostTable:
        """Refused: milliseconds of parts do not add up to those of a network."""
        raise UserError(f"space {self.space.name}: {no_places(self.space)}")


def table(space: Space, io: InputSpec, sizes: Mapping[str, int] | None = None) -> CostTable:
    """The table of a space at a size, from one pass of its supernet on the meta device (about a second).

    The supernet is built like final networks. In cells it is exact for networks in which all nodes have
    inputs; if a node has none, the output of its cell is narrower, and the network cheaper than estimated.
    The last few tables are cached.
    """
    return _table(space, io, tuple(sorted((sizes or {}).items())))


@lru_cache(maxsize=8)
def _table(space: Space, io: InputSpec, sizes: tuple[tuple[str, int], ...]) -> CostTable:
    if no_places(space):
        return Counted(Tally(), {}, space, io)
    with torch.device("meta"):
        net = space.supernet(MixedEdge, io, sizes=dict(sizes), final=True)
        gates = Gates({c.name: Gate(torch.ones(len(c.options))) for c in space.choices()})
    place = {  # the option that a module belongs to, by the module's prefix
        f"{path}.ops.{option}.": (edge.choice.name, option)
        for path, edge in net.named_modules()
        if isinstance(edge, Edge)
        for option in edge.ops
    }
    base = Tally()
    options = {c.name: dict.fromkeys(c.options, Tally()) for c in space.choices()}
    for layer in layers(net, io, gates):
        owner = _owner(place, layer.name)
        if owner is None:
            base = base.plus(layer)
        else:
            name, option = owner
            options[name][option] = options[name][option].plus(layer)
    return CostTable(base, options)


def _owner(place: Mapping[str, tuple[str, str]], layer: str) -> tuple[str, str] | None:
    """The choice and option to which a layer belongs, by its name's longest known prefix."""
    parts = f"{layer}.".split(".")
    prefixes = (".".join(parts[:n]) + "." for n in range(len(parts) - 1, 0, -1))
    return next((place[p] for p in prefixes if p in place), None)


def ends(space: Space, io: InputSpec) -> dict[str, dict[str, Any]]:
    """The networks of a space with the fewest and with the most multiply-adds: parameters, MACs, choices."""
    costs = table(space, io)
    found = {}
    for which, choices in zip(("cheapest", "dearest"), costs.extremes(space, "macs"), strict=True):
        spec = space.spec(choices, io)
        found[which] = {
            "params": costs.of(spec, "params"),
            "macs": costs.of(spec, "macs"),
            "choices": {name: "".join(options[:1]) for name, options in choices.items()},
        }
    return found
