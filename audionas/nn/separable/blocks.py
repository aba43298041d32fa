"""The block of QuartzNet, MatchboxNet and SparkNet: separable convolutions over time, (B, C, 1, T)."""

from torch import Tensor, nn
from torch.nn import functional

from audionas.nn.blocks import Conv, ConvBN


class TCSBlock(nn.Module):
    """`repeat` times: depthwise convolution over time, 1x1 conv, BN, ReLU; [+ 1x1 conv and BN of the input].

    With `residual` the sum comes before the last ReLU (Kriman et al., arXiv:1910.10261). The first depthwise
    convolution has the stride. Where `bare`, the norms that end the two branches have no affine parameters.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int,
        *,
        repeat: int = 1,
        residual: bool = False,
        stride: int = 1,
        dilation: int = 1,
        causal: bool = False,
        bare: bool = False,
        eps: float = 1e-3,
    ) -> None:
        super().__init__()
        self.body = nn.Sequential()
        step, far = (1, stride), (1, dilation)
        for i in range(1, repeat + 1):
            c, last = c_in if i == 1 else c_out, i == repeat
            deep = Conv(
                c, c, (1, kernel), stride=step if i == 1 else (1, 1), dilation=far, groups=c, causal=causal
            )
            self.body.add_module(f"depthwise{i}", deep)
            act = None if last else "relu"
            point = ConvBN(c, c_out, (1, 1), act=act, bare=bare and last, eps=eps)  # type: ignore[arg-type]
            self.body.add_module(f"point{i}", point)
        self.shortcut = (
            ConvBN(c_in, c_out, (1, 1), stride=step, act=None, bare=bare, eps=eps) if residual else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, 1, T) to (B, c_out, 1, ceil(T / stride))."""
        y: Tensor = self.body(x)
        return functional.relu(y if self.shortcut is None else y + self.shortcut(x))
