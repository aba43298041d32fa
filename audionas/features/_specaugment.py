"""SpecAugment: random bands of time and frequency are set to zero during training."""

import torch
from torch import Tensor

from audionas.core.errors import UserError
from audionas.features._conf import SpecAugment


def spec_augment(x: Tensor, conf: SpecAugment, generator: torch.Generator | None = None) -> Tensor:
    """Mask normalised features (B, 1, F, T), each example differently; the mask value 0 is their mean.

    A width is uniform in 0..width, a position uniform where that width fits (Park et al. 2019, section 2).
    Draws come from a CPU generator (torch's own unless given), so every device masks alike. Raises
    UserError for a mask wider than the features.
    """
    _, _, freq, frames = x.shape
    if problems := conf.too_wide(freq, frames):
        raise UserError(problems, hint="The widths are in coefficients and in frames.")
    masked = torch.zeros(x.shape, dtype=torch.bool)
    if conf.freq_masks and conf.freq_width:
        masked |= _bands(x.shape[0], freq, conf.freq_masks, conf.freq_width, generator)[:, None, :, None]
    if conf.time_masks and conf.time_width:
        masked |= _bands(x.shape[0], frames, conf.time_masks, conf.time_width, generator)[:, None, None, :]
    return x.masked_fill(masked.to(x.device), 0.0)


def _bands(batch: int, size: int, count: int, width: int, generator: torch.Generator | None) -> Tensor:
    """True inside any of `count` random bands: (B, size) booleans."""
    draw = torch.rand(batch, count, 2, generator=generator, dtype=torch.float64)  # width, place
    widths = (draw[..., 0] * (width + 1)).long()
    starts = (draw[..., 1] * (size - widths + 1)).long()
    at = torch.arange(size)
    inside = (at >= starts[..., None]) & (at < (starts + widths)[..., None])  # (B, masks, size)
    return inside.any(dim=1)
