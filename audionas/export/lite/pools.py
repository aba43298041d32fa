"""Torch's means and pools; windows that neither padding of LiteRT has are pooled apart."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from audionas.export.lite.graph import Builder, Value
from audionas.export.lite.layout import axis_of, torchs, turned
from audionas.export.lite.moves import cat, pad, reshape, slice_

_DIMS = {1: 3, 2: 2}  # torch's name of time and of frequency


class _Line(NamedTuple):
    """A pool along one axis; `counted` where the padding is part of the input."""

    length: int
    size: int
    step: int
    pad: int = 0
    ceil: bool = False
    counted: bool = False

    def windows(self) -> list[tuple[int, int]]:
        """First place and end of each window. As in torch, with `ceil` the last one may hang over the
        padding, but begins left of it."""
        room = self.length + 2 * self.pad - self.size
        count = (room + (self.step - 1 if self.ceil else 0)) // self.step + 1
        if self.ceil and (count - 1) * self.step >= self.length + self.pad:
            count -= 1
        before, end = (0, self.length + 2 * self.pad) if self.counted else (self.pad, self.length)
        starts = (i * self.step - before for i in range(count))
        return [(max(0, at), min(end, at + self.size)) for at in starts]

    def paddings(self) -> set[str]:
        """The paddings of LiteRT that have the same windows."""
        windows = self.windows()
        count = -(-self.length // self.step)
        before = max(0, (count - 1) * self.step + self.size - self.length) // 2
        whole = all(end - at == self.size for at, end in windows)
        same = (count, before) == (len(windows), self.pad) and not (self.counted and self.pad)
        return {name for name, fits in (("VALID", whole), ("SAME", same)) if fits}


def mean(b: Builder, x: Value, dims: Sequence[int], keepdim: bool = False) -> Value:
    """Mean over some axes; over axes of size 1 it does nothing."""
    axes = sorted(axis_of(x, dim) for dim in dims)
    kept = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
    y = x
    if kept != list(x.shape):
        y = b.add("MEAN", [x, b.constant(np.array(axes))], kept, keepDims=True)
    if keepdim:
        return y
    gone = {dim % len(x.shape) for dim in dims}
    return reshape(b, y, [size for dim, size in enumerate(torchs(x)) if dim not in gone])


def avg_pool2d(
    b: Builder,
    x: Value,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Value:
    """A mean where the pool covers everything, which may change the scale in int8; else a pool, over zeros
    too where they count."""
    if divisor_override is not None:
        raise b.refuse("an average with a divisor of its own (divisor_override)")
    lines = _lines(b, x, kernel, stride or kernel, padding, ceil_mode, count_include_pad)
    if count_include_pad:
        x = pad(b, x, [line.pad for line in lines for _ in range(2)])
    if all(line.windows() == [(0, n)] for line, n in zip(lines, x.shape[1:3], strict=True)):
        return mean(b, x, (2, 3), keepdim=True)
    return _pooled(b, "AVERAGE_POOL_2D", x, lines)


def max_pool2d(
    b: Builder,
    x: Value,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    ceil_mode: bool = False,
) -> Value:
    """The largest number in each window; what is padded never is."""
    if turned(dilation) != (1, 1):
        raise b.refuse(f"a maximum over a dilated window (dilation {list(dilation)})")
    return _pooled(b, "MAX_POOL_2D", x, _lines(b, x, kernel, stride or kernel, padding, ceil_mode))


def _lines(
    b: Builder,
    x: Value,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    ceil: bool,
    counted: bool = False,
) -> list[_Line]:
    if len(x.shape) != 4:
        raise b.refuse("a pool in another shape than (1, C, F, n)")
    lines = zip(x.shape[1:3], turned(kernel), turned(stride), turned(padding), strict=True)
    return [_Line(n, size, step, pad, ceil, counted) for n, size, step, pad in lines]


def _pooled(b: Builder, op: str, x: Value, lines: list[_Line]) -> Value:
    """One operator where LiteRT has such windows, else one axis after the other, whose windows are pooled
    apart where an edge cuts them."""
    shared = lines[0].paddings() & lines[1].paddings()
    if shared:
        shape = (1, *(len(line.windows()) for line in lines), x.shape[3])
        options = {"filter": tuple(p.size for p in lines), "stride": tuple(p.step for p in lines)}
        return b.add(op, [x], shape, **options, padding=max(shared))
    for axis, line in enumerate(lines, 1):
        whole = [_Line(n, 1, 1) for n in x.shape[1:3]]
        parts = []
        for first, end, size in _runs(line):
            part = slice_(b, x, _DIMS[axis], first, end)
            whole[axis - 1] = _Line(end - first, size, line.step)
            parts.append(_pooled(b, op, part, whole))
        x = cat(b, parts, _DIMS[axis])
    return x


def _runs(line: _Line) -> list[tuple[int, int, int]]:
    """First place, end and size of windows: neighbours of one size and the usual distance go together."""
    found: list[tuple[int, int, int]] = []
    last = -1
    for first, end in line.windows():
        if found and found[-1][2] == end - first and first == last + line.step:
            found[-1] = (found[-1][0], end, end - first)
        else:
            found.append((first, end, end - first))
        last = first
    return found
