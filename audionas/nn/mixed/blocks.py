"""The blocks of MixedNet (microWakeWord, after Tan and Le's MixConv, arXiv:1907.09595) over (B, C, 1, T)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from audionas.nn._depthwise import Form, depthwise
from audionas.nn._join import join
from audionas.nn.blocks import Conv, ConvBN


class EndConv(Conv):
    """A causal convolution over time whose strides are counted from the last frame, which is always read.

    Where it reads only what it has, without zeros, it computes what a convolution without padding does on
    frames that leave no rest: `(T - kernel) % stride == 0`.
    """

    def __init__(self, c_in: int, c_out: int, kernel: int, *, stride: int, bias: bool = False) -> None:
        super().__init__(c_in, c_out, (1, kernel), stride=(1, stride), bias=bias, causal=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, 1, T) to (B, c_out, 1, ceil(T / stride))."""
        before = self.past - (x.shape[3] - 1) % self.stride[1]
        return nn.Conv2d.forward(self, functional.pad(x, (before, 0)))


class MixDepthwise(nn.Module):
    """A depthwise convolution over time with bias, whose channels are split among several kernels.

    Each kernel has floor(C / kernels) channels, and the first the rest as well. All of them read the end of
    one signal: its last `past` frames are all that a stream keeps. An even kernel that is not causal has one
    more frame after its middle than before it.
    """

    def __init__(
        self, channels: int, kernels: Sequence[int], *, stride: int = 1, causal: bool = True
    ) -> None:
        super().__init__()
        assert causal or len({k % 2 for k in kernels}) == 1, "even and odd kernels have no common middle"
        share = channels // len(kernels)
        assert share, f"{channels} channels for {len(kernels)} kernels"
        self.sizes = [channels - share * (len(kernels) - 1), *[share] * (len(kernels) - 1)]
        self.longest, self.stride = max(kernels), stride
        self.past = self.longest - 1 if causal else 0  # frames kept from the past when streaming
        self.branches = nn.ModuleList(
            _Branch(size, k, stride) for size, k in zip(self.sizes, kernels, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 1, T) to (B, C, 1, ceil(T / stride))."""
        around = ((self.longest - 1) // 2, self.longest // 2)
        return self.mixed(functional.pad(x, (self.past, 0) if self.past else around))

    def mixed(self, x: Tensor) -> Tensor:
        """The branches of padded (B, C, 1, T), each on its channels; their windows end, or lie, together."""
        parts = torch.split(x, self.sizes, 1) if len(self.sizes) > 1 else (x,)
        found = []
        for part, branch in zip(parts, self.branches, strict=True):
            spare = self.longest - branch.kernel_size[1]  # type: ignore[index]
            first, last = (spare, None) if self.past else (spare // 2, part.shape[3] - spare // 2)
            found.append(branch(part[..., first:last] if spare else part))
        return join(found) if len(found) > 1 else found[0]


class _Branch(nn.Conv2d):
    """The kernel of some channels, without padding."""

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        super().__init__(channels, channels, (1, kernel), stride=(1, stride), groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 1, T) to (B, C, 1, (T - kernel) // stride + 1)."""
        if not self.training:
            return super().forward(x)
        assert self.bias is not None
        return depthwise(x, self.weight, Form(self.stride, (0, 0))) + self.bias[:, None, None]


class MixedBlock(nn.Module):
    """Split depthwise convolution with bias, 1x1 conv, BN, [+ 1x1 conv and BN of the input], ReLU.

    The bias does nothing that the norm does not undo; microWakeWord's networks have it. Where `bare`, the
    norms have no affine parameters. All but the shortcut comes `repeat` times, the first time with the
    stride, and each time the same shortcut of the block's input is added.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernels: Sequence[int],
        *,
        residual: bool = False,
        stride: int = 1,
        causal: bool = True,
        bare: bool = False,
        eps: float = 1e-3,
        repeat: int = 1,
    ) -> None:
        super().__init__()
        self.depthwise = MixDepthwise(c_in, kernels, stride=stride, causal=causal)
        self.point = ConvBN(c_in, c_out, (1, 1), act=None, bare=bare, eps=eps)
        self.shortcut = (
            ConvBN(c_in, c_out, (1, 1), stride=(1, stride), act=None, bare=bare, eps=eps)
            if residual
            else None
        )
        again = [
            MixedBlock(c_out, c_out, kernels, causal=causal, bare=bare, eps=eps) for _ in range(repeat - 1)
        ]
        self.again = nn.ModuleList(again)

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, 1, T) to (B, c_out, 1, ceil(T / stride))."""
        past = None if self.shortcut is None else self.shortcut(x)
        y = self.once(x, past)
        for block in self.again:
            assert isinstance(block, MixedBlock)
            y = block.once(y, past)
        return y

    def once(self, x: Tensor, past: Tensor | None) -> Tensor:
        """One time through the convolutions, with what is added to them."""
        y: Tensor = self.point(self.depthwise(x))
        return functional.relu(y if past is None else y + past)
