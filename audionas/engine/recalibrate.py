"""Batch-norm statistics for one path through a supernet, measured anew and restored afterwards.

The running statistics of a supernet are a mixture over everything that it computed in training; they
fit none of the networks inside it. A network is therefore scored with its own statistics.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from audionas.data.batches import Batch


@contextmanager
def recalibrated(
    net: nn.Module, forward: Callable[[Batch], object], batches: Iterable[Batch]
) -> Iterator[None]:
    """Inside the block, `net` is in evaluation mode with the batch-norm statistics of `forward` on `batches`.

    They are the plain means over the batches: of each batch's means, and of its unbiased variances. While
    they are measured, only batch norms are in training mode: neither dropout nor a method's noise acts, as
    in the scoring afterwards. On leaving, statistics, momenta and modes are restored.
    """
    norms = [m for m in net.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]
    modes = {module: module.training for module in net.modules()}
    momenta = [norm.momentum for norm in norms]
    kept = [{name: b.clone() for name, b in norm.named_buffers(recurse=False)} for norm in norms]
    try:
        net.eval()
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a cumulative average
            norm.train()
        with torch.no_grad():
            for batch in batches:
                forward(batch)
        net.eval()
        yield
    finally:
        for norm, momentum, buffers in zip(norms, momenta, kept, strict=True):
            norm.momentum = momentum
            for name, buffer in norm.named_buffers(recurse=False):
                buffer.copy_(buffers[name])
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def of_each_batch(net: nn.Module) -> Iterator[None]:
    """Inside the block, `net` is in evaluation mode, but batch norms take the statistics of each batch.

    On leaving, running statistics and modes are as they were.
    """
    norms = [m for m in net.modules() if isinstance(m, _BatchNorm)]
    modes = {module: module.training for module in net.modules()}
    kept = [{name: b.clone() for name, b in norm.named_buffers(recurse=False)} for norm in norms]
    try:
        net.eval()
        for norm in norms:
            norm.train()
        yield
    finally:
        for norm, buffers in zip(norms, kept, strict=True):
            for name, buffer in norm.named_buffers(recurse=False):
                buffer.copy_(buffers[name])
        for module, mode in modes.items():
            module.training = mode
