"""A MobileNetV2 for acoustic scenes with depthwise kernels along time and frequency in turn.

It follows Li et al., "Neural Architecture Search on Acoustic Scene Classification": square depthwise kernels
are replaced by kernels along a single axis, and kernel and expansion of each layer are searched. The paper's
channel table is not public; this one halves frequency three times and time five times.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from torch import nn

from audionas.core.arch import Choice, InputSpec
from audionas.core.errors import UserError
from audionas.nn.blocks import ConvBN, MBBlock, WideHead
from audionas.nn.edge import EdgeFactory
from audionas.nn.ops import KERNELS, OpShape
from audionas.spaces._base import BuildSize, Space
from audionas.spaces._chain import Chain, eights, one_channel

_STEM, _FIRST, _HEAD = 32, 16, 640  # channels at width 1


class _Stage(NamedTuple):
    """Channels at width 1, layers, and the (frequency, time) stride of the first layer."""

    channels: int
    layers: int
    stride: tuple[int, int]


_STAGES = (
    *(_Stage(24, 2, (2, 2)), _Stage(32, 3, (2, 2)), _Stage(64, 4, (2, 2))),
    *(_Stage(96, 3, (1, 1)), _Stage(160, 3, (1, 2))),
)
_KINDS = {"time": "mb", "frequency": "mbf", "square": "mbs"}  # prefixes of the operations' names


class _Layer(NamedTuple):
    """A layer; `axis` is that of its kernel when kernels alternate."""

    axis: str
    channels: int
    stride: tuple[int, int]
    keeps: bool


@dataclass(frozen=True, kw_only=True)
class AscMobilenet(Space):
    """Fifteen layers. Presets, options per layer: `sf6` k3/5/7 x e3/6; `sf6_se` adds SE; `depth` is sf6 with
    a skip in the ten layers where the shape stays; `axis` is sf6 along time and along frequency.

    `kernels` is `alternating`, or one form in every layer as a baseline; `first_kernel` is the size in the
    block before the layers, which is not searched. The usual values of `width` are 1, 0.5 and 0.25; channels
    are multiples of 8. With `causal` nothing looks ahead in time.
    """

    preset: Literal["sf6", "sf6_se", "depth", "axis"] = "sf6"
    kernels: Literal["alternating", "time", "frequency", "square"] = "alternating"
    first_kernel: Literal[3, 5, 7] = 3
    width: float = 1.0
    causal: bool = False

    features: ClassVar[str] = "logmel/dcase"
    paper: ClassVar[str] = "Neural Architecture Search on Acoustic Scene Classification"
    arxiv: ClassVar[str] = "1912.12825"

    def __post_init__(self) -> None:
        """Refuse wrong values, and a search for the axis of kernels whose axis is given."""
        super().__post_init__()
        if self.preset == "axis" and self.kernels != "alternating":
            raise UserError(
                f"{self.name}: preset axis searches the kernels' axis, but kernels: {self.kernels} fixes it",
                hint="Leave out kernels, or use another preset.",
            )

    def choices(self) -> tuple[Choice, ...]:
        """layer1 to layer15; several bottlenecks may survive and be summed, as FairDARTS derives them."""
        suffixes = ("", "_se") if self.preset == "sf6_se" else ("",)
        found = []
        for i, layer in enumerate(_layers(), 1):
            forms = ("time", "frequency") if self.preset == "axis" else (self._form(layer.axis),)
            kinds = [_KINDS[form] for form in forms]
            options = tuple(
                f"{kind}_k{k}_e{e}{s}"
                for kind in kinds
                for k in KERNELS[:3]
                for e in (3, 6)
                for s in suffixes
            )
            if self.preset == "depth" and layer.keeps:
                options += ("skip",)
            found.append(Choice(f"layer{i}", options, max_active=len(options)))
        return tuple(found)

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        """Stem with stride (1, 2), a block that does not expand, the layers; dropout 0.2 unless given."""
        one_channel(io, self.name)
        stem, first, head = eights((_STEM, _FIRST, _HEAD), self.width)
        body = nn.Sequential()
        body.add_module("conv", ConvBN(1, stem, (3, 3), stride=(1, 2), causal=self.causal))
        form, k = self._form("time"), self.first_kernel
        kernel = (1 if form == "time" else k, 1 if form == "frequency" else k)
        body.add_module("first", MBBlock(stem, first, kernel, expansion=1, stride=(1, 1), causal=self.causal))
        edges, c_in = [], first
        for choice, layer in zip(self.choices(), _layers(), strict=True):
            (c_out,) = eights((layer.channels,), self.width)
            edges.append(fill(choice, OpShape(c_in, c_out, layer.stride, self.causal)))
            c_in = c_out
        return Chain(body, edges, WideHead(c_in, head, io.classes, scale.dropout_or(0.2)), fold=False)

    def _form(self, axis: str) -> str:
        return axis if self.kernels == "alternating" else self.kernels


def _layers() -> Iterator[_Layer]:
    """The searched layers in order; the kernel of the block before them lies along time."""
    axes = ("frequency", "time")
    count = 0
    for stage in _STAGES:
        for j in range(stage.layers):
            yield _Layer(axes[count % 2], stage.channels, (1, 1) if j else stage.stride, j > 0)
            count += 1
