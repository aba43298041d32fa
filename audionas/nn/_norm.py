"""Batch norm that takes the weight of a whole operation into its own scale.

A gate's weight times a normalised output is that output with the weight as its scale: one pass fewer over
it, and for the weight's gradient autograd keeps the norm's input alone, not its output as well.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Norm(nn.BatchNorm2d):
    """Batch norm over (B, C, H, W); with `scale`, a scalar tensor, its output is multiplied by it."""

    def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
        """The same shape. Gradients of any order reach `scale`."""
        if scale is None:
            return super().forward(x)
        if self.momentum is None or self.running_mean is None:  # a cumulative average, or none
            return super().forward(x) * scale
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        factor = scale.to(self.running_mean.dtype).expand(self.num_features)
        return functional.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            factor.contiguous() if self.weight is None else self.weight * factor,  # kernels ignore its stride
            None if self.bias is None else self.bias * factor,
            self.training,
            self.momentum,
            self.eps,
        )


class EndsInNorm(nn.Module):
    """An operation whose last layer is a `Norm`: `op(x, scale)` is `op(x) * scale`, cheaper."""

    def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
        """What the operation makes of (B, c_in, H, W), times `scale` where it is given."""
        raise NotImplementedError


class NormedSequence(nn.Sequential, EndsInNorm):
    """Layers one after the other, of which the last is a norm or ends in one."""

    def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
        """(B, c_in, H, W) to (B, c_out, H', W')."""
        *body, last = self
        for layer in body:
            x = layer(x)
        y: Tensor = last(x, scale)
        return y


def weighted(op: nn.Module, x: Tensor, weight: Tensor) -> Tensor:
    """weight * op(x), for a scalar weight."""
    if isinstance(op, EndsInNorm):
        y: Tensor = op(x, weight)
        return y
    return torch.mul(weight, op(x))
