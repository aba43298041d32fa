"""A small graph of LiteRT operators, channels last, read off a streaming step.

What torch writes as (1, C, F, n) lies here as (1, n, F, C): time is the height and frequency the width of an
image. Values of other ranks keep torch's order.
"""

import copy
import operator
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from audionas.core.errors import UserError
from audionas.nn.streaming import Step

Shape = tuple[int, ...]
LAST = (0, 3, 2, 1)  # from torch's axes to these and, as it is its own inverse, back
FUSING = ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "MUL")  # take an activation with them


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


class State(NamedTuple):
    """What is remembered: the value read, and the one that is kept for the next call."""

    name: str
    given: str
    kept: str


@dataclass
class Graph:
    """`frames` (1, hop, F) and the states in, `scores` (1, classes) and the states out."""

    frames: str
    scores: str = ""
    values: dict[str, Value] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    states: tuple[State, ...] = ()

    def maker(self, name: str) -> Node | None:
        """The operator that makes a value; None for inputs and constants."""
        return next((node for node in reversed(self.nodes) if node.output == name), None)

    def prune(self) -> None:
        """Drop what nothing reads, operators and values."""
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
        self.where = ""  # the layer at hand, for names and messages
        self.uses = 0  # of the value that the layer at hand reads first

    def value(self, shape: Sequence[int], data: np.ndarray | None = None, name: str = "") -> Value:
        """A new value, named after the layer at hand unless `name` is given."""
        values = self.graph.values
        first = unique = name or self.where or "value"
        count = 0
        while unique in values:
            count += 1
            unique = f"{first}/{count}"
        values[unique] = Value(unique, tuple(shape), data)
        return values[unique]

    def constant(self, data: Any, name: str = "") -> Value:
        """A value known now: float32, or int32 for shapes and positions."""
        array = np.ascontiguousarray(data)
        array = array.astype(np.int32 if array.dtype.kind == "i" else np.float32)
        return self.value(array.shape, array, name)

    def add(self, op: str, inputs: Sequence[Value], shape: Sequence[int], **options: Any) -> Value:
        """The value that an operator makes of others."""
        made = self.value(shape)
        self.graph.nodes.append(Node(op, [given.name for given in inputs], made.name, options))
        return made

    def reshape(self, x: Value, shape: Sequence[int]) -> Value:
        """The same numbers in another shape. Several in a row are one, or none where they undo each other."""
        maker = self.graph.maker(x.name)
        while maker is not None and maker.op == "RESHAPE":
            x = self.graph.values[maker.inputs[0]]
            maker = self.graph.maker(x.name)
        if x.shape == tuple(shape):
            return x
        return self.add("RESHAPE", [x, self.constant(np.array(shape))], shape, newShape=list(shape))

    def transpose(self, x: Value, order: Sequence[int]) -> Value:
        """Axes in another order: a reshape where only axes of size 1 move."""
        shape = tuple(x.shape[axis] for axis in order)
        moved = [axis for axis in order if x.shape[axis] > 1]
        if moved == sorted(moved):
            return self.reshape(x, shape)
        return self.add("TRANSPOSE", [x, self.constant(np.array(order))], shape)

    def refuse(self, what: str) -> UserError:
        """The error for what LiteRT files of ours cannot hold."""
        return UserError(f"{self.where or 'the network'}: {what} cannot be written to a LiteRT file")


def build(step: Step, mean: Tensor, std: Tensor, *, keyword: int | None = None) -> Graph:
    """The graph of `(frames - mean) / std`, the step over one hop, and softmax.

    With `keyword`, one of two classes, the scores are (1, 1): the logistic function of the difference of the
    two logits, which is that class's softmax. Raises UserError naming the operator and the layer where
    the network has one that is not covered.
    """
    freq, hop = len(mean), step.hop
    step = copy.deepcopy(step).float().eval()
    graph = Graph("frames")
    b = Builder(graph)
    frames = b.value((1, hop, freq), name="frames")
    given = [b.value(_last(s), name=n) for n, s in zip(step.names, step.shapes, strict=True)]
    logits, *kept = _traced(b, step, [_normalized(b, frames, mean, std), *given])
    graph.states = tuple(State(n, g.name, k.name) for n, g, k in zip(step.names, given, kept, strict=True))
    graph.scores = _scores(b, logits, keyword).name
    graph.prune()
    return graph


def _last(shape: Sequence[int]) -> Shape:
    return tuple(shape[axis] for axis in LAST)


