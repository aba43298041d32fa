"""The candidate operations of cell spaces (DARTS, NAS-Bench-201): convolutions, pools, none, noise.

Batch norms have affine parameters only in final networks: during a search an operation that could
rescale its own output would fool its architecture parameter.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

Pair = tuple[int, int]


class ReluConvBN(nn.Sequential):
    """ReLU, k x k convolution, batch norm."""

    def __init__(self, c_in: int, c_out: int, kernel: int, *, stride: Pair = (1, 1), affine: bool) -> None:
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(c_out, affine=affine),
        )


class DilConv(nn.Sequential):
    """ReLU, depthwise k x k with a dilation, 1x1, batch norm."""

    def __init__(
        self, c_in: int, c_out: int, kernel: int, *, stride: Pair, dilation: int = 2, affine: bool
    ) -> None:
        padding = dilation * (kernel - 1) // 2
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(c_in, c_in, kernel, stride, padding, dilation, groups=c_in, bias=False),
            nn.Conv2d(c_in, c_out, 1, bias=False),
            nn.BatchNorm2d(c_out, affine=affine),
        )


class SepConv(nn.Sequential):
    """A depthwise-separable convolution twice; the first carries stride and change of channels."""

    def __init__(self, c_in: int, c_out: int, kernel: int, *, stride: Pair, affine: bool) -> None:
        super().__init__(
            DilConv(c_in, c_in, kernel, stride=stride, dilation=1, affine=affine),
            DilConv(c_in, c_out, kernel, stride=(1, 1), dilation=1, affine=affine),
        )


class FactorizedReduce(nn.Module):
    """Half the positions, all the information: two 1x1 convolutions of stride 2, one shifted by a pixel.

    ReLU first, batch norm after. Both axes must be even; channels out must be even.
    """

    def __init__(self, c_in: int, c_out: int, *, affine: bool) -> None:
        super().__init__()
        self.even = nn.Conv2d(c_in, c_out // 2, 1, 2, bias=False)
        self.odd = nn.Conv2d(c_in, c_out // 2, 1, 2, bias=False)
        self.bn = nn.BatchNorm2d(c_out, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) to (B, c_out, H / 2, W / 2)."""
        x = functional.relu(x)
        joined: Tensor = self.bn(torch.cat([self.even(x), self.odd(x[:, :, 1:, 1:])], dim=1))
        return joined


class Pool(nn.Module):
    """3 x 3 pooling with padding 1; borders average what is there. Followed by a batch norm in searches.

    Where channels change a 1x1 convolution comes first, as in NAS-Bench-201.
    """

    def __init__(self, kind: str, c_in: int, c_out: int, *, stride: Pair, search: bool) -> None:
        super().__init__()
        self.kind, self.stride = kind, stride
        same = c_in == c_out
        self.adapt = nn.Identity() if same else ReluConvBN(c_in, c_out, 1, affine=not search)
        self.bn = nn.BatchNorm2d(c_out, affine=False) if search else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) to (B, c_out, ceil(H / s), ceil(W / s))."""
        x = self.adapt(x)
        if self.kind == "max":
            pooled = functional.max_pool2d(x, 3, self.stride, 1)
        else:
            pooled = functional.avg_pool2d(x, 3, self.stride, 1, count_include_pad=False)
        normed: Tensor = self.bn(pooled)
        return normed


class Zero(nn.Module):
    """Zeros of the output's shape, which keep no graph: x * 0 would pass on NaN."""

    def __init__(self, c_out: int, stride: Pair) -> None:
        super().__init__()
        self.c_out, self.stride = c_out, stride

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) to (B, c_out, ceil(H / s), ceil(W / s))."""
        return x.new_zeros(_shape(x, self.c_out, self.stride))


class Noise(nn.Module):
    """Fresh N(0, 1) noise of the output's shape, whatever the input (RobustDARTS, S4)."""

    def __init__(self, c_out: int, stride: Pair) -> None:
        super().__init__()
        self.c_out, self.stride = c_out, stride

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) to (B, c_out, ceil(H / s), ceil(W / s))."""
        return torch.randn(_shape(x, self.c_out, self.stride), dtype=x.dtype, device=x.device)


def _shape(x: Tensor, channels: int, stride: Pair) -> tuple[int, int, int, int]:
    return x.shape[0], channels, -(-x.shape[2] // stride[0]), -(-x.shape[3] // stride[1])
