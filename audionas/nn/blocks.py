"""The building blocks of temporal networks and MobileNets, as 2-D convolutions over (B, C, F, T).

Temporal networks fold frequency into channels, (B, F, 1, T), and stay 2-D with one axis of size 1:
in channels_last memory this trains about three times faster than Conv1d on a CPU. Causality is an
argument, resolved in `Conv`: a causal convolution pads only the past. Images are (B, C, H, W).
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from audionas.nn._depthwise import Form, depthwise
from audionas.nn.means import ClipMean, EndlessMean, RingMean

Pair = tuple[int, int]
# "swish" is x sigmoid(x), "hswish" x relu6(x + 3) / 6 (Howard et al., arXiv:1905.02244)
Act = Literal["relu", "relu6", "swish", "hswish"]
ACTS: dict[Act, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "swish": nn.SiLU,
    "hswish": nn.Hardswish,
}


def multiple_of_eight(channels: float) -> int:
    """The nearest multiple of 8 (halves up), or the next one if that is more than a tenth below; at least 8.

    This is the rule in the MobileNets' code.
    """
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


class Conv(nn.Conv2d):
    """A convolution that keeps ceil(size / stride) positions along both axes.

    Frequency is padded on both sides. Time is padded on both sides, or, with `causal`, by
    dilation * (kernel - 1) frames of the past only. Kernels are (frequency, time) and odd; one over time may
    be even if it is causal.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: Pair,
        *,
        stride: Pair = (1, 1),
        dilation: Pair = (1, 1),
        groups: int = 1,
        bias: bool = False,
        causal: bool = False,
    ) -> None:
        reach = tuple(d * (k - 1) for k, d in zip(kernel, dilation, strict=True))
        self.past = reach[1] if causal else 0  # frames kept from the past when streaming
        padding = (reach[0] // 2, 0 if causal else reach[1] // 2)
        super().__init__(
            c_in, c_out, kernel, stride=stride, padding=padding, dilation=dilation, groups=groups, bias=bias
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, F, T) to (B, c_out, ceil(F / stride), ceil(T / stride))."""
        x = functional.pad(x, (self.past, 0)) if self.past else x
        if self.groups == self.in_channels == self.out_channels > 1 and self.bias is None:
            assert not isinstance(self.padding, str)
            return depthwise(x, self.weight, Form(self.stride, self.padding, self.dilation))
        return super().forward(x)


class ConvBN(nn.Sequential):
    """Convolution, batch norm with the given `eps`, and the activation `act`, or none if it is None.

    Where `bare`, the norm has no affine parameters.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: Pair,
        *,
        act: Act | None = "relu",
        bare: bool = False,
        eps: float = 1e-5,
        **options: object,
    ) -> None:
        super().__init__()
        self.conv = Conv(c_in, c_out, kernel, **options)  # type: ignore[arg-type]
        self.bn = nn.BatchNorm2d(c_out, eps, affine=not bare)
        if act is not None:
            self.act = ACTS[act]()


class SEForm(NamedTuple):
    """The activation `act` of a squeeze's hidden units; `hard` makes the excitation's sigmoid the hard one.

    `share` is the number of hidden units per channel: of those that are squeezed, by default at
    least 8, with `eights` as multiples of 8 (MobileNetV3); or, with `entering`, of those that enter the
    bottleneck, before its expansion (EfficientNet).
    """

    act: Act = "relu"
    hard: bool = False
    share: float = 0.25
    eights: bool = False
    entering: bool = False

    def hidden(self, channels: int, entering: int) -> int:
        """The hidden units for `channels` channels, in a bottleneck that `entering` channels enter."""
        if self.entering:
            return max(1, int(entering * self.share))
        return multiple_of_eight(channels * self.share) if self.eights else max(8, int(channels * self.share))


