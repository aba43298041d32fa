"""The inverted bottleneck of CP-Mobile for acoustic scenes on small devices, with ReLU after the sum."""

from torch import Tensor, nn
from torch.nn import functional

from audionas.nn.blocks import ConvBN, Pair, multiple_of_eight


class CPBlock(nn.Module):
    """1x1 conv, BN, ReLU; depthwise kernel with the stride, BN, ReLU; 1x1 conv, BN; shortcut; ReLU.

    The block of CP-Mobile (Schmid et al., DCASE Workshop 2023) without its response normalisation, as in the
    baseline of DCASE 2024 task 1. Hidden channels are `expansion` * c_in as a multiple of 8. There is a
    shortcut only where the channels stay; it is a 3 x 3 average where the positions change. Where `bare`, the
    last norm has no affine parameters.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: Pair,
        *,
        expansion: float,
        stride: Pair,
        causal: bool = False,
        bare: bool = False,
    ) -> None:
        super().__init__()
        wide = multiple_of_eight(expansion * c_in)
        self.expand = ConvBN(c_in, wide, (1, 1))
        self.depthwise = ConvBN(wide, wide, kernel, stride=stride, groups=wide, causal=causal)
        self.project = ConvBN(wide, c_out, (1, 1), act=None, bare=bare)
        self.residual = c_in == c_out
        same = not self.residual or stride == (1, 1)
        self.shortcut = nn.Identity() if same else Average(stride, causal=causal)

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, F, T) to (B, c_out, ceil(F / stride), ceil(T / stride))."""
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return functional.relu(y + self.shortcut(x) if self.residual else y)


class Average(nn.Module):
    """A 3 x 3 average, with zeros outside; with `causal` its three frames end at the current one."""

    def __init__(self, stride: Pair, *, causal: bool) -> None:
        super().__init__()
        self.stride = stride
        self.past = 2 if causal else 0  # frames kept from the past when streaming

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, F, T) to (B, C, ceil(F / stride), ceil(T / stride))."""
        x = functional.pad(x, (self.past, 0)) if self.past else x
        return functional.avg_pool2d(x, 3, self.stride, (1, 0 if self.past else 1))


class LogitMap(nn.Module):
    """The head of CP-Mobile: a 1x1 convolution to the classes, BN, and the mean over frequency and time."""

    def __init__(self, channels: int, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.conv = ConvBN(channels, classes, (1, 1), act=None)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, F, T) to (B, classes) logits."""
        scores: Tensor = self.conv(self.dropout(x))
        return scores.mean((2, 3))
