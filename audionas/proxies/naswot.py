"""NASWOT: how different the examples of a batch look to a network's ReLUs, before any training.

Mellor et al., "Neural Architecture Search without Training" (ICML 2021, arXiv:2006.04647).
"""

import torch
from torch import Tensor, nn

from audionas.proxies.signs import signs


def naswot(net: nn.Module, x: Tensor) -> float:
    """log |det K| for a batch `x` (B, C, F, T); minus infinity where two examples look the same."""
    return float(torch.linalg.slogdet(kernel(net, x)).logabsdet)


def kernel(net: nn.Module, x: Tensor) -> Tensor:
    """K (B, B), in double precision: the number of units that two examples turn both on or both off.

    It is the sum over ReLUs, or what stands for them, of c c' + (1 - c)(1 - c)' for their codes c (B, units)
    of zeros and ones: with s = 2 c - 1 that is (s s' + units) / 2.
    """
    total = torch.zeros(len(x), len(x), dtype=torch.float64, device=x.device)

    def add(on: Tensor) -> None:
        s = on.float() * 2 - 1  # whole numbers: exact below 2^24 units
        total.add_((s @ s.T).double().add_(on.shape[1]).div_(2))

    signs(net, x, add)
    return total