class SE(nn.Module):
    """Squeeze-and-excitation (Hu et al., arXiv:1709.01507) of the given `form`, in a bottleneck that
    `entering` channels enter (0: as many as are squeezed).

    The hard sigmoid is relu6(x + 3) / 6. The squeeze is the mean over the clip; with `causal` it is
    the mean over the clip that ends with each frame (`RingMean`), so that a frame's scale depends on no later
    frame, and on none from long before.
    """

    def __init__(
        self,
        channels: int,
        *,
        causal: bool = False,
        entering: int = 0,
        form: SEForm = SEForm(),
    ) -> None:
        super().__init__()
        hidden = form.hidden(channels, entering or channels)
        self.pool = RingMean() if causal else ClipMean()
        self.squeeze = nn.Conv2d(channels, hidden, 1)
        self.excite = nn.Conv2d(hidden, channels, 1)
        self.act = ACTS[form.act]()
        self.sigmoid = nn.Hardsigmoid() if form.hard else nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, F, T) to the same shape."""
        scale: Tensor = self.sigmoid(self.excite(self.act(self.squeeze(self.pool(x)))))
        return x * scale


def make_endless(net: nn.Module) -> None:
    """Let causal squeeze-and-excitation average over everything heard, as earlier versions trained it."""
    for part in list(net.modules()):
        if isinstance(part, SE) and isinstance(part.pool, RingMean):
            part.add_module("pool", EndlessMean())


class TCBlock(nn.Module):
    """The residual block of TC-ResNet (Choi et al., arXiv:1904.03814), with SE as in AutoKWS.

    conv k stride s, BN, ReLU, conv k, BN, [SE]; shortcut; add, ReLU. Where the shape changes, the
    shortcut is a convolution with BN and ReLU: 1x1 as in TC-ResNet's code, or k wide
    (`wide_shortcut`) as drawn in AutoKWS, Fig. 2. Where `bare`, both branches end in norms without
    affine parameters; SE could rescale what comes before it, so that another such norm follows it.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int,
        *,
        stride: int,
        se: bool = False,
        causal: bool = False,
        wide_shortcut: bool = False,
        bare: bool = False,
    ) -> None:
        super().__init__()
        step = (1, stride)
        self.first = ConvBN(c_in, c_out, (1, kernel), stride=step, causal=causal)
        self.second = ConvBN(c_out, c_out, (1, kernel), act=None, causal=causal, bare=bare and not se)
        self.se = SE(c_out, causal=causal) if se else nn.Identity()
        self.again = nn.BatchNorm2d(c_out, affine=False) if se and bare else nn.Identity()
        same = stride == 1 and c_in == c_out
        reach = (1, kernel if wide_shortcut else 1)
        self.shortcut = (
            nn.Identity() if same else ConvBN(c_in, c_out, reach, stride=step, causal=causal, bare=bare)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, 1, T) to (B, c_out, 1, ceil(T / stride))."""
        y: Tensor = self.again(self.se(self.second(self.first(x))))
        return functional.relu(y + self.shortcut(x))


class MBBlock(nn.Module):
    """MobileNetV2's inverted bottleneck (Sandler et al., arXiv:1801.04381) with a kernel of any shape.

    1x1 conv to expansion * c_in, BN, activation (none of these with expansion 1); depthwise kernel with the
    stride, BN, activation; [SE of `form`]; 1x1 conv, BN; identity shortcut where the shape stays. A kernel
    of size 1 along an axis of stride 2 takes every second position. The norms have the given `eps`; where
    `bare`, the last has no affine parameters.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: Pair,
        *,
        expansion: float,
        stride: Pair,
        se: bool = False,
        causal: bool = False,
        act: Act = "relu",
        form: SEForm = SEForm(),
        bare: bool = False,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        wide = round(expansion * c_in)
        self.expand = nn.Identity() if expansion == 1 else ConvBN(c_in, wide, (1, 1), act=act, eps=eps)
        self.depthwise = ConvBN(
            wide, wide, kernel, stride=stride, groups=wide, causal=causal, act=act, eps=eps
        )
        self.se = SE(wide, causal=causal, entering=c_in, form=form) if se else nn.Identity()
        self.project = ConvBN(wide, c_out, (1, 1), act=None, bare=bare, eps=eps)
        self.residual = stride == (1, 1) and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, F, T) to (B, c_out, ceil(F / stride), ceil(T / stride))."""
        y: Tensor = self.project(self.se(self.depthwise(self.expand(x))))
        return x + y if self.residual else y


class Head(nn.Module):
    """Global average over frequency and time, dropout, one linear layer."""

    def __init__(self, channels: int, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.pool = ClipMean()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, F, T) to (B, classes) logits."""
        return self.classified(self.pool(x))

    def classified(self, pooled: Tensor) -> Tensor:
        """(B, C, 1, 1) to (B, classes) logits."""
        logits: Tensor = self.linear(self.dropout(pooled.flatten(1)))
        return logits


class WideHead(Head):
    """The head of MobileNets: a 1x1 convolution to `wide` channels with BN and activation, then `Head`."""

    def __init__(
        self, channels: int, wide: int, classes: int, dropout: float = 0.0, *, act: Act = "relu"
    ) -> None:
        super().__init__(wide, classes, dropout)
        self.conv = ConvBN(channels, wide, (1, 1), act=act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, F, T) to (B, classes) logits."""
        return super().forward(self.conv(x))


class LateHead(Head):
    """The head of MobileNetV3 (Howard et al., arXiv:1905.02244): both activations are hswish.

    A 1x1 convolution to `wide` channels with BN, global average, a 1x1 convolution to `late` channels
    without BN, with or without `bias`, then `Head`. The norm has the given `eps`.
    """

    def __init__(
        self,
        channels: int,
        wide: int,
        late: int,
        classes: int,
        dropout: float = 0.0,
        *,
        bias: bool = False,
        eps: float = 1e-5,
    ) -> None:
        super().__init__(late, classes, dropout)
        self.conv = ConvBN(channels, wide, (1, 1), act="hswish", eps=eps)
        self.late = Conv(wide, late, (1, 1), bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, F, T) to (B, classes) logits."""
        return self.classified(functional.hardswish(self.late(self.pool(self.conv(x)))))


def init_weights(net: nn.Module) -> None:
    """Apply He initialisation (fan out) to every convolution, in the order of the modules.

    Weights on the meta device are skipped: drawing them would be a third of the time of a cost table.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d) and not module.weight.is_meta:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
