"""TENet's block over (B, C, 1, T): an inverted bottleneck whose depthwise kernels may be parallel branches.

Li et al., "Small-Footprint Keyword Spotting with Multi-Scale Temporal Convolution", arXiv:2010.09960, and
its code, Interlagos/TENet-kws at 1a4aded.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from audionas.nn.blocks import ConvBN
from audionas.nn.fold.branches import Branches

EXPANSION = 3


class TEBlock(nn.Module):
    """1x1 conv to three times c_out, BN, ReLU; depthwise with the stride, BN, ReLU; 1x1 conv, BN; shortcut.

    Several `kernels` are the paper's MTConv, parallel branches. The shortcut is the input, or where the shape
    changes a 1x1 convolution with the stride and BN; no activation follows the sum. Where `bare`, the norms
    that end both have no affine parameters.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernels: Sequence[int],
        *,
        stride: int = 1,
        causal: bool = False,
        bare: bool = False,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        wide, step = EXPANSION * c_out, (1, stride)
        self.expand = ConvBN(c_in, wide, (1, 1), eps=eps)
        self.depthwise = (
            Branches(wide, wide, kernels, stride=stride, groups=wide, causal=causal, eps=eps)
            if len(kernels) > 1
            else ConvBN(wide, wide, (1, kernels[0]), stride=step, groups=wide, causal=causal, eps=eps)
        )
        self.project = ConvBN(wide, c_out, (1, 1), act=None, bare=bare, eps=eps)
        same = stride == 1 and c_in == c_out
        self.shortcut = (
            nn.Identity() if same else ConvBN(c_in, c_out, (1, 1), stride=step, act=None, bare=bare, eps=eps)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, 1, T) to (B, c_out, 1, ceil(T / stride))."""
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        shortcut: Tensor = self.shortcut(x)
        return y + shortcut
