"""Depthwise convolution with gradients that are fast on a CPU.

On a CPU, torch's forward pass is fast for any kernel, but the gradient of the kernel is fast only
for kernels at most 3 wide, and both gradients only without dilation: others take up to twenty times as long.
Slow gradients are composed of fast ones; the results are the same except for rounding.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

Pair = tuple[int, ...]  # along height and width
ONES: Pair = (1, 1)
WIDE = 3  # the widest kernel whose gradient is fast


class Form(NamedTuple):
    """The stride, padding and dilation of a kernel."""

    stride: Pair
    padding: Pair
    dilation: Pair = ONES


def depthwise(x: Tensor, kernel: Tensor, form: Form) -> Tensor:
    """Convolve each channel of (B, C, H, W) with its own kernel of (C, 1, kh, kw)."""
    learns = torch.is_grad_enabled() and (x.requires_grad or kernel.requires_grad)
    slow = kernel.shape[3] > WIDE or form.dilation != ONES
    if not (slow and learns and x.device.type == "cpu") or torch.compiler.is_compiling():
        return functional.conv2d(x, kernel, None, *form, groups=len(kernel))
    step = form.stride
    if step == form.dilation and _divides(step, form.padding):
        x = x[:, :, :: step[0], :: step[1]]  # the kernel reads no other positions
        form = Form(ONES, _over(form.padding, step))
    y: Tensor = _Depthwise.apply(x, kernel, form)  # type: ignore[no-untyped-call]
    return y


class _Depthwise(Function):
    """The convolution; its gradients are torch's own where they need gradients themselves."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, form: Form) -> Tensor:
        """Convolve."""
        ctx.save_for_backward(x, kernel)
        ctx.form = form
        return functional.conv2d(x, kernel, None, *form, groups=len(kernel))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of the input and of the kernel, where they are requested."""
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
    """Torch's own gradients, which can be differentiated again; None where not wanted."""
    rest = (False, (0, 0), len(kernel), (*wanted, False))
    of_input, of_kernel, _ = torch.ops.aten.convolution_backward(gradient, x, kernel, None, *form, *rest)
    return of_input, of_kernel


def _of_input(gradient: Tensor, x: Tensor, kernel: Tensor, form: Form) -> Tensor:
    """The gradient of the input: a dilated convolution that keeps the size has the flipped one as adjoint."""
    if form.dilation == ONES or form.stride != ONES or gradient.shape != x.shape:
        return _torchs(gradient, x, kernel, form, (True, False))[0]
    return functional.conv2d(gradient, kernel.flip(2, 3), None, *form, groups=len(kernel))


def _of_kernel(gradient: Tensor, x: Tensor, kernel: Tensor, form: Form) -> Tensor:
    """The gradient of the kernel: a dilated one sees separate grids; one over time is turned upright."""
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
    """The gradient of a wide kernel as that of narrow ones side by side, each with its own columns.

    It is 0 for one that sees nothing but padding: a kernel may be longer than twice its input.
    """
    width, found = kernel.shape[3], torch.zeros_like(kernel)
    narrow = kernel.new_empty(*kernel.shape[:3], WIDE)  # only its size is read
    reach = (gradient.shape[3] - 1) * form.stride[1] + WIDE  # columns that a narrow kernel sees
    for first in (*range(0, width - WIDE, WIDE), width - WIDE):
        left = form.padding[1] - first
        if not -x.shape[3] < left < reach:
            continue
        seen = functional.pad(x, (left, reach - left - x.shape[3]))
        moved = Form(form.stride, (form.padding[0], 0))
        found[..., first : first + WIDE] = _torchs(gradient, seen, narrow, moved, (False, True))[1]
    return found


def _divides(step: Pair, sizes: Pair) -> bool:
    """True where each size, along height and width in turn, is a multiple of the step."""
    return not any(size % step[i % 2] for i, size in enumerate(sizes))


def _over(padding: Pair, step: Pair) -> Pair:
    return padding[0] // step[0], padding[1] // step[1]


def _turned(x: Tensor) -> Tensor:
    """View (B, C, 1, T) as (B, C, T, 1) in channels_last memory, without a copy."""
    b, c, _, t = x.shape
    return x.permute(0, 2, 3, 1).reshape(b, t, 1, c).permute(0, 3, 1, 2)


def _grids(x: Tensor, step: Pair) -> Tensor:
    """Make every `step`-th position a separate example: (B, C, H, W) to (B s t, C, H / s, W / t)."""
    b, c, h, w = x.shape
    apart = x.permute(0, 2, 3, 1).reshape(b, h // step[0], step[0], w // step[1], step[1], c)
    return apart.permute(2, 4, 0, 1, 3, 5).reshape(-1, h // step[0], w // step[1], c).permute(0, 3, 1, 2)
