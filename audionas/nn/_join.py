"""Concatenation of tensors whose parts receive dense gradients.

The gradient of torch.cat gives each part a view with gaps, on which the kernels of batch norm are slow; a
node of a cell passes it on to every operation on every edge that enters the node.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function


def join(parts: Sequence[Tensor]) -> Tensor:
    """Join (B, C1, H, W), (B, C2, H, W), ... into (B, C1 + C2 + ..., H, W)."""
    if not torch.is_grad_enabled() or torch.compiler.is_compiling():
        return torch.cat(list(parts), dim=1)
    joined: Tensor = _Join.apply(*parts)  # type: ignore[no-untyped-call]
    return joined


class _Join(Function):
    """Concatenation; its gradient is split and copied by functions that have gradients themselves."""

    @staticmethod
    def forward(ctx: Any, *parts: Tensor) -> Tensor:
        """Join along the channels."""
        ctx.channels = [part.shape[1] for part in parts]
        return torch.cat(parts, dim=1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        """The gradients of the parts, each in its own channels_last memory."""
        parts = torch.split_with_sizes(gradient, ctx.channels, dim=1)
        return tuple(part.contiguous(memory_format=torch.channels_last) for part in parts)
