"""What methods that sample share: Gumbel noise, hard choices with a soft gradient, the temperature.

Everything is drawn on the CPU in float32 from torch's global generator, which a search seeds at the
start of each epoch: a GPU is never asked what was drawn, and a resumed search draws the same.
"""

import torch
from torch import Tensor


def gumbel(*shape: int) -> Tensor:
    """Gumbel(0, 1) noise: -log of an exponential variable, finite also where that is 0."""
    return -torch.empty(shape).exponential_().clamp_min(torch.finfo(torch.float32).tiny).log()


def straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """Exactly `hard` forward, the gradient of `soft` backward (GDAS, Dong and Yang, arXiv:1910.04465)."""
    return hard + (soft - soft.detach())


def anneal(first: float, last: float, epoch: int, epochs: int) -> float:
    """Linear from `first` in epoch 0 to `last` in the last of `epochs`."""
    return first + (last - first) * min(epoch / max(epochs - 1, 1), 1.0)
