"""SWAP: the number of different patterns that a network's units make over a batch, before any training.

Peng et al., "SWAP-NAS: Sample-Wise Activation Patterns for Ultra-fast NAS" (ICLR 2024, arXiv:2403.04161).
"""

import numpy as np
import torch
from torch import Tensor, nn

from audionas.core.errors import UserError
from audionas.proxies.signs import signs

FEWEST, MOST = 16, 62  # examples: with fewer, large networks have all 2^B patterns; a pattern is 62 bits


def swap(net: nn.Module, x: Tensor) -> float:
    """The number of distinct rows of the matrix (units, B) of signs at all activations, for `x` (B, C, F, T).

    This is the plain score of one initialisation: the authors' code takes the mean over 32, and can damp it
    by the number of parameters. Raises UserError for a batch that does not have 16 to 62 examples.
    """
    if not FEWEST <= len(x) <= MOST:
        raise UserError(
            f"swap needs {FEWEST} to {MOST} different training examples, and got {len(x)}",
            hint="Give more training data, or use another proxy, for example: synflow",
        )
    bits, patterns = 2 ** torch.arange(len(x), device=x.device)[:, None], []
    signs(net, x, lambda on: patterns.append((on * bits).sum(0).cpu().numpy()))
    return float(len(np.unique(np.concatenate(patterns))))
