"""Data set statistics as part of the model."""

import torch
from torch import Tensor, nn


class Normalize(nn.Module):
    """(x - mean) / std per coefficient; the statistics are buffers, stored with the model."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", torch.as_tensor(mean).reshape(1, 1, -1, 1))
        self.register_buffer("std", torch.as_tensor(std).reshape(1, 1, -1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, 1, F, T)."""
        return (x - self.mean) / self.std
