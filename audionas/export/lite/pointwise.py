"""Torch's operators that compute every number by itself: activations and arithmetic."""

import numpy as np
import torch
from torch import Tensor

from audionas.export.lite.graph import FUSING, Builder, Value
from audionas.export.lite.layout import Operand, as_value
from audionas.export.lite.moves import reshape


def relu(b: Builder, x: Value) -> Value:
    """max(x, 0): part of the operator before it where that operator can take an activation."""
    return _activated(b, x, "RELU")


def relu6(b: Builder, x: Value) -> Value:
    """min(max(x, 0), 6), written like `relu`."""
    return _activated(b, x, "RELU6")


def hardtanh(b: Builder, x: Value, low: float = -1, high: float = 1) -> Value:
    """Clamp between 0 and 6 only, which is relu6."""
    if (low, high) != (0, 6):
        raise b.refuse(f"a hardtanh between {low} and {high}")
    return relu6(b, x)


def leaky_relu(b: Builder, x: Value, slope: float = 0.01) -> Value:
    """x above zero, slope x below."""
    if slope < 0:  # LiteRT's kernel for it takes none in int8
        return prelu(b, x, torch.tensor([slope]))
    return b.add("LEAKY_RELU", [x], x.shape, alpha=slope)


def prelu(b: Builder, x: Value, slopes: Tensor) -> Value:
    """x above zero, below it x times a slope for each channel, or one for all."""
    rank = len(x.shape)
    lines = slopes.detach().reshape(-1, *[1] * (rank - 2))
    if rank == 4:
        lines = lines.reshape(1, 1, -1)
    return b.add("PRELU", [x, b.constant(lines.numpy())], x.shape)


def silu(b: Builder, x: Value) -> Value:
    """x sigmoid(x)."""
    return b.add("MUL", [x, sigmoid(b, x)], x.shape, act="NONE")


def sigmoid(b: Builder, x: Value) -> Value:
    """1 / (1 + exp(-x))."""
    return b.add("LOGISTIC", [x], x.shape)


def tanh(b: Builder, x: Value) -> Value:
    """The hyperbolic tangent."""
    return b.add("TANH", [x], x.shape)


def hardswish(b: Builder, x: Value) -> Value:
    """x relu6(x + 3) / 6."""
    return b.add("HARD_SWISH", [x], x.shape)


def hardsigmoid(b: Builder, x: Value) -> Value:
    """relu6(x + 3) / 6."""
    clipped = b.add("ADD", [x, as_value(b, 3.0, len(x.shape))], x.shape, act="RELU6")
    return mul(b, clipped, 1 / 6)


def add(b: Builder, x: Operand, y: Operand, *, alpha: float = 1) -> Value:
    """x + alpha y, broadcast as in torch."""
    return _binary(b, "ADD", x, _times(b, y, alpha))


def sub(b: Builder, x: Operand, y: Operand, *, alpha: float = 1) -> Value:
    """x - alpha y; a sum where y is known."""
    y = _times(b, y, alpha)
    return _binary(b, "SUB", x, y) if isinstance(y, Value) else add(b, x, -y)


def rsub(b: Builder, x: Operand, y: Operand, alpha: float = 1) -> Value:
    """y - alpha x."""
    return sub(b, y, x, alpha=alpha)


def mul(b: Builder, x: Operand, y: Operand) -> Value:
    """x y."""
    return _binary(b, "MUL", x, y)


def div(b: Builder, x: Operand, y: Operand) -> Value:
    """x / y; a product where y is known."""
    return _binary(b, "DIV", x, y) if isinstance(y, Value) else mul(b, x, 1 / y)


def clamp(b: Builder, x: Value, low: float | None = None, high: float | None = None) -> Value:
    """Clamp from above only."""
    if low is not None or high is None:
        raise b.refuse(f"a clamp from {low} to {high}")
    return _binary(b, "MINIMUM", x, high)


def _activated(b: Builder, x: Value, act: str) -> Value:
    maker = b.graph.maker(x.name)
    if maker is None or maker.op not in FUSING or maker.options["act"] != "NONE" or b.uses > 1:
        return b.add(act, [x], x.shape)
    maker.options["act"] = act
    return x


def _times(b: Builder, x: Operand, factor: float) -> Operand:
    if factor == 1:
        return x
    return mul(b, x, factor) if isinstance(x, Value) else x * factor


def _binary(b: Builder, op: str, x: Operand, y: Operand) -> Value:
    rank = max(len(part.shape) for part in (x, y) if isinstance(part, (Value, Tensor)))
    first, second = (_extended(b, as_value(b, part, rank), rank) for part in (x, y))
    shape = np.broadcast_shapes(first.shape, second.shape)
    options = {} if op not in ("ADD", "SUB", "MUL", "DIV") else {"act": "NONE"}
    return b.add(op, [first, second], shape, **options)


def _extended(b: Builder, x: Value, rank: int) -> Value:
    """Axes of size 1 on the left, as torch broadcasts."""
    return x if len(x.shape) == rank else reshape(b, x, [1] * (rank - len(x.shape)) + list(x.shape))
