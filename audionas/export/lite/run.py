"""The small graph computed by torch, in float: the reference for its file, and the ranges for int8."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from audionas.export.lite.graph import Graph, Node

Seen = Callable[[str, Tensor], Tensor]


def run(
    graph: Graph, frames: Tensor, states: Sequence[Tensor], seen: Seen | None = None
) -> tuple[Tensor, list[Tensor]]:
    """Map frames (B, hop, F) and states (B, ...) to scores (B, classes) and the next states.

    `seen` is called with every value's name and content and may return a replacement.
    """
    seen = seen or _unchanged
    known = {n: torch.from_numpy(v.data) for n, v in graph.values.items() if v.data is not None}
    known[graph.frames] = seen(graph.frames, frames)
    for state, given in zip(graph.states, states, strict=True):
        known[state.given] = seen(state.given, given)
    for node in graph.nodes:
        shape = graph.values[node.output].shape
        inputs = [known[name] for name in node.inputs]
        known[node.output] = seen(node.output, _computed(node, inputs, shape))
    return known[graph.scores], [known[state.kept] for state in graph.states]


def start(graph: Graph, batch: int) -> list[Tensor]:
    """The states of silence: zeros."""
    return [torch.zeros(batch, *graph.values[state.given].shape[1:]) for state in graph.states]


def _unchanged(name: str, value: Tensor) -> Tensor:
    return value


def _computed(node: Node, x: list[Tensor], shape: Sequence[int]) -> Tensor:
    if node.op in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        y = _convolved(node, x)
    elif node.op in _SIMPLE:
        y = _SIMPLE[node.op](x, node.options)
    elif node.op == "STRIDED_SLICE":
        y = x[0]
        for axis, (low, high) in enumerate(zip(x[1].tolist(), x[2].tolist(), strict=True)):
            y = y.narrow(axis, low, high - low) if axis else y
    else:
        assert node.op == "RESHAPE", node.op
        y = x[0].reshape(-1, *shape[1:])
    return _ACTS[node.options.get("act", "NONE")](y)


def _convolved(node: Node, x: list[Tensor]) -> Tensor:
    deep = node.op == "DEPTHWISE_CONV_2D"
    weight = x[1].permute(3, 0, 1, 2) if deep else x[1].permute(0, 3, 1, 2)
    given = x[0].permute(0, 3, 1, 2)
    stride, dilation = node.options["stride"], node.options["dilation"]
    pads = [d * (k - 1) // 2 for d, k in zip(dilation, weight.shape[2:], strict=True)]
    padding = pads if node.options["padding"] == "SAME" else 0
    groups = given.shape[1] // weight.shape[1]
    y = functional.conv2d(given, weight, x[2], stride, padding, dilation, groups)
    return y.permute(0, 2, 3, 1)


def _averaged(x: list[Tensor], options: dict[str, Any]) -> Tensor:
    """An average pool; the zeros of padding SAME do not count."""
    given, size, stride = x[0].permute(0, 3, 1, 2), options["filter"], options["stride"]
    y, counted = (
        functional.avg_pool2d(_filled(part, 0, options), size, stride)
        for part in (given, torch.ones_like(given[:1, :1]))
    )
    return (y / counted).permute(0, 2, 3, 1)


def _largest(x: list[Tensor], options: dict[str, Any]) -> Tensor:
    given = _filled(x[0].permute(0, 3, 1, 2), -torch.inf, options)
    return functional.max_pool2d(given, options["filter"], options["stride"]).permute(0, 2, 3, 1)


def _filled(x: Tensor, value: float, options: dict[str, Any]) -> Tensor:
    """(B, C, high, wide) with what a pool of padding SAME adds, the odd line at the end."""
    if options["padding"] == "VALID":
        return x
    ends: list[int] = []
    for length, size, step in zip(x.shape[2:], options["filter"], options["stride"], strict=True):
        missing = max(0, (-(-length // step) - 1) * step + size - length)
        ends = [missing // 2, missing - missing // 2, *ends]
    return functional.pad(x, ends, value=value)


def _mirrored(x: list[Tensor], options: dict[str, Any]) -> Tensor:
    y = x[0]
    for axis, (before, after) in enumerate(x[1].tolist()):
        if before or after:
            last = y.shape[axis] - 1
            places = (torch.arange(-before, last + after + 1)).abs()
            y = y.index_select(axis, torch.where(places > last, 2 * last - places, places))
    return y


def _joined(x: list[Tensor], options: dict[str, Any]) -> Tensor:
    batch = max(len(part) for part in x)
    return torch.cat([part.expand(batch, *part.shape[1:]) for part in x], options["axis"])


_ACTS: dict[str, Callable[[Tensor], Tensor]] = {
    "NONE": lambda y: y,
    "RELU": functional.relu,
    "RELU6": functional.relu6,
}
_SIMPLE: dict[str, Callable[[list[Tensor], dict[str, Any]], Tensor]] = {
    "ADD": lambda x, o: x[0] + x[1],
    "SUB": lambda x, o: x[0] - x[1],
    "MUL": lambda x, o: x[0] * x[1],
    "DIV": lambda x, o: x[0] / x[1],
    "MINIMUM": lambda x, o: torch.minimum(x[0], x[1]),
    "RELU": lambda x, o: functional.relu(x[0]),
    "RELU6": lambda x, o: functional.relu6(x[0]),
    "LOGISTIC": lambda x, o: x[0].sigmoid(),
    "HARD_SWISH": lambda x, o: functional.hardswish(x[0]),
    "SOFTMAX": lambda x, o: x[0].softmax(-1),
    "CONCATENATION": _joined,
    "PAD": lambda x, o: functional.pad(x[0], x[1].flip(0).flatten().tolist()),
    "TRANSPOSE": lambda x, o: x[0].permute(x[1].tolist()),
    "MEAN": lambda x, o: x[0].mean(x[1].tolist(), keepdim=True),
    "AVERAGE_POOL_2D": _averaged,
    "MAX_POOL_2D": _largest,
    "PADV2": lambda x, o: functional.pad(x[0], x[1].flip(0).flatten().tolist(), value=float(x[2])),
    "MIRROR_PAD": _mirrored,
    "LEAKY_RELU": lambda x, o: functional.leaky_relu(x[0], o["alpha"]),
    "PRELU": lambda x, o: torch.where(x[0] >= 0, x[0], x[0] * x[1]),
    "TANH": lambda x, o: x[0].tanh(),
    "CUMSUM": lambda x, o: x[0].cumsum(int(x[1])),
    "QUANTIZE": lambda x, o: x[0],
}
