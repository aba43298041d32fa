"""Translation of each torch operator that streaming networks use to LiteRT operators.

A handler gets the builder and the arguments that torch recorded: a `Value` where one depends on the input,
a tensor where it is known, else a plain number.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from audionas.export.lite.graph import FUSING, LAST, Builder, Value

Operand = Value | Tensor | float


def conv2d(
    b: Builder,
    x: Value,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
) -> Value:
    """Plain, grouped or depthwise convolution; PAD adds the zeros beside the frequencies unless SAME would
    add the same ones."""
    c_out, per_group, *kernel = weight.shape
    deep = groups > 1 and per_group == 1
    step, spread, size = (_turned(pair) for pair in (stride, dilation, kernel))
    reach = [d * (k - 1) for d, k in zip(spread, size, strict=True)]
    pads = _turned(padding)
    shape = [(n + 2 * p - r - 1) // s + 1 for n, p, r, s in zip(x.shape[1:3], pads, reach, step, strict=True)]
    same = step == (1, 1) and all(2 * p == r for p, r in zip(pads, reach, strict=True)) and any(pads)
    if any(pads) and not same:
        x = _padded(b, x, pads)
    kernels = weight.detach().permute(1, 3, 2, 0) if deep else weight.detach().permute(0, 3, 2, 1)
    shift = torch.zeros(c_out) if bias is None else bias.detach()
    parts = [x, b.constant(kernels.numpy()), b.constant(shift.numpy())]
    options = {"stride": step, "dilation": spread, "padding": "SAME" if same else "VALID", "act": "NONE"}
    if deep:
        return b.add(
            "DEPTHWISE_CONV_2D", parts, (1, *shape, c_out), **options, depthMultiplier=c_out // groups
        )
    return b.add("CONV_2D", parts, (1, *shape, c_out), **options)


def batch_norm(
    b: Builder,
    x: Value,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor,
    var: Tensor,
    training: bool,
    momentum: float,
    eps: float,
    cudnn: bool,
) -> Value:
    """Batch norm: folded into the convolution before it, else a product and a sum."""
    scale = torch.rsqrt(var + eps) * (1 if weight is None else weight)
    shift = (0 if bias is None else bias) - mean * scale
    maker = b.graph.maker(x.name)
    if maker is None or maker.op not in FUSING[:2] or b.uses > 1 or maker.options["act"] != "NONE":
        column = (scale.reshape(1, -1, 1, 1), shift.reshape(1, -1, 1, 1))
        return add(b, mul(b, x, column[0]), column[1])
    kernels, before = (b.graph.values[name].data for name in maker.inputs[1:])
    assert kernels is not None
    assert before is not None
    s, axis = scale.double().numpy(), -1 if maker.op == "DEPTHWISE_CONV_2D" else 0
    s_all = s if axis else s.reshape(-1, 1, 1, 1)
    folded = (b.constant(kernels * s_all), b.constant(before * s + shift.double().numpy()))
    maker.inputs[1:] = [part.name for part in folded]
    return x


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


def silu(b: Builder, x: Value) -> Value:
    """x sigmoid(x)."""
    return b.add("MUL", [x, sigmoid(b, x)], x.shape, act="NONE")


def sigmoid(b: Builder, x: Value) -> Value:
    """1 / (1 + exp(-x))."""
    return b.add("LOGISTIC", [x], x.shape)


def hardswish(b: Builder, x: Value) -> Value:
    """x relu6(x + 3) / 6."""
    return b.add("HARD_SWISH", [x], x.shape)


def hardsigmoid(b: Builder, x: Value) -> Value:
    """relu6(x + 3) / 6."""
    clipped = b.add("ADD", [x, _constant(b, 3.0)], x.shape, act="RELU6")
    return mul(b, clipped, 1 / 6)


def add(b: Builder, x: Operand, y: Operand, *, alpha: float = 1) -> Value:
    """x + y, broadcast as in torch."""
    if alpha != 1:
        raise b.refuse("a sum with a factor")
    return _binary(b, "ADD", x, y)


def sub(b: Builder, x: Operand, y: Operand) -> Value:
    """x - y; a sum where y is known."""
    return _binary(b, "SUB", x, y) if isinstance(y, Value) else add(b, x, -y)


def mul(b: Builder, x: Operand, y: Operand) -> Value:
    """x y."""
    return _binary(b, "MUL", x, y)


def div(b: Builder, x: Operand, y: Operand) -> Value:
    """x / y; a product where y is known."""
    return _binary(b, "DIV", x, y) if isinstance(y, Value) else mul(b, x, 1 / y)


def cat(b: Builder, parts: Sequence[Operand], dim: int = 0) -> Value:
    """Concatenation along one axis."""
    values = [part if isinstance(part, Value) else _constant(b, part) for part in parts]
    if len(values) == 1:
        return values[0]
    axis = _axis(values[0], dim)
    shape = list(values[0].shape)
    shape[axis] = sum(value.shape[axis] for value in values)
    return b.add("CONCATENATION", values, shape, axis=axis)


def slice_(b: Builder, x: Value, dim: int = 0, start: int | None = None, end: int | None = None) -> Value:
    """Part of one axis."""
    axis = _axis(x, dim)
    first, last, _ = slice(start, end).indices(x.shape[axis])
    if (first, last) == (0, x.shape[axis]):
        return x
    begin, stop = [0] * len(x.shape), list(x.shape)
    begin[axis], stop[axis] = first, last
    shape = [high - low for low, high in zip(begin, stop, strict=True)]
    places = [b.constant(np.array(part)) for part in (begin, stop, [1] * len(shape))]
    return b.add("STRIDED_SLICE", [x, *places], shape)


def split(b: Builder, x: Value, size: int, dim: int = 0) -> list[Value]:
    """Parts of `size` along one axis."""
    length = x.shape[_axis(x, dim)]
    return [slice_(b, x, dim, at, at + size) for at in range(0, length, size)]


def mean(b: Builder, x: Value, dims: Sequence[int], keepdim: bool = False) -> Value:
    """Mean over some axes; over axes of size 1 it does nothing."""
    axes = sorted(_axis(x, dim) for dim in dims)
    kept = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
    y = x
    if kept != list(x.shape):
        y = b.add("MEAN", [x, b.constant(np.array(axes))], kept, keepDims=True)
    if keepdim:
        return y
    return reshape(b, y, [size for dim, size in enumerate(_torchs(x)) if dim not in {d % 4 for d in dims}])


def avg_pool2d(
    b: Builder, x: Value, kernel: Sequence[int], stride: Sequence[int] = (), padding: Sequence[int] = (0, 0)
) -> Value:
    """A mean where the pool covers everything, which may change the scale in int8; else a pool padded with
    zeros."""
    pads, size, step = _turned(padding), _turned(kernel), _turned(stride or kernel)
    if any(pads):
        x = _padded(b, x, pads)
    shape = [(n - k) // s + 1 for n, k, s in zip(x.shape[1:3], size, step, strict=True)]
    if shape == [1, 1] and size == tuple(x.shape[1:3]):
        return mean(b, x, (2, 3), keepdim=True)
    return b.add("AVERAGE_POOL_2D", [x], (1, *shape, x.shape[3]), filter=size, stride=step, padding="VALID")


def cumsum(b: Builder, x: Value, dim: int) -> Value:
    """Cumulative sum; only of one frame, where it is that frame."""
    axis = _axis(x, dim)
    if x.shape[axis] == 1:
        return x
    return b.add("CUMSUM", [x, b.constant(np.array(axis))], x.shape)


def clamp(b: Builder, x: Value, low: float | None = None, high: float | None = None) -> Value:
    """Clamp from above only."""
    if low is not None or high is None:
        raise b.refuse(f"a clamp from {low} to {high}")
    return _binary(b, "MINIMUM", x, high)


def linear(b: Builder, x: Value, weight: Tensor, bias: Tensor | None = None) -> Value:
    """A linear layer, (1, c_in) to (1, c_out), as a 1x1 convolution.

    In int8 the convolution has one scale per row, which FULLY_CONNECTED lacks in older runtimes, and rounds
    alike in LiteRT and TFLite-Micro, which FULLY_CONNECTED does not.
    """
    if int(np.prod(x.shape)) != x.shape[-1]:
        raise b.refuse("a linear layer over several frames")
    line = b.reshape(x, (1, 1, 1, x.shape[-1]))
    y = conv2d(b, line, weight.detach()[:, :, None, None], bias)
    return b.reshape(y, (*x.shape[:-1], len(weight)))


def softmax(b: Builder, x: Value, dim: int, dtype: object = None) -> Value:
    """Softmax over the last axis."""
    if _axis(x, dim) != len(x.shape) - 1:
        raise b.refuse("a softmax that is not over the classes")
    return b.add("SOFTMAX", [x], x.shape, beta=1.0)


def permute(b: Builder, x: Value, dims: Sequence[int]) -> Value:
    """Reorder torch's axes."""
    if len(dims) != 4:
        return b.transpose(x, dims)
    return b.transpose(x, [LAST.index(dims[axis]) for axis in LAST])


