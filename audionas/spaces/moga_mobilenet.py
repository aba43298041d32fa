"""MobileNetV3-Large with a choice of kernel, expansion and squeeze-and-excitation in its 14 layers.

Chu et al., "MoGA: Searching Beyond MobileNetV3" (ICASSP 2020), Howard et al., "Searching for MobileNetV3"
(arXiv:1905.02244). Channels, strides and activations depend on the position: ReLU at high resolutions,
hswish further down. No layer can be left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import nn

from audionas.core.arch import Choice, InputSpec
from audionas.nn.blocks import Act, ConvBN, LateHead, MBBlock, SEForm
from audionas.nn.edge import EdgeFactory
from audionas.nn.ops import OpShape
from audionas.spaces._base import BuildSize, Space
from audionas.spaces._chain import Chain, eights
from audionas.spaces.mobilenet import WITH_SE

_STEM, _WIDE, _LATE = 16, 960, 1280  # channels at width 1
_STAGES: tuple[tuple[int, int, int, Act], ...] = (  # channels at width 1, layers, stride, activation
    (24, 2, 2, "relu"),
    (40, 3, 2, "relu"),
    (80, 4, 2, "hswish"),
    (112, 2, 1, "hswish"),
    (160, 3, 2, "hswish"),
)
_OWN = {1: "mbs_k3_e4", 7: "mbs_k3_e2_5", 8: "mbs_k3_e2_3", 9: "mbs_k3_e2_3"}  # where V3 expands differently


@dataclass(frozen=True, kw_only=True)
class MogaMobilenet(Space):
    """`form`: `moga` is MoGA's space; `mobilenet_v3` has the details of MobileNetV3: layers 1, 7, 8 and 9
    also offer that network's own expansions, 4, 2.5 and 2.3; the separable convolution after the stem has a
    shortcut; hidden units of squeeze-and-excitation are multiples of 8 and have ReLU; norms have an epsilon
    of 0.001, with which published weights give the published function.

    `width` multiplies every channel count, to multiples of 8. The network divides the size by 32, with
    `stem_stride` 1 by 16: for images of 32 pixels.
    """

    form: Literal["moga", "mobilenet_v3"] = "moga"
    width: float = 1.0
    stem_stride: Literal[1, 2] = 2

    features: ClassVar[str] = ""
    paper: ClassVar[str] = "MoGA: Searching Beyond MobileNetV3"
    arxiv: ClassVar[str] = "1908.01314"

    def choices(self) -> tuple[Choice, ...]:
        """layer1 to layer14; several bottlenecks may survive and be summed, as FairDARTS derives them."""
        found = []
        for i, _ in enumerate(_layers(), 1):
            own = (_OWN[i],) if self.form == "mobilenet_v3" and i in _OWN else ()
            options = (*WITH_SE, *own)
            found.append(Choice(f"layer{i}", options, max_active=len(options)))
        return tuple(found)

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        """Stem, a separable convolution, the layers, MobileNetV3's head; dropout 0.2 unless given."""
        c_in, wide, late = eights((_STEM, _WIDE, _LATE), self.width)
        moga = self.form == "moga"
        eps = 1e-5 if moga else 1e-3
        body, step = nn.Sequential(), (self.stem_stride, self.stem_stride)
        body.add_module("conv", ConvBN(io.channels, c_in, (3, 3), stride=step, act="hswish", eps=eps))
        if moga:
            body.add_module("depthwise", ConvBN(c_in, c_in, (3, 3), groups=c_in))
            body.add_module("point", ConvBN(c_in, c_in, (1, 1), act=None))
        else:
            body.add_module("first", MBBlock(c_in, c_in, (3, 3), expansion=1, stride=(1, 1), eps=eps))
        edges = []
        for choice, (channels, stride, act) in zip(self.choices(), _layers(), strict=True):
            (c_out,) = eights((channels,), self.width)
            se = SEForm(act, hard=True) if moga else SEForm(hard=True, eights=True)
            edges.append(fill(choice, OpShape(c_in, c_out, (stride, stride), act=act, se=se, eps=eps)))
            c_in = c_out
        head = LateHead(c_in, wide, late, io.classes, scale.dropout_or(0.2), bias=not moga, eps=eps)
        return Chain(body, edges, head, fold=False)


def _layers() -> Iterator[tuple[int, int, Act]]:
    """Channels at width 1, stride and activation of each layer."""
    for channels, layers, stride, act in _STAGES:
        for j in range(layers):
            yield channels, 1 if j else stride, act
