"""The parts of cell spaces (DARTS, NAS-Bench-201): convolutions, pools, none, noise, the auxiliary head.

Batch norms have affine parameters only in final networks: during a search an operation that could
rescale its own output would fool its architecture parameter.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from audionas.nn._norm import EndsInNorm, Norm, NormedSequence
from audionas.nn._pooling import average_pool
from audionas.nn._sharing import once
from audionas.nn.blocks import Conv

Pair = tuple[int, int]


class SharedReLU(nn.Module):
    """ReLU, computed once for all candidate operations on one node (`nn/_sharing.py`)."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        return once(x, "relu", functional.relu)


class ReluConvBN(NormedSequence):
    """ReLU, k x k convolution, batch norm."""

    def __init__(self, c_in: int, c_out: int, kernel: int, *, stride: Pair = (1, 1), affine: bool) -> None:
        super().__init__(
            SharedReLU(),
            nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False),
            Norm(c_out, affine=affine),
        )


class DilConv(NormedSequence):
    """ReLU, depthwise k x k with a dilation, 1x1, batch norm."""

    def __init__(
        self, c_in: int, c_out: int, kernel: int, *, stride: Pair, dilation: int = 2, affine: bool
    ) -> None:
        super().__init__(
            SharedReLU(),
            Conv(c_in, c_in, (kernel, kernel), stride=stride, dilation=(dilation, dilation), groups=c_in),
            nn.Conv2d(c_in, c_out, 1, bias=False),
            Norm(c_out, affine=affine),
        )


class SepConv(NormedSequence):
    """A depthwise-separable convolution, twice; the first has the stride and the change of channels."""

    def __init__(self, c_in: int, c_out: int, kernel: int, *, stride: Pair, affine: bool) -> None:
        super().__init__(
            DilConv(c_in, c_in, kernel, stride=stride, dilation=1, affine=affine),
            DilConv(c_in, c_out, kernel, stride=(1, 1), dilation=1, affine=affine),
        )


class FactorizedReduce(EndsInNorm):
    """Half the positions, all the information: two 1x1 convolutions with stride 2, one shifted by a pixel.

    ReLU first, batch norm after. Both axes must be even; channels out must be even.
    """

    def __init__(self, c_in: int, c_out: int, *, affine: bool) -> None:
        super().__init__()
        self.even = nn.Conv2d(c_in, c_out // 2, 1, 2, bias=False)
        self.odd = nn.Conv2d(c_in, c_out // 2, 1, 2, bias=False)
        self.bn = Norm(c_out, affine=affine)

    def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
        """(B, c_in, H, W) to (B, c_out, H / 2, W / 2)."""
        x = once(x, "relu", functional.relu)
        joined: Tensor = self.bn(torch.cat([self.even(x), self.odd(x[:, :, 1:, 1:])], dim=1), scale)
        return joined


class PoolNorm(EndsInNorm):
    """3 x 3 pooling with padding 1, not averaged in; with `norm` followed by a batch norm without affine
    parameters.

    Where channels change, a 1x1 convolution comes first, as in NAS-Bench-201. `fast` averages are those of
    `average_pool`, which exports do not know.
    """

    def __init__(
        self, kind: str, c_in: int, c_out: int, *, stride: Pair, affine: bool, norm: bool, fast: bool
    ) -> None:
        super().__init__()
        self.kind, self.stride, self.fast = kind, stride, fast
        self.adapt = nn.Identity() if c_in == c_out else ReluConvBN(c_in, c_out, 1, affine=affine)
        self.bn = Norm(c_out, affine=False) if norm else None

    def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
        """(B, c_in, H, W) to (B, c_out, ceil(H / s), ceil(W / s))."""
        x = self.adapt(x)
        pooled = once(x, (self.kind, self.stride), self._pool)
        if self.bn is not None:
            normed: Tensor = self.bn(pooled, scale)
            return normed
        return pooled if scale is None else pooled * scale

    def _pool(self, x: Tensor) -> Tensor:
        if self.kind == "max":
            return functional.max_pool2d(x, 3, self.stride, 1)
        if self.fast:
            return average_pool(x, self.stride)
        return functional.avg_pool2d(x, 3, self.stride, 1, count_include_pad=False)


class Zero(nn.Module):
    """Zeros in the output's shape, without a graph: x * 0 would pass on NaN."""

    def __init__(self, c_out: int, stride: Pair) -> None:
        super().__init__()
        self.c_out, self.stride = c_out, stride

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) to (B, c_out, ceil(H / s), ceil(W / s))."""
        return x.new_zeros(_shape(x, self.c_out, self.stride))


class Noise(nn.Module):
    """Fresh N(0, 1) noise in the output's shape, whatever the input (RobustDARTS, S4)."""

    def __init__(self, c_out: int, stride: Pair) -> None:
        super().__init__()
        self.c_out, self.stride = c_out, stride

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) to (B, c_out, ceil(H / s), ceil(W / s))."""
        return torch.randn(_shape(x, self.c_out, self.stride), dtype=x.dtype, device=x.device)


class AuxiliaryHead(nn.Module):
    """DARTS' second classifier: ReLU, 5 x 5 average pooling, 1x1 conv to 128, 2x2 conv to 768, linear.

    BN and ReLU follow each convolution; the network for ImageNet (`large`) pools with stride 2 instead of
    3 and has no BN after the second, as in the official code. If 2 x 2 leaves more than one position,
    they are averaged.
    """

    def __init__(self, channels: int, classes: int, *, large: bool) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(5, self.stride_of(large), count_include_pad=False)
        self.first = nn.Sequential(nn.Conv2d(channels, 128, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU())
        norm = [] if large else [nn.BatchNorm2d(768)]
        self.second = nn.Sequential(nn.Conv2d(128, 768, 2, bias=False), *norm, nn.ReLU())
        self.linear = nn.Linear(768, classes)

    @staticmethod
    def stride_of(large: bool) -> int:
        """The stride of its pooling; its input must have at least 5 pixels plus this."""
        return 2 if large else 3

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, classes) logits."""
        x = self.second(self.first(self.pool(functional.relu(x))))
        logits: Tensor = self.linear(x.mean((2, 3)))
        return logits


def _shape(x: Tensor, channels: int, stride: Pair) -> tuple[int, int, int, int]:
    return x.shape[0], channels, -(-x.shape[2] // stride[0]), -(-x.shape[3] // stride[1])