def transpose(b: Builder, x: Value, first: int, second: int) -> Value:
    """Swap two of torch's axes."""
    order = list(range(len(x.shape)))
    order[first], order[second] = order[second], order[first]
    return permute(b, x, order)


def reshape(b: Builder, x: Value, shape: Sequence[int]) -> Value:
    """The same numbers, in torch's order, in another shape."""
    known = int(np.prod([n for n in shape if n >= 0]))
    shape = [int(np.prod(x.shape)) // known if n < 0 else n for n in shape]
    plain = b.transpose(x, LAST) if len(x.shape) == 4 else x
    flat = b.reshape(plain, shape)
    return b.transpose(flat, LAST) if len(shape) == 4 else flat


def flatten(b: Builder, x: Value, start: int = 0, end: int = -1) -> Value:
    """Merge axes `start` to `end`."""
    shape = _torchs(x)
    return reshape(b, x, [*shape[:start], -1, *shape[end % len(shape) + 1 :]])


def unsqueeze(b: Builder, x: Value, dim: int) -> Value:
    """Add an axis of size 1."""
    shape = _torchs(x)
    at = dim % (len(shape) + 1)
    return reshape(b, x, [*shape[:at], 1, *shape[at:]])


def ones_like(b: Builder, x: Value, **options: Any) -> Tensor:
    """Ones of the same shape, a known value."""
    return torch.ones(_torchs(x))


def zeros_like(b: Builder, x: Value, **options: Any) -> Tensor:
    """Zeros of the same shape, a known value."""
    return torch.zeros(_torchs(x))


def same(b: Builder, x: Value, *args: Any, **options: Any) -> Value:
    """The value unchanged, for operators that do nothing when a trained network runs."""
    return x


HANDLERS: dict[str, Callable[..., Any]] = {
    **{f.__name__.rstrip("_"): f for f in (conv2d, batch_norm, relu, relu6, hardtanh, silu, sigmoid)},
    **{f.__name__.rstrip("_"): f for f in (hardswish, hardsigmoid, add, sub, mul, div, cat, slice_, split)},
    **{f.__name__.rstrip("_"): f for f in (mean, avg_pool2d, cumsum, clamp, linear, softmax, permute)},
    **{f.__name__.rstrip("_"): f for f in (transpose, reshape, flatten, unsqueeze, ones_like, zeros_like)},
    "view": reshape,
    **dict.fromkeys(("alias", "contiguous", "clone", "dropout", "feature_dropout", "detach"), same),
}


def _turned(given: Sequence[int] | int) -> tuple[int, int]:
    """(frequency, time) as (height, width) = (time, frequency)."""
    pair = [given] if isinstance(given, int) else list(given)
    return int(pair[-1]), int(pair[0])


def _torchs(x: Value) -> list[int]:
    return [x.shape[axis] for axis in LAST] if len(x.shape) == 4 else list(x.shape)


def _axis(x: Value, dim: int) -> int:
    """The position of torch's axis here."""
    rank = len(x.shape)
    return LAST[dim % rank] if rank == 4 else dim % rank


def _padded(b: Builder, x: Value, pads: tuple[int, int]) -> Value:
    ends = np.array([(0, 0), *((p, p) for p in pads), (0, 0)])
    high, wide = (n + 2 * p for n, p in zip(x.shape[1:3], pads, strict=True))
    return b.add("PAD", [x, b.constant(ends)], (1, high, wide, x.shape[3]))


def _activated(b: Builder, x: Value, act: str) -> Value:
    maker = b.graph.maker(x.name)
    if maker is None or maker.op not in FUSING or maker.options["act"] != "NONE" or b.uses > 1:
        return b.add(act, [x], x.shape)
    maker.options["act"] = act
    return x


def _constant(b: Builder, given: Operand) -> Value:
    """A constant extended to four axes from the right, channels last."""
    if isinstance(given, Value):
        return given
    full = torch.as_tensor(given, dtype=torch.float32).detach()
    full = full.reshape((1,) * (4 - full.ndim) + tuple(full.shape))
    return b.constant(full.permute(LAST).contiguous().numpy())


def _binary(b: Builder, op: str, x: Operand, y: Operand) -> Value:
    first, second = _constant(b, x), _constant(b, y)
    shape = np.broadcast_shapes(first.shape, second.shape)
    options = {} if op not in ("ADD", "SUB", "MUL", "DIV") else {"act": "NONE"}
    return b.add(op, [first, second], shape, **options)
