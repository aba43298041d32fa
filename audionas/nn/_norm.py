"""Batch norm that includes the weight of a whole operation in its own scale.

A gate's weight times a normalised output is that output with the weight as its scale: this saves a pass over
it, and for the weight's gradient autograd keeps only the norm's input, not its output as well.
"""

from torch import Tensor, nn
from torch.nn import functional


class Norm(nn.BatchNorm2d):
    """Batch norm over (B, C, H, W); with `scale`, a scalar tensor, its output is multiplied by it."""

    def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
        """Normalise; the shape stays. Gradients of any order reach `scale`."""
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
