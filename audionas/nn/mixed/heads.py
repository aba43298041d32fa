"""Heads of MixedNet over the last frames alone: as they are, their mean, or their maximum."""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

Last = Literal["flatten", "mean", "max"]


class LastFrames(nn.Module):
    """The last `frames` frames of (B, C, 1, T), with zeros before the first where there are fewer."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.frames = frames

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 1, T) to (B, C, 1, frames)."""
        return functional.pad(x, (self.frames - x.shape[3], 0))  # below zero it cuts


class LastMean(LastFrames):
    """Their mean."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 1, T) to (B, C, 1, 1)."""
        return super().forward(x).mean((2, 3), keepdim=True)


class LastMax(LastFrames):
    """Their largest value."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 1, T) to (B, C, 1, 1)."""
        return super().forward(x).amax((2, 3), keepdim=True)


class EveryLast(nn.Module):
    """The results of `pool` over the frames up to each one, with zeros for frames before the first."""

    def __init__(self, pool: LastFrames) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 1, T) to (B * T, C, 1, frames or 1)."""
        line = functional.pad(x, (self.pool.frames - 1, 0)).unfold(3, self.pool.frames, 1)[:, :, 0]
        found: Tensor = self.pool(line.transpose(1, 2).flatten(0, 1).unsqueeze(2))
        return found


POOLS: dict[Last, type[LastFrames]] = {"flatten": LastFrames, "mean": LastMean, "max": LastMax}


class FramesLinear(nn.Linear):
    """One linear layer over all channels of all frames, computed as a convolution as long as they are.

    A file then moves no axes for it; it is still a linear layer to what counts and initialises.
    """

    def __init__(self, channels: int, frames: int, classes: int) -> None:
        super().__init__(channels * frames, classes)
        self.frames = frames

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 1, frames) to (B, classes)."""
        kernel = self.weight.view(self.out_features, -1, 1, self.frames)
        return functional.conv2d(x, kernel, self.bias).flatten(1)


class LastHead(nn.Module):
    """The last `frames` frames by `pool`, dropout, one linear layer."""

    def __init__(
        self, channels: int, classes: int, frames: int, pool: Last = "flatten", dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.pool = POOLS[pool](frames)
        self.dropout = nn.Dropout(dropout)
        self.linear = FramesLinear(channels, frames if pool == "flatten" else 1, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 1, T) to (B, classes) logits."""
        logits: Tensor = self.linear(self.dropout(self.pool(x)))
        return logits