def _normalized(b: Builder, frames: Value, mean: Tensor, std: Tensor) -> Value:
    """(1, n, F) to (1, n, F, 1), as a depthwise convolution of one weight and one bias a frequency.

    Scale and shift then cost one rounding in int8, with a scale for each frequency.
    """
    b.where = "normalize"
    _, n, freq = frames.shape
    weight = b.constant((1 / std).reshape(1, 1, 1, freq).numpy(), "normalize.weight")
    bias = b.constant((-mean / std).reshape(freq).numpy(), "normalize.bias")
    line = b.reshape(frames, (1, n, 1, freq))
    options = {"stride": (1, 1), "dilation": (1, 1), "padding": "VALID", "depthMultiplier": 1}
    scaled = b.add("DEPTHWISE_CONV_2D", [line, weight, bias], line.shape, **options, act="NONE")
    return b.reshape(scaled, (1, n, freq, 1))


def _scores(b: Builder, logits: Value, keyword: int | None) -> Value:
    b.where = "scores"
    classes = logits.shape[-1]
    if keyword is None:
        logits = b.reshape(logits, (1, classes))
        return b.add("SOFTMAX", [logits], logits.shape, beta=1.0)
    assert classes == 2, "one keyword and what is not it"
    sign = np.where(np.arange(2) == keyword, 1, -1).astype(np.float32)
    x = b.reshape(logits, (1, 1, 1, classes))
    maker = b.graph.maker(x.name)
    options = {"stride": (1, 1), "dilation": (1, 1), "padding": "VALID", "act": "NONE"}
    kernel, shift = sign.reshape(1, 1, 1, classes), np.zeros(1, np.float32)
    if maker is not None and maker.op == "CONV_2D" and maker.options["act"] == "NONE":
        given, *parts = (b.graph.values[name] for name in maker.inputs)  # the difference of its two kernels
        kernel, shift = (np.tensordot(sign, part.data, 1)[None] for part in parts if part.data is not None)
        x, options = given, maker.options
    difference = b.add("CONV_2D", [x, b.constant(kernel), b.constant(shift)], (1, 1, 1, 1), **options)
    return b.reshape(b.add("LOGISTIC", [difference], difference.shape), (1, 1))


def _traced(b: Builder, step: Step, inputs: list[Value]) -> list[Value]:
    """What torch records of the step, operator by operator; what depends on no input is computed here."""
    from audionas.export.lite.aten import HANDLERS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.export's own deprecations
        x = torch.zeros(1, 1, inputs[0].shape[2], step.hop)
        program = torch.export.export(step, (x, *step.start()))
    known: dict[str, Any] = dict(zip(program.graph_signature.user_inputs, inputs, strict=True))
    for node in program.graph.nodes:
        if node.op == "placeholder":
            if node.name not in known:
                known[node.name] = _stored(program, node.name)
        elif node.op == "call_function":
            known[node.name] = _called(b, node, known, HANDLERS)
        elif node.op == "output":
            return [known[given.name] for given in node.args[0]]
    raise AssertionError("a graph ends in its output")


def _stored(program: Any, name: str) -> Tensor:
    signature = program.graph_signature
    target = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}.get(name)
    if target is None:
        return torch.as_tensor(program.constants[signature.inputs_to_lifted_tensor_constants[name]])
    found = program.state_dict.get(target, program.constants.get(target))
    return torch.as_tensor(found).detach()


def _called(b: Builder, node: Any, known: dict[str, Any], handlers: dict[str, Callable[..., Any]]) -> Any:
    """One operator: computed where all it reads is known, else written by its handler."""
    args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), lambda given: known[given.name])
    flat = torch.utils._pytree.tree_leaves((args, kwargs))
    if node.target is operator.getitem:
        return args[0][args[1]]
    if not any(isinstance(part, Value) for part in flat):
        return node.target(*args, **kwargs)
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    b.where = stack[-1][0].removeprefix("net.") if stack else ""
    b.uses = _uses(node.all_input_nodes[0])
    name = str(node.target).removeprefix("aten.").partition(".")[0]
    if name not in handlers:
        raise b.refuse(f"operator {node.target}")
    return handlers[name](b, *args, **kwargs)


def _uses(node: Any) -> int:
    """How many operators read what a recorded one makes, under any of its names."""
    found = len(node.users)
    while node.op == "call_function" and node.target is torch.ops.aten.alias.default:
        node = node.args[0]
        found = max(found, len(node.users))
    return found
