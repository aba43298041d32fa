"""Depthwise convolution with gradients that are quick on a CPU.

There torch convolves each channel quickly, whatever the kernel; but the gradient of the kernel is quick only
for kernels at most 3 wide, and both gradients only without dilation: others take up to twenty times as long.
What is slow is put together from what is quick; the results are the same but for rounding.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

Pair = tuple[int, ...]  # along height and width
ONES: Pair = (1, 1)
WIDE = 3  # the widest kernel whose gradient is quick


class Form(NamedTuple):
    """How a kernel is moved over its input."""

    stride: Pair
    padding: Pair
    dilation: Pair = ONES


def depthwise(x: Tensor, kernel: Tensor, form: Form) -> Tensor:
    """Each channel of (B, C, H, W) convolved with its own of the kernels (C, 1, kh, kw)."""
    learns = torch.is_grad_enabled() and (x.requires_grad or kernel.requires_grad)
    slow = kernel.shape[3] > WIDE or form.dilation != ONES
    if not (slow and learns and x.device.type == "cpu") or torch.compiler.is_compiling():
        return functional.conv2d(x, kernel, None, *form, groups=len(kernel))
    step = form.stride
    if step == form.dilation and _divides(step, form.padding):
        x = x[:, :, :: step[0], :: step[1]]  # the kernel meets no other positions
        form = Form(ONES, _over(form.padding, step))
    y: Tensor = _Depthwise.apply(x, kernel, form)  # type: ignore[no-untyped-call]
    return y


class _Depthwise(Function):
    """Where gradients shall have gradients themselves they are torch's own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, form: Form) -> Tensor:
        """The convolution."""
        ctx.save_for_backward(x, kernel)
        ctx.form = form
        return functional.conv2d(x, kernel, None, *form, groups=len(kernel))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Of the input and of the kernel, where they are asked for."""
        x, kernel = ctx.saved_tensors
        wanted = ctx.needs_input_grad[:2]
        if torch.is_grad_enabled():
            return *_torchs(gradient, x, kernel, ctx.form, wanted), None
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_input = _of_input(gradient, x, kernel, ctx.form) if wanted[0] else None
        return of_input, _of_kernel(gradient, x, kernel, ctx.form) if wanted[1] else None, None


def _torchs(
    gradient: Tensor, x: Tensor, kernel: Tensor, form: Form, wanted: tuple[bool, bool]
) -> tuple[Tensor, Tensor]:
    """Torch's own gradients, which can be differentiated again; None for what is not wanted."""
    rest = (False, (0, 0), len(kernel), (*wanted, False))
    of_input, of_kernel, _ = torch.ops.aten.convolution_backward(gradient, x, kernel, None, *form, *rest)
    return of_input, of_kernel


def _of_input(gradient: Tensor, x: Tensor, kernel: Tensor, form: Form) -> Tensor:
    """A dilated convolution that keeps the size has the one by the turned kernel as its adjoint."""
    if form.dilation == ONES or form.stride != ONES or gradient.shape != x.shape:
        return _torchs(gradient, x, kernel, form, (True, False))[0]
    return functional.conv2d(gradient, kernel.flip(2, 3), None, *form, groups=len(kernel))


def _of_kernel(gradient: Tensor, x: Tensor, kernel: Tensor, form: Form) -> Tensor:
    """A dilated kernel sees grids, each by itself; one over time may stand upright, which is quick."""
    if form.dilation != ONES:
        step = form.dilation
        if (
            form.stride != ONES
            or gradient.shape != x.shape
            or not _divides(step, (*x.shape[2:], *form.padding))
        ):
            return _torchs(gradient, x, kernel, form, (False, True))[1]
        x, gradient = _grids(x, step), _grids(gradient, step)
        form = Form(ONES, _over(form.padding, step))
    upright = x.shape[2] == kernel.shape[2] == 1 and form.stride == ONES
    if upright:
        gradient, x, kernel = _turned(gradient), _turned(x), _turned(kernel)
        form = Form(ONES, form.padding[::-1])
    if kernel.shape[3] <= WIDE:
        found = _torchs(gradient, x, kernel, form, (False, True))[1]
    else:
        found = _of_wide_kernel(gradient, x, kernel, form)
    return found.transpose(2, 3) if upright else found


def _of_wide_kernel(gradient: Tensor, x: Tensor, kernel: Tensor, form: Form) -> Tensor:
    """It is a few narrow ones side by side, each of which sees its own columns."""
    width, found = kernel.shape[3], torch.empty_like(kernel)
    narrow = kernel.new_empty(*kernel.shape[:3], WIDE)  # only its size is read
    reach = (gradient.shape[3] - 1) * form.stride[1] + WIDE  # columns that a narrow one sees
    for first in (*range(0, width - WIDE, WIDE), width - WIDE):
        left = form.padding[1] - first
        seen = functional.pad(x, (left, reach - left - x.shape[3]))
        moved = Form(form.stride, (form.padding[0], 0))
        found[..., first : first + WIDE] = _torchs(gradient, seen, narrow, moved, (False, True))[1]
    return found


def _divides(step: Pair, sizes: Pair) -> bool:
    """Whether each of the sizes, along height and width in turns, is a multiple of the step."""
    return not any(size % step[i % 2] for i, size in enumerate(sizes))


def _over(padding: Pair, step: Pair) -> Pair:
    return padding[0] // step[0], padding[1] // step[1]


def _turned(x: Tensor) -> Tensor:
    """(B, C, 1, T) as (B, C, T, 1) in channels_last memory, without a copy."""
    b, c, _, t = x.shape
    return x.permute(0, 2, 3, 1).reshape(b, t, 1, c).permute(0, 3, 1, 2)


def _grids(x: Tensor, step: Pair) -> Tensor:
    """Every `step`-th position as an example of its own: (B, C, H, W) to (B s t, C, H / s, W / t)."""
    b, c, h, w = x.shape
    apart = x.permute(0, 2, 3, 1).reshape(b, h // step[0], step[0], w // step[1], step[1], c)
    return apart.permute(2, 4, 0, 1, 3, 5).reshape(-1, h // step[0], w // step[1], c).permute(0, 3, 1, 2)
