"""Chains of inverted bottlenecks for images: MobileNetV2's, and those that searches derived from it.

Sandler et al., "MobileNetV2", Cai et al., "ProxylessNAS", Chu et al., "FairNAS" (arXiv:1907.01845),
"SCARLET-NAS" (arXiv:1908.06022) and "NoisyDARTS" (arXiv:2005.03566), Tan and Le, "EfficientNet"
(arXiv:1905.11946). Each layer chooses a square kernel and an expansion; some may be left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from torch import nn

from audionas.core.arch import Choice, InputSpec
from audionas.nn.blocks import Act, ConvBN, MBBlock, SEForm, WideHead
from audionas.nn.edge import EdgeFactory
from audionas.nn.ops import KERNELS, OpShape
from audionas.spaces._base import BuildSize, Space
from audionas.spaces._chain import Chain, eights

_STEM, _FIRST, _HEAD = 32, 16, 1280  # channels at width 1
_STRIDES = (2, 2, 2, 1, 2, 1)  # of the first layer of each stage
_CONVS = tuple(f"mbs_k{k}_e{e}" for k in KERNELS[:3] for e in (3, 6))
_SQUEEZED = tuple(f"{conv}_se" for conv in _CONVS)
WITH_SE = tuple(f"{conv}{se}" for conv in _CONVS for se in ("", "_se"))
_Stages = tuple[tuple[int, int], ...]  # channels at width 1, layers
_PROXYLESS: _Stages = ((24, 4), (40, 4), (80, 4), (96, 4), (192, 4), (320, 1))
_FAIRNAS: _Stages = ((32, 2), *_PROXYLESS[1:])
_MOBILENET_V2: _Stages = ((24, 2), (32, 3), (64, 4), (96, 3), (160, 3), (320, 1))
_EFFICIENTNET: _Stages = ((24, 2), (40, 2), (80, 3), (112, 3), (192, 4), (320, 1))


class _Form(NamedTuple):
    """A form. `skips`: layers whose shape stays may be left out. `act` is the activation in the layers,
    `ends` that in stem, first block and head; `first_se`: the first block has squeeze-and-excitation too.
    """

    stages: _Stages
    options: tuple[str, ...] = _CONVS
    skips: bool = False
    act: Act = "relu6"
    ends: Act = "relu6"
    se: SEForm = SEForm()
    first_se: bool = False


_FORMS = {
    "proxyless": _Form(_PROXYLESS, skips=True),
    "mobilenet_v2": _Form(_MOBILENET_V2),
    "efficientnet": _Form(
        _EFFICIENTNET, _SQUEEZED, act="swish", ends="swish", se=SEForm("swish", entering=True), first_se=True
    ),
    "fairnas": _Form(_FAIRNAS),
    "fairnas_se": _Form(
        _FAIRNAS, _SQUEEZED, act="swish", ends="relu", se=SEForm("swish", share=1.0, entering=True)
    ),
    "fairnas_se_half": _Form(
        _FAIRNAS, _SQUEEZED, act="swish", ends="relu", se=SEForm("swish", share=0.5, entering=True)
    ),
    "noisy_darts": _Form(_FAIRNAS, skips=True),
    "noisy_darts_se": _Form(
        _FAIRNAS, _SQUEEZED, skips=True, act="swish", ends="relu", se=SEForm("swish", entering=True)
    ),
    "scarlet": _Form(_FAIRNAS, WITH_SE, skips=True, act="hswish", se=SEForm(hard=True)),
}


class _Layer(NamedTuple):
    channels: int
    stride: int
    keeps: bool


@dataclass(frozen=True, kw_only=True)
class Mobilenet(Space):
    """`form`: `proxyless` offers a skip in the 15 layers whose shape stays, `fairnas` none; `noisy_darts` is
    FairNAS' chain with a skip in 13 layers; `scarlet` adds a choice of squeeze-and-excitation to that, with
    hswish and the hard sigmoid. ProxylessNAS' zero operation has a shortcut around it, so that the sum is the
    input: it is the skip here. `mobilenet_v2` and `efficientnet` (B0) have no skips.

    `efficientnet`, `fairnas_se`, `fairnas_se_half` and `noisy_darts_se` have squeeze-and-excitation in every
    layer, and swish; hidden units are 1/4, 1, 1/2 and 1/4 of the channels that enter a layer.

    `width` multiplies every channel count, to multiples of 8. The network divides the size by 32, with
    `stem_stride` 1 by 16: for images of 32 pixels.
    """

    form: Literal[
        "proxyless",
        "mobilenet_v2",
        "efficientnet",
        "fairnas",
        "fairnas_se",
        "fairnas_se_half",
        "noisy_darts",
        "noisy_darts_se",
        "scarlet",
    ] = "proxyless"
    width: float = 1.0
    stem_stride: Literal[1, 2] = 2

    features: ClassVar[str] = ""
    paper: ClassVar[str] = "ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware"
    arxiv: ClassVar[str] = "1812.00332"

    def choices(self) -> tuple[Choice, ...]:
        """layer1 to the last; several may survive and be summed, as FairDARTS derives them."""
        form, found = _FORMS[self.form], []
        for i, layer in enumerate(self._layers(), 1):
            options = (*form.options, "skip") if layer.keeps and form.skips else form.options
            found.append(Choice(f"layer{i}", options, max_active=len(options)))
        return tuple(found)

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        """Stem, a block that does not expand, layers and head; dropout 0.2 unless given."""
        form = _FORMS[self.form]
        stem, first, head = eights((_STEM, _FIRST, _HEAD), self.width)
        body = nn.Sequential()
        step = (self.stem_stride, self.stem_stride)
        body.add_module("conv", ConvBN(io.channels, stem, (3, 3), stride=step, act=form.ends))
        body.add_module(
            "first",
            MBBlock(
                stem,
                first,
                (3, 3),
                expansion=1,
                stride=(1, 1),
                se=form.first_se,
                act=form.ends,
                form=form.se,
            ),
        )
        edges, c_in = [], first
        for choice, layer in zip(self.choices(), self._layers(), strict=True):
            (c_out,) = eights((layer.channels,), self.width)
            stride = (layer.stride, layer.stride)
            edges.append(fill(choice, OpShape(c_in, c_out, stride, act=form.act, se=form.se)))
            c_in = c_out
        last = WideHead(c_in, head, io.classes, scale.dropout_or(0.2), act=form.ends)
        return Chain(body, edges, last, fold=False)

    def _layers(self) -> Iterator[_Layer]:
        for (channels, layers), stride in zip(_FORMS[self.form].stages, _STRIDES, strict=True):
            for j in range(layers):
                yield _Layer(channels, 1 if j else stride, j > 0)
