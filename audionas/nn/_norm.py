"""Batch norm that includes the weight of a whole operation in its own scale, and is fast for few channels.

A gate's weight times a normalised output is that output with the weight as its scale: this saves a pass over
it, and for the weight's gradient autograd keeps only the norm's input, not its output as well.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional
from torch.overrides import has_torch_function

LANES = 64  # torch's kernels go over the channels of a position: with fewer they idle
NARROW = 8  # the most channels at which joining positions pays
LARGE = 2**16  # the fewest numbers at which it pays


class Norm(nn.BatchNorm2d):
    """Batch norm over (B, C, H, W); with `scale`, a scalar tensor, its output is multiplied by it."""

    def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
        """Normalise; the shape stays. Gradients of any order reach `scale`."""
        if self.momentum is None or self.running_mean is None:  # a cumulative average, or none
            plain = super().forward(x)
            return plain if scale is None else plain * scale
        group = _group(x, self.running_mean) if self.training else 1
        if scale is None and group == 1:
            return super().forward(x)
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        weight, bias = self._scaled(scale)
        if group > 1:
            y: Tensor
            y, mean, var = _Narrow.apply(x, weight, bias, self.eps, group)  # type: ignore[no-untyped-call]
            self._follow(mean, var, x.numel() // self.num_features)
            return y
        moving = self.training, self.momentum, self.eps
        return functional.batch_norm(x, self.running_mean, self.running_var, weight, bias, *moving)

    def _scaled(self, scale: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """The affine parameters, times `scale`."""
        if scale is None:
            return self.weight, self.bias
        assert self.running_mean is not None
        factor = scale.to(self.running_mean.dtype).expand(self.num_features)
        if self.weight is None:
            return factor.contiguous(), None  # kernels ignore its stride
        return self.weight * factor, self.bias * factor

    @torch.no_grad()
    def _follow(self, mean: Tensor, var: Tensor, count: int) -> None:
        """Move the running statistics towards those of a batch."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        self.running_mean.mul_(1 - self.momentum).add_(mean, alpha=self.momentum)
        self.running_var.mul_(1 - self.momentum).add_(var, alpha=self.momentum * count / (count - 1))


def _group(x: Tensor, like: Tensor) -> int:
    """The neighbouring positions of (B, C, H, W) to join into one with more channels; 1: use torch's kernels.

    So it is on other devices, in other layouts and types, and where someone listens to calls of torch.
    """
    group = LANES // x.shape[1] if 0 < x.shape[1] <= NARROW and x.numel() >= LARGE else 1
    group = 1 << (group.bit_length() - 1)
    usual = x.device.type == "cpu" and x.dtype == like.dtype and not torch.compiler.is_compiling()
    dense = x.is_contiguous(memory_format=torch.channels_last) and x.shape[1] > 1
    size = x.shape[2] * x.shape[3]
    fits = usual and dense and size % group == 0 and size > group
    return group if fits and not has_torch_function((x,)) else 1


class _Narrow(Function):
    """Batch norm in training; its gradients are torch's own where they need gradients themselves.

    Statistics are those of every column of (rows, group * C), joined by the distances of their means.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, group: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The output; mean and variance, (C,)."""
        wide = torch.batch_norm_update_stats(_wide(x, group), None, None, 0.0)
        means, variances = (part.view(group, -1) for part in wide)
        mean = means.mean(0)
        var = (variances + (means - mean).square()).mean(0)
        invstd = torch.rsqrt(var + eps)
        ctx.save_for_backward(x, weight, mean, invstd)
        ctx.eps, ctx.group = eps, group
        ctx.mark_non_differentiable(mean, var)
        factor = invstd if weight is None else invstd * weight
        shift = -mean * factor if bias is None else bias - mean * factor
        y = torch.empty_like(x)
        torch.addcmul(_row(shift, x), _rows(x), _row(factor, x), out=_rows(y))
        return y, mean, var

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of the input and of the affine parameters, where they are requested."""
        x, weight, mean, invstd = ctx.saved_tensors
        wanted = list(ctx.needs_input_grad[:3])
        backward = torch.ops.aten.native_batch_norm_backward
        if torch.is_grad_enabled():
            return *backward(gradient, x, weight, None, None, mean, invstd, True, ctx.eps, wanted), None, None
        gradient, group = gradient.contiguous(memory_format=torch.channels_last), ctx.group
        ones = torch.ones_like(mean).repeat(group)  # kernels sum the gradients of affine parameters alone
        tiled = mean.repeat(group), invstd.repeat(group)
        wide = _wide(gradient, group), _wide(x, group)
        summed = backward(*wide, ones, None, None, *tiled, True, ctx.eps, [False, True, True])[1:]
        of_weight, of_bias = (part.view(group, -1).sum(0) for part in summed)
        found = _of_input(gradient, x, weight, mean, invstd, of_weight, of_bias) if wanted[0] else None
        return found, of_weight if wanted[1] else None, of_bias if wanted[2] else None, None, None


def _of_input(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor | None,
    mean: Tensor,
    invstd: Tensor,
    of_weight: Tensor,
    of_bias: Tensor,
) -> Tensor:
    """The factor times the gradient less its mean and its part along the normalised input."""
    count = x.numel() // len(mean)
    factor = invstd if weight is None else invstd * weight
    along = -factor * invstd * of_weight / count
    shift = -factor * of_bias / count - along * mean
    found = torch.empty_like(x)
    torch.addcmul(_row(shift, x), _rows(x), _row(along, x), out=_rows(found))
    _rows(found).addcmul_(_rows(gradient), _row(factor, x))
    return found


def _wide(x: Tensor, group: int) -> Tensor:
    """View (B, C, H, W) in channels_last memory as (B, group * C, H * W / group, 1)."""
    b, c, h, w = x.shape
    return x.permute(0, 2, 3, 1).view(b, h * w // group, 1, group * c).permute(0, 3, 1, 2)


def _rows(x: Tensor) -> Tensor:
    """View (B, C, H, W) in channels_last memory as (B, H * W * C)."""
    return x.permute(0, 2, 3, 1).view(x.shape[0], -1)


def _row(values: Tensor, x: Tensor) -> Tensor:
    """One value per channel, (C,), for each number of an example of x."""
    return values.expand(x.shape[2] * x.shape[3], -1).reshape(-1)


class EndsInNorm(nn.Module):
    """An operation whose last layer is a `Norm`: `op(x, scale)` is `op(x) * scale`, cheaper."""

    def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
        """The output of the operation for (B, c_in, H, W), times `scale` if it is given."""
        raise NotImplementedError


class NormedSequence(nn.Sequential, EndsInNorm):
    """Layers in sequence, of which the last is a norm or ends in one."""

    def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
        """(B, c_in, H, W) to (B, c_out, H', W')."""
        *body, last = self
        for layer in body:
            x = layer(x)
        y: Tensor = last(x, scale)
        return y
