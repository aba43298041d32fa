"""Data set statistics as part of the model."""

import torch
from torch import Tensor, nn


class Normalize(nn.Module):
    """(x - mean) / std for each coefficient; the statistics are buffers and travel with the model."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", torch.as_tensor(mean).reshape(1, 1, -1, 1))
        self.register_buffer("std", torch.as_tensor(std).reshape(1, 1, -1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, F, T) to the same shape."""
        return (x - self.mean) / self.std
