"""The end of a recording: shared states, scores and variables, in the order of the LiteRT writer."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from audionas.cost.operators import Operator, Program, Subgraph, Tensor


class Node(NamedTuple):
    """An operator on values by name; `known` are its constants."""

    kind: str
    reads: tuple[str, ...]
    makes: str
    known: tuple[Tensor, ...] = ()
    options: Mapping[str, Any] = MappingProxyType({})


class Span(NamedTuple):
    """The operators `first` to `last` (not included) of one edge, with the names of what goes in and out."""

    edge: str
    first: int
    last: int
    given: str
    made: str


class Recording(NamedTuple):
    """A pass: operators, shapes by name, the next value of every state, the logits, and the edges' spans."""

    nodes: list[Node]
    shapes: dict[str, tuple[int, ...]]
    states: dict[str, str]
    logits: str
    spans: list[Span]


def program(found: Recording, classes: int) -> Program:
    """The program of a recording, as the writer ends and prunes it."""
    states, shapes = dict(found.states), dict(found.shapes)
    nodes = _shared(list(found.nodes), states, shapes)
    nodes += _scored(nodes, found.logits, classes, shapes)
    return _written(_needed(nodes, states), states, shapes)


def _needed(nodes: list[Node], states: dict[str, str]) -> list[Node]:
    """The operators without those that nothing reads."""
    needed, kept = {"score/uint8", *states.values()}, []
    for node in reversed(nodes):
        if node.makes in needed:
            kept.append(node)
            needed.update(node.reads)
    return kept[::-1]


def _shared(nodes: list[Node], states: dict[str, str], shapes: dict[str, tuple[int, ...]]) -> list[Node]:
    """Branches that keep the same signal share the longest state; the others read its end."""
    heard: dict[str, list[Node]] = {}
    for node in nodes:
        if node.kind == "CONCATENATION" and len(node.reads) == 2 and node.reads[0] in states:
            heard.setdefault(node.reads[1], []).append(node)
    for branches in heard.values():
        longest, *others = sorted(branches, key=lambda node: -shapes[node.makes][1])
        if others:
            first = min(nodes.index(node) for node in branches)
            nodes.remove(longest)
            nodes.insert(first, longest)
        for node in others:
            gone = states.pop(node.reads[0])
            nodes[nodes.index(node)] = Node("STRIDED_SLICE", (longest.makes,), node.makes, (numbers(4),) * 3)
            nodes[:] = [other for other in nodes if other.makes != gone]
    return nodes


def _scored(nodes: list[Node], last: str, classes: int, shapes: dict[str, tuple[int, ...]]) -> list[Node]:
    """The logits as scores in uint8: for two classes the last layer computes their difference."""
    shapes["score"] = shapes["score/uint8"] = (1, classes if classes > 2 else 1)
    if classes > 2:
        shapes["line"] = (1, classes)
        ends = [Node("RESHAPE", (last,), "line", (numbers(2),)), Node("SOFTMAX", ("line",), "score")]
    else:
        index = next(i for i, node in enumerate(nodes) if node.makes == last)
        (weight, _), shapes[last] = nodes[index].known, (1, 1, 1, 1)
        one = (Tensor((1, *weight.shape[1:]), 1, True), numbers(1))
        nodes[index] = nodes[index]._replace(known=one)
        shapes["odds"] = (1, 1, 1, 1)
        ends = [Node("LOGISTIC", (last,), "odds"), Node("RESHAPE", ("odds",), "score", (numbers(2),))]
    return [*ends, Node("QUANTIZE", ("score",), "score/uint8")]


class _Writer:
    """A subgraph while its tensors get numbers, in the writer's order."""

    def __init__(self, shapes: dict[str, tuple[int, ...]]) -> None:
        self.shapes = shapes
        self.tensors: list[Tensor] = []
        self.operators: list[Operator] = []
        self.index: dict[str, int] = {}

    def tensor(self, name: str, kept: Tensor | None = None) -> int:
        """The number of a value, which is new unless it is known."""
        if name not in self.index:
            self.index[name] = len(self.tensors)
            self.tensors.append(kept or Tensor(self.shapes[name]))
        return self.index[name]

    def constant(self, kept: Tensor) -> int:
        """A constant of its own."""
        return self.tensor(f"constant {len(self.tensors)}", kept)

    def handle(self, state: str) -> int:
        """The number of a variable's handle."""
        name = f"handle of {state}"
        if name not in self.index:
            made = self.tensor(name, Tensor((), 4, True))
            self.operators.append(Operator("VAR_HANDLE", (), (made,), variable=state))
        return self.index[name]

    def assign(self, state: str, value: int) -> None:
        """Store a value in a variable."""
        self.operators.append(Operator("ASSIGN_VARIABLE", (self.handle(state), value), ()))


def _written(nodes: list[Node], states: dict[str, str], shapes: dict[str, tuple[int, ...]]) -> Program:
    main, start = _Writer(shapes), _Writer(shapes)
    if states:
        main.operators.append(Operator("CALL_ONCE", (), (), graph=1))
    main.tensor("given")
    for node in nodes:
        for name in node.reads:
            if name in states and name not in main.index:
                handle = main.handle(name)
                main.operators.append(Operator("READ_VARIABLE", (handle,), (main.tensor(name),)))
        made = main.tensor(node.makes)
        reads = (*map(main.tensor, node.reads), *map(main.constant, node.known))
        options = {name: value for name, value in node.options.items() if name != "act"}
        main.operators.append(Operator(node.kind, reads, (made,), **options))
        for state, kept in states.items():
            if kept == node.makes:
                main.assign(state, made)
    for state in states:
        start.assign(state, start.constant(Tensor(shapes[state], 1, True)))
    ends = ((main.index["given"],), (main.index["score/uint8"],))
    every = [Subgraph(tuple(main.tensors), tuple(main.operators), *ends)]
    if states:
        every.append(Subgraph(tuple(start.tensors), tuple(start.operators), (), ()))
    return tuple(every)


def numbers(count: int) -> Tensor:
    """Constants of four bytes: positions, shapes or biases."""
    return Tensor((count,), 4, True)
