"""Torch's operators that move numbers without changing them."""

import math
from collections.abc import Sequence

import numpy as np

from audionas.export.lite.graph import LAST, Builder, Value
from audionas.export.lite.layout import Operand, as_value, axis_of, torchs


def cat(b: Builder, parts: Sequence[Operand], dim: int = 0) -> Value:
    """Concatenation along one axis."""
    rank = next(len(part.shape) for part in parts if isinstance(part, Value))
    values = [as_value(b, part, rank) for part in parts]
    if len(values) == 1:
        return values[0]
    axis = axis_of(values[0], dim)
    shape = list(values[0].shape)
    shape[axis] = sum(value.shape[axis] for value in values)
    return b.add("CONCATENATION", values, shape, axis=axis)


def slice_(b: Builder, x: Value, dim: int = 0, start: int | None = None, end: int | None = None) -> Value:
    """Part of one axis."""
    axis = axis_of(x, dim)
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
    length = x.shape[axis_of(x, dim)]
    return [slice_(b, x, dim, at, at + size) for at in range(0, length, size)]


def split_with_sizes(b: Builder, x: Value, sizes: Sequence[int], dim: int = 0) -> list[Value]:
    """Parts of the given sizes along one axis."""
    ends = np.cumsum(sizes).tolist()
    return [slice_(b, x, dim, end - size, end) for size, end in zip(sizes, ends, strict=True)]


def chunk(b: Builder, x: Value, chunks: int, dim: int = 0) -> list[Value]:
    """At most `chunks` parts along one axis, all of one size but the last."""
    return split(b, x, math.ceil(x.shape[axis_of(x, dim)] / chunks), dim)


def channel_shuffle(b: Builder, x: Value, groups: int) -> Value:
    """Channel i of group g becomes channel i * groups + g."""
    if len(x.shape) != 4:
        raise b.refuse("a shuffle of channels in another shape than (1, C, F, n)")
    _, high, wide, channels = x.shape
    apart = b.reshape(x, (1, high * wide, groups, channels // groups))
    return b.reshape(b.transpose(apart, (0, 1, 3, 2)), x.shape)


def pad(
    b: Builder, x: Value, ends: Sequence[int], mode: str = "constant", value: float | None = None
) -> Value:
    """One number, or the mirror image, at both ends of axes, the last one first; below zero it cuts."""
    if mode not in ("constant", "reflect") or (mode == "reflect" and min(ends) < 0):
        raise b.refuse(f"a pad with mode={mode} by {list(ends)}")
    if not math.isfinite(value or 0):
        raise b.refuse(f"a pad with {value}")
    pairs = list(zip(ends[::2], ends[1::2], strict=True))
    for place, (before, after) in enumerate(pairs, 1):
        x = slice_(b, x, -place, max(0, -before), x.shape[axis_of(x, -place)] - max(0, -after))
    table = np.zeros((len(x.shape), 2), int)
    for place, pair in enumerate(pairs, 1):
        table[axis_of(x, -place)] = np.maximum(pair, 0)
    if not table.any():
        return x
    shape = np.add(x.shape, table.sum(1)).tolist()
    parts = [x, b.constant(table)]
    if mode == "reflect":
        return b.add("MIRROR_PAD", parts, shape, mode=0)
    return b.add("PADV2", [*parts, b.constant([value])], shape) if value else b.add("PAD", parts, shape)


def permute(b: Builder, x: Value, dims: Sequence[int]) -> Value:
    """Reorder torch's axes."""
    dims = [dim % len(dims) for dim in dims]
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
    shape = torchs(x)
    return reshape(b, x, [*shape[: start % len(shape)], -1, *shape[end % len(shape) + 1 :]])


def unsqueeze(b: Builder, x: Value, dim: int) -> Value:
    """Add an axis of size 1."""
    shape = torchs(x)
    at = dim % (len(shape) + 1)
    return reshape(b, x, [*shape[:at], 1, *shape[at:]])
