"""Freq-MixStyle: clips mix their mean and spread, per frequency, with those of others in their batch."""

import numpy as np
import torch
from torch import Tensor

_EPSILON = 1e-6  # added to variances, as in the published code: a masked frequency does not vary


def freq_mix_style(
    x: Tensor, probability: float, alpha: float, generator: torch.Generator | None = None
) -> Tensor:
    """Mix the statistics of features (B, 1, F, T) over the batch; classes stay with the content.

    With `probability` (one draw per batch) each clip is normalised by its own mean and standard deviation per
    frequency, and gets lambda times its own and 1 - lambda times those of another clip, drawn as a
    permutation of the batch; lambda is drawn from Beta(alpha, alpha) for each clip. This is MixStyle (Zhou et
    al., arXiv:2104.02008) over frequencies instead of channels, since recording devices differ in them (Kim
    et al., arXiv:2206.12513): Schmid et al., DCASE Workshop 2022.

    Data set normalisation may come before or after: mixing is linear in it. Draws come from a CPU
    generator (torch's own unless given), so every device mixes alike; probability 0 draws nothing.
    """
    if not probability:
        return x
    rng = np.random.default_rng(int(torch.randint(2**63 - 1, (), generator=generator)))
    mixed, share, other = rng.random() < probability, rng.beta(alpha, alpha, len(x)), rng.permutation(len(x))
    if not mixed:
        return x
    own = torch.as_tensor(share, dtype=x.dtype, device=x.device)
    return styled(x, own, torch.as_tensor(other, device=x.device))


def styled(x: Tensor, own: Tensor, partner: Tensor) -> Tensor:
    """gamma (x - mu) / sigma + beta: gamma mixes spreads, beta means, as lambda own + (1 - lambda) other.

    mu and sigma (B, 1, F, 1) are a clip's over its frames, mu' and sigma' those of clip `partner` (B,);
    `own` (B,) is lambda. A clip with lambda 1, or one that is its own partner, stays as it is.
    """
    mean = x.mean((1, 3), keepdim=True)
    deviation = (x.var((1, 3), keepdim=True) + _EPSILON).sqrt()
    share = own.reshape(-1, 1, 1, 1)
    new_mean = share * mean + (1 - share) * mean[partner]
    new_deviation = share * deviation + (1 - share) * deviation[partner]
    return (x - mean) / deviation * new_deviation + new_mean
