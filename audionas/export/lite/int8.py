"""Scales of a graph in full int8, after the quantisation specification of TensorFlow Lite.

Weights are symmetric with one scale per output channel, biases are int32; everything else is int8 with a
scale and a zero point from the range seen in calibration.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from audionas.core.errors import UserError
from audionas.export.lite.graph import Graph, Node
from audionas.export.lite.run import run, start

MOVES = ("RESHAPE", "STRIDED_SLICE", "CONCATENATION")  # move the same numbers
COPIES = (*MOVES, "PAD", "PADV2", "MIRROR_PAD", "AVERAGE_POOL_2D", "MAX_POOL_2D", "TRANSPOSE", "MINIMUM")
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D")
_BATCH = 64  # clips per batch
_BIAS = 2**30  # the largest integer for a bias


class Quant(NamedTuple):
    """value = scale * (integer - zero); several scales lie along `axis`."""

    scale: tuple[float, ...]
    zero: int
    dtype: str = "int8"
    axis: int = 0

    def whole(self, values: np.ndarray) -> np.ndarray:
        """Real values as the nearest integers in range."""
        limits = np.iinfo(self.dtype)
        found: np.ndarray = np.round(values / self._spread(values.ndim)) + self.zero
        return np.asarray(np.clip(found, limits.min, limits.max), self.dtype)

    def real(self, whole: np.ndarray) -> np.ndarray:
        """The values that integers represent, float32."""
        found: np.ndarray = (whole.astype(np.float64) - self.zero) * self._spread(whole.ndim)
        return found.astype(np.float32)

    def _spread(self, rank: int) -> np.ndarray:
        shape = [1] * rank
        if len(self.scale) > 1:
            shape[self.axis] = -1
        return np.array(self.scale).reshape(shape)


class Int8(NamedTuple):
    """The scales of values and the integers of constants, by name."""

    quants: dict[str, Quant]
    data: dict[str, np.ndarray]


SCORE = Quant((1 / 256,), -128)  # of probabilities
FIXED = {"LOGISTIC": SCORE, "SOFTMAX": SCORE, "TANH": Quant((1 / 128,), 0)}  # by the specification
_FLOAT = ("DIV", "CUMSUM")  # have no kernel for int8


def quantized(graph: Graph, features: np.ndarray, fixed: Mapping[str, Quant] = {}) -> Int8:
    """The graph in int8, with ranges from `features` (clips, F, T) run as streams; `fixed` scales stay.

    Raises UserError for a network whose means add to themselves (`refuse_means`), and for clips shorter
    than a hop.
    """
    refuse_means(graph)
    _refuse_floats(graph)
    ranges = _ranges(graph, features) | _known(graph)
    quants = _scales(graph, ranges, {graph.scores: SCORE} | dict(fixed))
    data: dict[str, np.ndarray] = {}
    for node in graph.nodes:
        _constants(graph, node, quants, data)
    return Int8(quants, data)


def refuse_means(graph: Graph) -> None:
    """Raise UserError for a graph that int8 cannot hold, naming the states that cause it (`endless`)."""
    if names := endless(graph):
        raise UserError(
            f"a mean that adds to itself does not fit int8: {', '.join(names)}",
            hint="Take the mean at the end over a window (--pool window), and train a model of an earlier "
            "version, whose squeeze-and-excitation averages over everything heard, again.",
        )


def _refuse_floats(graph: Graph) -> None:
    problems = [f"{n.output}: operator {n.op} has no form in int8" for n in graph.nodes if n.op in _FLOAT]
    if problems:
        raise UserError(problems, hint="Replace it in the network, or use the float file, model.tflite.")


def _known(graph: Graph) -> dict[str, tuple[float, float]]:
    """The ranges of the constants that operators copy: they share the scale of the result."""
    values = [graph.values[name] for node in graph.nodes if node.op in COPIES for name in node.inputs]
    known = {value.name: value.data for value in values if value.data is not None}
    return {
        name: (float(data.min()), float(data.max()))
        for name, data in known.items()
        if data.dtype == np.float32
    }


def endless(graph: Graph) -> list[str]:
    """States that are computed from themselves, other than by copying; rounding errors there never fade."""
    before: dict[str, set[str]] = {}
    for node in graph.nodes:
        before[node.output] = set(node.inputs).union(*(before.get(name, ()) for name in node.inputs))
    makers = {node.output: node for node in graph.nodes}
    found = []
    for state in graph.states:
        names = [name for name in (state.kept, *before.get(state.kept, ())) if name in makers]
        mine = [makers[name] for name in names if state.given in before[name]]
        if any(node.op not in MOVES for node in mine):
            found.append(state.name)
    return found


def _ranges(graph: Graph, features: np.ndarray) -> dict[str, tuple[float, float]]:
    """The lowest and highest content of each value while clips stream, each clip from silence on."""
    hop = graph.values[graph.frames].shape[1]
    if features.ndim != 3 or features.shape[2] < hop:
        raise UserError(
            f"calibration: {features.shape} is not a set of features (clips, F, {hop} frames or more)"
        )
    found: dict[str, tuple[float, float]] = {}

    def seen(name: str, value: Tensor) -> Tensor:
        low, high = found.get(name, (0.0, 0.0))  # zero is always included
        found[name] = (min(low, float(value.min())), max(high, float(value.max())))
        return value

    clips = torch.from_numpy(np.ascontiguousarray(features.transpose(0, 2, 1), dtype=np.float32))
    with torch.inference_mode():
        for part in torch.split(clips, _BATCH):
            states = start(graph, len(part))
            for at in range(part.shape[1] % hop, part.shape[1], hop):
                _, states = run(graph, part[:, at : at + hop], states, seen)
    return found


def _scales(
    graph: Graph, ranges: Mapping[str, tuple[float, float]], fixed: Mapping[str, Quant]
) -> dict[str, Quant]:
    """Scales: the same one for values that are copies of each other, and for a state and its next value.

    It is the one that the operator which makes them must have, where all of them lie within it. Where they
    do not, the file changes the scale behind that operator.
    """
    parent = {name: name for name in ranges}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    pairs = [(s.given, s.kept) for s in graph.states]
    pairs += [(n.output, x) for n in graph.nodes if n.op in COPIES for x in n.inputs if x in parent]
    for first, second in pairs:
        parent[root(first)] = root(second)
    groups: dict[str, list[str]] = {}
    for name in ranges:
        groups.setdefault(root(name), []).append(name)
    own = {node.output: FIXED[node.op] for node in graph.nodes if node.op in FIXED}
    found = {}
    for names in groups.values():
        given = [fixed[name] for name in names if name in fixed]
        wide = _asymmetric(ranges[name] for name in names)
        made = {own[name] for name in names if name in own}
        quant = given[0] if given else made.pop() if len(made) == 1 and _within(wide, *made) else wide
        found.update(dict.fromkeys(names, quant))
    return found


def _within(small: Quant, large: Quant) -> bool:
    """True where a quantiser reaches no further than another, but for a step."""
    ends = np.array([-128, 127])
    (step,) = large.scale
    return bool((np.abs(large.real(large.whole(small.real(ends))) - small.real(ends)) <= step).all())


def _asymmetric(ranges: Iterable[tuple[float, float]]) -> Quant:
    """A quantiser with 255 steps from the lowest to the highest, zero on one of them."""
    lows, highs = zip(*ranges, strict=True)
    low, high = min(0.0, *lows), max(0.0, *highs)
    scale = float(np.float32((high - low) / 255)) or 1.0
    return Quant((scale,), int(np.clip(round(-128 - low / scale), -128, 127)))


def _constants(graph: Graph, node: Node, quants: dict[str, Quant], data: dict[str, np.ndarray]) -> None:
    """Quantise the constants that one operator reads."""
    known = {name: graph.values[name].data for name in node.inputs}
    if node.op in WEIGHTED:
        x, weight, bias = node.inputs
        kernels, shift = known[weight], known[bias]
        assert kernels is not None
        assert shift is not None
        axis = kernels.ndim - 1 if node.op == "DEPTHWISE_CONV_2D" else 0
        (step,) = quants[x].scale
        quants[weight] = _symmetric(kernels, np.abs(shift) / (step * _BIAS), axis)
        quants[bias] = Quant(tuple(step * scale for scale in quants[weight].scale), 0, "int32")
    for name, values in known.items():
        if values is None:
            continue
        if values.dtype != np.float32:  # positions and shapes
            data[name] = values
            continue
        if name not in quants:
            quants[name] = _asymmetric([(float(values.min()), float(values.max()))])
        data[name] = quants[name].whole(values)


def _symmetric(weight: np.ndarray, least: np.ndarray, axis: int) -> Quant:
    """A quantiser from -127 to 127 in each channel; no scale is below `least`, so that biases fit int32."""
    largest = np.abs(weight).max(tuple(i for i in range(weight.ndim) if i != axis))
    scale = np.maximum(largest / 127, least)
    scale = np.where(scale > 0, scale, 1)
    return Quant(tuple(float(np.float32(s)) for s in scale), 0, axis=axis if len(scale) > 1 else 0)
