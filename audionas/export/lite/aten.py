"""Translation of each torch operator that streaming networks use to LiteRT operators.

A handler gets the builder and the arguments that torch recorded: a `Value` where one depends on the input,
a tensor where it is known, else a plain number.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from audionas.export.lite.graph import FUSING, Builder, Value
from audionas.export.lite.layout import axis_of, torchs, turned
from audionas.export.lite.moves import (
    cat,
    channel_shuffle,
    chunk,
    flatten,
    pad,
    permute,
    reshape,
    slice_,
    split,
    split_with_sizes,
    transpose,
    unsqueeze,
)
from audionas.export.lite.pointwise import (
    add,
    clamp,
    div,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    mul,
    prelu,
    relu,
    relu6,
    rsub,
    sigmoid,
    silu,
    sub,
    tanh,
)
from audionas.export.lite.pools import avg_pool2d, max_pool2d, mean


def conv2d(
    b: Builder,
    x: Value,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1, 1),
    padding: Sequence[int] | str = (0, 0),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
) -> Value:
    """Plain, grouped or depthwise convolution; PAD adds the zeros beside the frequencies unless SAME would
    add the same ones."""
    if len(x.shape) != 4:
        raise b.refuse("a convolution in another shape than (1, C, F, n)")
    c_out, per_group, *kernel = weight.shape
    deep = groups > 1 and per_group == 1
    step, spread, size = (turned(pair) for pair in (stride, dilation, kernel))
    reach = [d * (k - 1) for d, k in zip(spread, size, strict=True)]
    ends = _ends(padding, reach)
    given = zip(x.shape[1:3], ends, reach, step, strict=True)
    shape = [(n + sum(end) - r - 1) // s + 1 for n, end, r, s in given]
    full = all(2 * before == 2 * after == r for (before, after), r in zip(ends, reach, strict=True))
    same = step == (1, 1) and full and any(reach)
    if not same:
        x = pad(b, x, (*ends[0], *ends[1]))
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
    if training or len(x.shape) != 4:
        raise b.refuse("a batch norm that still trains, or in another shape than (1, C, F, n)")
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


def cumsum(b: Builder, x: Value, dim: int) -> Value:
    """Cumulative sum; only of one frame, where it is that frame."""
    axis = axis_of(x, dim)
    if x.shape[axis] == 1:
        return x
    return b.add("CUMSUM", [x, b.constant(np.array(axis))], x.shape)


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
    if axis_of(x, dim) != len(x.shape) - 1:
        raise b.refuse("a softmax that is not over the classes")
    return b.add("SOFTMAX", [x], x.shape, beta=1.0)


def ones_like(b: Builder, x: Value, **options: Any) -> Tensor:
    """Ones of the same shape, a known value."""
    return torch.ones(torchs(x))


def zeros_like(b: Builder, x: Value, **options: Any) -> Tensor:
    """Zeros of the same shape, a known value."""
    return torch.zeros(torchs(x))


def same(b: Builder, x: Value, *args: Any, **options: Any) -> Value:
    """The value unchanged, for operators that do nothing when a trained network runs."""
    return x


def _ends(padding: Sequence[int] | str, reach: Sequence[int]) -> list[tuple[int, int]]:
    """Zeros before and after (time, frequency); torch's "same" puts the odd one at the end."""
    if isinstance(padding, str):
        return [(r // 2, r - r // 2) if padding == "same" else (0, 0) for r in reach]
    return [(p, p) for p in turned(padding)]


HANDLERS: dict[str, Callable[..., Any]] = {
    **{f.__name__.rstrip("_"): f for f in (conv2d, batch_norm, relu, relu6, hardtanh, silu, sigmoid)},
    **{f.__name__.rstrip("_"): f for f in (hardswish, hardsigmoid, add, sub, mul, div, cat, slice_, split)},
    **{f.__name__.rstrip("_"): f for f in (mean, avg_pool2d, cumsum, clamp, linear, softmax, permute)},
    **{f.__name__.rstrip("_"): f for f in (transpose, reshape, flatten, unsqueeze, ones_like, zeros_like)},
    **{f.__name__.rstrip("_"): f for f in (pad, chunk, split_with_sizes, channel_shuffle, max_pool2d)},
    **{f.__name__.rstrip("_"): f for f in (prelu, leaky_relu, tanh, rsub)},
    "view": reshape,
    **dict.fromkeys(("alias", "contiguous", "clone", "dropout", "feature_dropout", "detach"), same),
}
