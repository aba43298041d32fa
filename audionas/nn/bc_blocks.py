"""The blocks of BC-ResNet: a residual in frequency and time, broadcast from a residual in time alone.

Kim et al., "Broadcasted Residual Learning for Efficient Keyword Spotting", arXiv:2106.04140, with
sub-spectral normalisation from Chang et al., arXiv:2103.13620.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from audionas.nn.blocks import Conv, ConvBN

BANDS = 5  # bands of sub-spectral normalisation, in every BC-ResNet


class SubSpectralNorm(nn.BatchNorm2d):
    """Batch norm with its own statistics and affine parameters in each of `bands` frequency bands."""

    def __init__(self, channels: int, bands: int = BANDS) -> None:
        super().__init__(bands * channels)
        self.bands = bands

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, F, T) to the same shape; F is a multiple of `bands`."""
        return self._normalise(x) if self.training else self._scale(x)

    def _normalise(self, x: Tensor) -> Tensor:
        """Turn bands into channels and back, so that batch norm itself keeps the statistics.

        Channels stay innermost in memory, as the neighbouring convolutions need them: on
        a CPU this is twice as fast as a reshape of (B, C, F, T).
        """
        b, c, f, t = x.shape
        rows = x.permute(0, 2, 3, 1).reshape(b, self.bands, f // self.bands, t, c)
        wide = rows.permute(0, 2, 3, 1, 4).flatten(3).permute(0, 3, 1, 2)  # (B, bands * C, F / bands, T)
        rows = super().forward(wide).permute(0, 2, 3, 1).reshape(b, f // self.bands, t, self.bands, c)
        return rows.permute(0, 3, 1, 2, 4).reshape(b, f, t, c).permute(0, 3, 1, 2)

    def _scale(self, x: Tensor) -> Tensor:
        """Normalise with fixed statistics: one scale and one shift per channel and frequency.

        An exported network then copies nothing here: BC-ResNet-1 takes 0.36 instead of 1.0 ms in
        ONNX Runtime.
        """
        assert self.running_mean is not None
        assert self.running_var is not None
        scale = self.weight * torch.rsqrt(self.running_var + self.eps)
        shift = self.bias - self.running_mean * scale
        scale, shift = (
            v.reshape(self.bands, -1).t().repeat_interleave(x.shape[2] // self.bands, 1)[:, :, None]
            for v in (scale, shift)  # each (C, F, 1)
        )
        return x * scale + shift


class BCBlock(nn.Module):
    """y = relu(f2(x) + f1(mean over frequency of f2(x)) [+ x where the shape stays]).

    f2: [1x1 conv, BN, ReLU where the channels change], depthwise (3, 1), sub-spectral norm.
    f1: depthwise (1, 3) with dilation in time, BN, swish, 1x1 conv, channel dropout.
    """

    def __init__(
        self, c_in: int, c_out: int, *, stride: int, dilation: int, dropout: float = 0.1, causal: bool = False
    ) -> None:
        super().__init__()
        self.residual = c_in == c_out and stride == 1
        self.widen = nn.Identity() if c_in == c_out else ConvBN(c_in, c_out, (1, 1))
        self.spectral = Conv(c_out, c_out, (3, 1), stride=(stride, 1), groups=c_out)
        self.norm = SubSpectralNorm(c_out)
        self.temporal = ConvBN(
            c_out, c_out, (1, 3), act=None, dilation=(1, dilation), groups=c_out, causal=causal
        )
        self.point = Conv(c_out, c_out, (1, 1))
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, F, T) to (B, c_out, ceil(F / stride), T)."""
        plane = self.norm(self.spectral(self.widen(x)))
        line = functional.silu(self.temporal(plane.mean(2, keepdim=True)))  # (B, c_out, 1, T)
        y = plane + self.dropout(self.point(line))
        return functional.relu(y + x if self.residual else y)


class FullBand(Conv):
    """A convolution that is not padded along frequency: (B, c_in, F, T) to (B, c_out, F - kernel + 1, T)."""

    def __init__(
        self, c_in: int, c_out: int, kernel: tuple[int, int], *, groups: int = 1, causal: bool = False
    ) -> None:
        super().__init__(c_in, c_out, kernel, groups=groups, causal=causal)
        self.padding = (0, 0 if causal else kernel[1] // 2)
