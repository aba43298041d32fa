"""A small graph of LiteRT operators, channels last, recorded from a streaming step.

Torch's (1, C, F, n) becomes (1, n, F, C) here: time is the height and frequency the width of an image.
Values of other ranks keep torch's order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from audionas.core.errors import UserError

Shape = tuple[int, ...]
LAST = (0, 3, 2, 1)  # from torch's axes to these and back: it is its own inverse
FUSING = ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "MUL")  # can include an activation


@dataclass(frozen=True)
class Value:
    """One tensor; `data` is given where it is a constant."""

    name: str
    shape: Shape
    data: np.ndarray | None = None


@dataclass
class Node:
    """One operator of LiteRT by its name in the schema; `options` are named as in its option table."""

    op: str
    inputs: list[str]
    output: str
    options: dict[str, Any]


class Memory(NamedTuple):
    """One state: the value that is read, and the value that is stored for the next call."""

    name: str
    given: str
    kept: str


@dataclass
class Graph:
    """A graph with `frames` (1, hop, F) and the states in, `scores` (1, classes) and the states out."""

    frames: str
    scores: str = ""
    values: dict[str, Value] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    states: tuple[Memory, ...] = ()

    def maker(self, name: str) -> Node | None:
        """The operator that makes a value; None for inputs and constants."""
        return next((node for node in reversed(self.nodes) if node.output == name), None)

    def prune(self) -> None:
        """Drop operators and values that nothing reads."""
        needed = {self.frames, self.scores, *(name for state in self.states for name in state)}
        kept = []
        for node in reversed(self.nodes):
            if node.output in needed:
                kept.append(node)
                needed.update(node.inputs)
        self.nodes = kept[::-1]
        self.values = {name: value for name, value in self.values.items() if name in needed}


class Builder:
    """Adds operators to a graph, one after the other."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.where = ""  # the current layer, for names and messages
        self.uses = 0  # readers of the value that the current layer reads first

    def value(self, shape: Sequence[int], data: np.ndarray | None = None, name: str = "") -> Value:
        """A new value, named after the current layer unless `name` is given."""
        values = self.graph.values
        first = unique = name or self.where or "value"
        count = 0
        while unique in values:
            count += 1
            unique = f"{first}/{count}"
        values[unique] = Value(unique, tuple(shape), data)
        return values[unique]

    def constant(self, data: Any, name: str = "") -> Value:
        """A constant value: float32, or int32 for shapes and positions."""
        array = np.ascontiguousarray(data)
        array = array.astype(np.int32 if array.dtype.kind == "i" else np.float32)
        return self.value(array.shape, array, name)

    def add(self, op: str, inputs: Sequence[Value], shape: Sequence[int], **options: Any) -> Value:
        """The value that an operator computes from others."""
        made = self.value(shape)
        self.graph.nodes.append(Node(op, [given.name for given in inputs], made.name, options))
        return made

    def reshape(self, x: Value, shape: Sequence[int]) -> Value:
        """Reshape. Several in a row become one, or none where they undo each other."""
        maker = self.graph.maker(x.name)
        while maker is not None and maker.op == "RESHAPE":
            x = self.graph.values[maker.inputs[0]]
            maker = self.graph.maker(x.name)
        if x.shape == tuple(shape):
            return x
        return self.add("RESHAPE", [x, self.constant(np.array(shape))], shape, newShape=list(shape))

    def transpose(self, x: Value, order: Sequence[int]) -> Value:
        """Reorder axes: a reshape where only axes of size 1 move."""
        shape = tuple(x.shape[axis] for axis in order)
        moved = [axis for axis in order if x.shape[axis] > 1]
        if moved == sorted(moved):
            return self.reshape(x, shape)
        return self.add("TRANSPOSE", [x, self.constant(np.array(order))], shape)

    def refuse(self, what: str) -> UserError:
        """The error for a part that our LiteRT files cannot hold."""
        where = "the network itself" if self.where in ("", "net") else self.where
        return UserError(
            f"{where}: {what} cannot be written to a LiteRT file",
            hint="Replace it in the network, or write a file for ONNX Runtime: --target onnx-stream",
        )
