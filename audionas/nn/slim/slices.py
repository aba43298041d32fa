"""An operation computed at a smaller shape, with the leading slices of its weights and statistics.

Yu et al., "Slimmable Neural Networks", arXiv:1812.08928. Norms are shared among widths too, and a network's
own statistics are measured before it is scored: the post-statistics of "Universally Slimmable Networks" (Yu
and Huang, arXiv:1903.05134).
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm


def leading(tensor: Tensor, shape: Sequence[int]) -> Tensor:
    """The view of the first `shape[i]` entries along every axis i; the tensor itself if it has that shape."""
    return tensor[tuple(slice(size) for size in shape)] if tensor.shape != tuple(shape) else tensor


def computed(op: nn.Module, like: nn.Module, x: Tensor) -> Tensor:
    """`like(x)` with the leading slices of the weights of `op`, in the modes of `op`.

    `like` is the same operation at a smaller shape, on any device: its own weights are not read. Statistics
    that norms update in training are written through to `op`.
    """
    for own, whole in zip(like.modules(), op.modules(), strict=True):
        own.training = whole.training
        if isinstance(own, _BatchNorm):
            assert isinstance(whole, _BatchNorm)
            own.momentum = whole.momentum
    have = {**dict(op.named_parameters()), **dict(op.named_buffers())}
    wanted = {**dict(like.named_parameters()), **dict(like.named_buffers())}
    state = {name: leading(have[name], tensor.shape) for name, tensor in wanted.items()}
    found: Tensor = functional_call(like, state, (x,))
    return found
