"""The arena of tensors and scratch: when each lives, and where TFLite-Micro's greedy planner puts it."""

from collections.abc import Sequence
from typing import NamedTuple

from audionas.cost.operators import Program

ALIGN = 16  # bytes, to which buffers and what kernels keep are aligned


class Buffer(NamedTuple):
    """Bytes that are needed from one moment to another, both included."""

    bytes: int
    first: int
    last: int


class Scratch(NamedTuple):
    """Bytes that an operator asks for while it runs: the subgraph, the operator's place there, the size."""

    graph: int
    node: int
    bytes: int


def buffers(program: Program, scratch: Sequence[Scratch]) -> list[Buffer]:
    """All buffers of a program in the order in which TFLite-Micro plans them.

    Every operator is a moment. A subgraph that an operator calls has moments of its own, within that one.
    """
    lives: list[dict[int, list[int]]] = [{} for _ in program]
    asked: dict[int, tuple[int, int]] = {}
    _mark(program, 0, 0, scratch, lives, asked)
    found = []
    for graph, life in zip(program, lives, strict=True):
        for index, tensor in enumerate(graph.tensors):
            if not tensor.stored:
                found.append(Buffer(_up(tensor.bytes), *life.get(index, (-1, -1))))
    return found + [Buffer(_up(s.bytes), *asked[i]) for i, s in enumerate(scratch)]


def height(planned: Sequence[Buffer]) -> int:
    """The bytes that the greedy plan takes: the largest buffer first, each in the lowest gap among those
    that live at the same time. Of equal ones the last comes first.
    """
    placed: list[tuple[int, int, Buffer]] = []  # from, to; in the order of `from`
    for buffer in sorted(reversed(planned), key=lambda b: -b.bytes):
        low = 0
        for start, end, other in placed:
            if other.first > buffer.last or buffer.first > other.last:
                continue
            if start - low >= buffer.bytes:
                break
            low = max(low, end)
        at = next((i for i, (start, _, _) in enumerate(placed) if start > low), len(placed))
        placed.insert(at, (low, low + buffer.bytes, buffer))
    return max((end for _, end, _ in placed), default=0)


def _mark(
    program: Program,
    which: int,
    moment: int,
    scratch: Sequence[Scratch],
    lives: list[dict[int, list[int]]],
    asked: dict[int, tuple[int, int]],
) -> int:
    """Note the moments of a subgraph's tensors and scratch from `moment` on; return its last one."""
    graph, life = program[which], lives[which]

    def use(tensors: Sequence[int], now: int) -> None:
        for index in tensors:
            life.setdefault(index, [now, now])[1] = now

    use(graph.inputs, moment)
    for place, node in enumerate(graph.operators):
        moment += 1
        begun = moment
        use(node.outputs, moment)
        if node.kind == "CALL_ONCE":
            moment = _mark(program, node.graph, moment + 1, scratch, lives, asked)
        use((*node.inputs, *node.outputs), moment)
        for index, wanted in enumerate(scratch):
            if (wanted.graph, wanted.node) == (which, place):
                asked[index] = (begun, moment)
    use(graph.outputs, moment)
    return moment


def _up(number: int) -> int:
    return -(-number // ALIGN) * ALIGN
