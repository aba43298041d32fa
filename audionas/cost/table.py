"""An additive table of the cost of each option of a space, for penalties and quick estimates.

Parameters and MACs add up over a network, so the table is exact for them, and nearly so for milliseconds
from a latency table. Peak memory does not add up (it is a maximum): use `graph.measure`. Where widths are
chosen, the cost of an option depends on them: `SlimTable` counts each operation at each shape once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, Literal, NamedTuple

import torch

from audionas.core.arch import ArchSpec, InputSpec
from audionas.cost.graph import LayerCost, layers
from audionas.cost.lookup import LatencyTable
from audionas.cost.places import no_places
from audionas.nn.blocks import Head
from audionas.nn.edge import Edge, Gate, Gates, MixedEdge
from audionas.nn.ops import OPS, OpShape
from audionas.spaces._base import Space, present
from audionas.spaces._slim import SlimSpace, Taken

What = Literal["macs", "params", "latency_ms"]
Ends = dict[str, tuple[str, ...]]  # choices of a network at an end of the costs


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
    ended: dict[What, tuple[Ends, Ends]] = field(default_factory=dict, compare=False)

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

    def extremes(self, space: Space, what: What) -> tuple[Ends, Ends]:
        """Choices of the cheapest and the dearest network, of options that rank alike in all networks."""
        if what not in self.ended:
            self.ended[what] = self._extremes(space, what)
        least, most = self.ended[what]
        return {**least}, {**most}

    def _extremes(self, space: Space, what: What) -> tuple[Ends, Ends]:
        least: dict[str, tuple[str, ...]] = {}
        most = {choice.name: choice.options[:1] for choice in space.choices()}
        for choice in space.choices():  # the depth comes before what it makes count
            costs = {
                o: self.of(space.spec({**most, choice.name: (o,)}, self.io), what) for o in choice.options
            }
            least[choice.name] = (min(costs, key=costs.__getitem__),)
            most[choice.name] = (max(costs, key=costs.__getitem__),)
        return least, most


@dataclass(frozen=True)
class SlimTable(CostTable):
    """The costs of a space of widths, in which `base` and `options` are empty: nothing adds up by option."""

    space: SlimSpace
    io: InputSpec

    def of(self, spec: ArchSpec, what: What) -> int:
        """Parameters or multiply-adds of the final network of `spec`; milliseconds are not known here."""
        assert what != "latency_ms", "a space of widths has no table of latencies"
        parts = self.space.parts(spec.choices, self.io)
        taken = (spec.choices[part.place.choice.name][0] for part in parts)
        sums = [_operation(o, part.shape, part.frames) for o, part in zip(taken, parts, strict=True)]
        sums.append(_head(parts[-1].shape.c_out, self.io.classes))
        return sum(int(getattr(tally, what)) for tally in sums)

    def _end(self, space: Space, what: What, sign: int) -> dict[str, tuple[str, ...]]:
        """Every setting at its end, where all operations cost least or most; then each place's operation."""
        assert isinstance(space, SlimSpace)
        found: Taken = {c.name: c.options[:1] if sign > 0 else c.options[-1:] for c in space.choices()}
        best = {}
        for place, shape, frames in space.parts(found, self.io):
            costs = {o: sign * getattr(_operation(o, shape, frames), what) for o in place.choice.options}
            best[place.choice.name] = (min(costs, key=costs.__getitem__),)
        return {**found, **best}


@cache
def _operation(option: str, shape: OpShape, frames: int) -> Tally:
    """The cost of an operation of a final network, folded, on (c_in, 1, frames)."""
    with torch.device("meta"):
        op = OPS[option].make(shape)
    return _sum(layers(op, InputSpec(shape.c_in, 1, frames, 0)))


@cache
def _head(channels: int, classes: int) -> Tally:
    with torch.device("meta"):
        head = Head(channels, classes)
    return _sum(layers(head, InputSpec(channels, 1, 1, classes)))


def _sum(found: Iterable[LayerCost]) -> Tally:
    total = Tally()
    for layer in found:
        total = total.plus(layer)
    return total


def table(space: Space, io: InputSpec, sizes: Mapping[str, int] | None = None) -> CostTable:
    """The table of a space at a size, from one pass of its supernet on the meta device (about a second).

    The supernet is built like final networks. In cells it is exact for networks in which all nodes have
    inputs; if a node has none, the output of its cell is narrower, and the network cheaper than estimated.
    The last few tables are cached.
    """
    return _table(space, io, tuple(sorted((sizes or {}).items())))


@lru_cache(maxsize=8)
def _table(space: Space, io: InputSpec, sizes: tuple[tuple[str, int], ...]) -> CostTable:
    if isinstance(space, SlimSpace):
        return SlimTable(Tally(), {}, space, io)
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
