"""The operators of every network of a space, joined from a few recordings: a table by edge and option."""

from collections.abc import Mapping
from typing import NamedTuple

import torch

from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import UserError
from audionas.cost.operators import Program
from audionas.cost.recorded import record, recorded
from audionas.cost.written import Node, Recording, Span, program
from audionas.nn.edge import Edge
from audionas.spaces._base import Space, present
from audionas.spaces._slim import SlimSpace


class _Piece(NamedTuple):
    """An option at an edge: its operators, what goes in and out, and the next values of its states."""

    nodes: list[Node]
    given: str
    made: str
    states: dict[str, str]


class ArenaTable:
    """The programs of a space's networks. The first request records as many networks as a choice has options.

    Where a part common to all networks differs between them, an edge is absent, or widths are chosen, the
    network itself is recorded.
    """

    def __init__(self, space: Space, io: InputSpec, sizes: Mapping[str, int] | None = None) -> None:
        self.space, self.io, self.sizes = space, io, dict(sizes or {})
        self._pieces: dict[tuple[str, str], _Piece] = {}
        self._frame: Recording | None = None
        self._choice: dict[str, str] = {}  # by the edge's path
        self._order = {choice.name: choice.options for choice in space.choices()}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._filled = False

    def of(self, spec: ArchSpec) -> Program:
        """The program of a network. Raises UserError where it looks ahead."""
        if not self._filled:
            self._fill()
        if self._frame is not None and self._covers(spec):
            return program(self._joined(spec, self._frame), self.io.classes)
        with torch.device("meta"):
            return recorded(self.space.build(spec), self.io)

    def _covers(self, spec: ArchSpec) -> bool:
        """True where every edge is there and each of its options was recorded."""
        taken = ((edge, spec.choices[choice]) for edge, choice in self._choice.items())
        return all(some and all((edge, option) in self._pieces for option in some) for edge, some in taken)

    def _fill(self) -> None:
        """Record networks until each option of each choice was in one of them."""
        self._filled = True
        if isinstance(self.space, SlimSpace):
            return  # an option has other operators for each width around it
        choices = self.space.choices()
        if any(choice.sized for choice in choices):  # each size changes what others cost
            return
        found = []
        for number in range(max((len(present(c)) for c in choices), default=0)):
            taken = {c.name: present(c)[min(number, len(present(c)) - 1)] for c in choices}
            try:
                spec = self.space.spec({name: (o,) for name, o in taken.items()}, self.io, sizes=self.sizes)
            except UserError:  # not every combination is a network of this space
                return
            with torch.device("meta"):
                net = self.space.build(spec)
            self._choice = {p: e.choice.name for p, e in net.named_modules() if isinstance(e, Edge)}
            one = record(net, self.io, f"{number}.")
            found.append(one)
            for span in one.spans:
                self._pieces[span.edge, taken[self._choice[span.edge]]] = _piece(one, span)
            self._shapes |= one.shapes
        alike = len({tuple(_outline(one)) for one in found}) == 1
        if alike and all(_closed(piece) for piece in self._pieces.values()):
            self._frame = found[0]

    def _taken(self, spec: ArchSpec, edge: str) -> list[_Piece]:
        """The pieces at an edge, in the choice's order."""
        choice = self._choice[edge]
        options = (option for option in self._order[choice] if option in spec.choices[choice])
        return [self._pieces[edge, option] for option in options]

    def _joined(self, spec: ArchSpec, frame: Recording) -> Recording:
        """The frame's operators with the pieces of a network in place of its own."""
        named: dict[str, str] = {}
        nodes: list[Node] = []
        shapes, at = dict(self._shapes), 0
        states = {name: kept for name, kept in frame.states.items() if not _inside(frame, kept)}
        for span in frame.spans:
            nodes += [_renamed(node, named) for node in frame.nodes[at : span.first]]
            at = span.last
            total, given = "", named.get(span.given, span.given)
            for piece in self._taken(spec, span.edge):
                nodes += [_renamed(node, {piece.given: given}) for node in piece.nodes]
                made = given if piece.made == piece.given else piece.made
                if total:
                    nodes.append(Node("ADD", (total, made), f"{total} + {made}"))
                    shapes[nodes[-1].makes] = shapes[made]
                    made = nodes[-1].makes
                total = made
                states |= piece.states
            named[span.made] = total
        nodes += [_renamed(node, named) for node in frame.nodes[at:]]
        place = {node.makes: index for index, node in enumerate(nodes)}
        states = dict(sorted(states.items(), key=lambda state: place[state[1]]))
        return Recording(nodes, shapes, states, named.get(frame.logits, frame.logits), [])


def _piece(found: Recording, span: Span) -> _Piece:
    nodes = found.nodes[span.first : span.last]
    made = {node.makes for node in nodes}
    return _Piece(nodes, span.given, span.made, {s: kept for s, kept in found.states.items() if kept in made})


def _closed(piece: _Piece) -> bool:
    """True where a piece reads nothing but its input, its states and what it makes."""
    known = {piece.given, *piece.states, *(node.makes for node in piece.nodes)}
    return piece.made in known and all(name in known for node in piece.nodes for name in node.reads)


def _inside(frame: Recording, kept: str) -> bool:
    return any(node.makes == kept for s in frame.spans for node in frame.nodes[s.first : s.last])


def _outline(found: Recording) -> list[object]:
    """The operators outside the edges: the kinds, constants and shapes that all networks must have alike."""
    spans = {place for span in found.spans for place in range(span.first, span.last)}
    outside = [node for place, node in enumerate(found.nodes) if place not in spans]
    edges = [span.edge for span in found.spans]
    return [*edges, *((node.kind, node.known, found.shapes[node.makes]) for node in outside)]


def _renamed(node: Node, names: dict[str, str]) -> Node:
    return node._replace(reads=tuple(names.get(name, name) for name in node.reads))
