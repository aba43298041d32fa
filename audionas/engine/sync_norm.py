"""Batch norm over the shares of all processes: every batch norm in a block, whatever module calls it.

torch's SyncBatchNorm refuses tensors on a CPU, and would have to replace modules. Here the call of
`functional.batch_norm` is intercepted instead, so that networks, their weights' names and the batch norms
that differ from torch's own stay as they are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from audionas.engine import distributed, processes


@contextmanager
def synced(active: bool) -> Iterator[None]:
    """Use the statistics of all processes' examples in batch norms in training mode, inside the block.

    All of them must run the same layers. Without several processes nothing happens.
    """
    if not active or processes.count() == 1:
        yield
        return
    with _Synced():
        yield


class _Synced(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is functional.batch_norm:
            return batch_norm(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """`functional.batch_norm` of (B, C, ...) as if all processes' examples were one batch.

    Gradients of any order pass, between processes too. Statistics are at least float32; the output has the
    type of `x`.
    """
    if not training:
        return functional.batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    wide = x if x.dtype == torch.float64 else x.float()
    mean, var, count = _moments(wide)
    if running_mean is not None and running_var is not None:
        with torch.no_grad():
            running_mean.mul_(1 - momentum).add_(momentum * mean)
            running_var.mul_(1 - momentum).add_(momentum * var * (count / (count - 1)))
    scale = torch.rsqrt(var + eps) if weight is None else weight * torch.rsqrt(var + eps)
    across = [1, -1, *[1] * (x.dim() - 2)]
    y = (wide - mean.view(across)) * scale.view(across)  # centred first: large means would cancel in float32
    return (y if bias is None else y + bias.view(across)).to(x.dtype)


def _moments(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and variance of each channel, (C,), over all processes, and the number of values in them.

    It takes one sum: each process puts its count, mean and variance in its own row. Variances are joined
    with the distances between means (Chan, Golub, LeVeque, 1979), never as a mean of squares minus a squared
    mean, which cancels.
    """
    channels = x.shape[1]
    var, mean = torch.var_mean(x, [0, *range(2, x.dim())], correction=0)
    own = torch.cat([mean, var, x.new_tensor([x.numel() / channels])])
    below = processes.rank()
    above = processes.count() - 1 - below
    rows = distributed.total(functional.pad(own[None], (0, 0, below, above)))  # (processes, 2C + 1)
    means, variances, counts = torch.split_with_sizes(rows, [channels, channels, 1], dim=1)
    count = counts.sum()
    mean = (counts * means).sum(0) / count
    var = (counts * (variances + (means - mean).square())).sum(0) / count
    return mean, var, count.detach()
