"""The chains of inverted bottlenecks of ProxylessNAS (21 layers), FairNAS and SCARLET (19), for images.

Cai et al., "ProxylessNAS", Chu et al., "FairNAS" (arXiv:1907.01845) and "SCARLET-NAS" (arXiv:1908.06022).
Each layer chooses a square kernel and an expansion, and may be left out where its shape stays.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from torch import nn

from audionas.core.arch import Choice, InputSpec
from audionas.nn.blocks import Act, ConvBN, MBBlock, SEForm, WideHead
from audionas.nn.edge import EdgeFactory
from audionas.nn.ops import KERNELS, OpShape
from audionas.spaces._base import Scale, Space
from audionas.spaces._chain import Chain, eights

_STEM, _FIRST, _HEAD = 32, 16, 1280  # channels at width 1
_STRIDES = (2, 2, 2, 1, 2, 1)  # of the first layer of each stage
_STAGES = {  # (channels at width 1, layers)
    "proxyless": ((24, 4), (40, 4), (80, 4), (96, 4), (192, 4), (320, 1)),
    "fairnas": ((32, 2), (40, 4), (80, 4), (96, 4), (192, 4), (320, 1)),
}
_CONVS = tuple(f"mbs_k{k}_e{e}" for k in KERNELS[:3] for e in (3, 6))
WITH_SE = tuple(f"{conv}{se}" for conv in _CONVS for se in ("", "_se"))


class _Layer(NamedTuple):
    channels: int
    stride: int
    keeps: bool


@dataclass(frozen=True, kw_only=True)
class Mobilenet(Space):
    """`form`: `proxyless` offers a skip in the 15 layers whose shape stays, `fairnas` none, `noisy_darts` is
    FairNAS' chain with a skip in 13 layers, and `scarlet` that with and without squeeze-and-excitation, whose
    layers have hswish and the hard sigmoid. ProxylessNAS' zero operation has a shortcut around it there: the
    sum is the input, so it is the skip here.

    `width` multiplies every channel count, to multiples of 8. The network divides the size by 32, with
    `stem_stride` 1 by 16: for images of 32 pixels.
    """

    form: Literal["proxyless", "fairnas", "noisy_darts", "scarlet"] = "proxyless"
    width: float = 1.0
    stem_stride: Literal[1, 2] = 2

    features: ClassVar[str] = ""
    paper: ClassVar[str] = "ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware"
    arxiv: ClassVar[str] = "1812.00332"

    def choices(self) -> tuple[Choice, ...]:
        """layer1 to layer21 or layer19; several may survive and be summed, as FairDARTS derives them."""
        found, convs = [], WITH_SE if self.form == "scarlet" else _CONVS
        for i, layer in enumerate(self._layers(), 1):
            options = (*convs, "skip") if layer.keeps and self.form != "fairnas" else convs
            found.append(Choice(f"layer{i}", options, max_active=len(options)))
        return tuple(found)

    def network(self, fill: EdgeFactory, io: InputSpec, scale: Scale) -> nn.Module:
        """Stem, a block that does not expand, layers and head, with ReLU6; dropout 0.2 unless given."""
        stem, first, head = eights((_STEM, _FIRST, _HEAD), self.width)
        body = nn.Sequential()
        step = (self.stem_stride, self.stem_stride)
        body.add_module("conv", ConvBN(io.channels, stem, (3, 3), stride=step, act="relu6"))
        body.add_module("first", MBBlock(stem, first, (3, 3), expansion=1, stride=(1, 1), act="relu6"))
        scarlet = self.form == "scarlet"
        act: Act = "hswish" if scarlet else "relu6"
        edges, c_in = [], first
        for choice, layer in zip(self.choices(), self._layers(), strict=True):
            (c_out,) = eights((layer.channels,), self.width)
            stride = (layer.stride, layer.stride)
            edges.append(fill(choice, OpShape(c_in, c_out, stride, act=act, se=SEForm(hard=scarlet))))
            c_in = c_out
        last = WideHead(c_in, head, io.classes, scale.dropout_or(0.2), act="relu6")
        return Chain(body, edges, last, fold=False)

    def _layers(self) -> Iterator[_Layer]:
        stages = _STAGES["proxyless" if self.form == "proxyless" else "fairnas"]
        for (channels, layers), stride in zip(stages, _STRIDES, strict=True):
            for j in range(layers):
                yield _Layer(channels, 1 if j else stride, j > 0)
