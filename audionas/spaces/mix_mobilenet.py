"""MixPath's chain for CIFAR: twelve inverted bottlenecks with several square kernels in parallel.

Chu et al., "MixPath" (arXiv:2001.05887), space S1 as in the official code.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from audionas.core.arch import Choice, InputSpec
from audionas.nn.blocks import ConvBN, WideHead
from audionas.nn.edge import EdgeFactory
from audionas.nn.mix import mixes
from audionas.nn.ops import KERNELS, OpShape
from audionas.spaces._base import BuildSize, Space
from audionas.spaces._chain import Chain, eights

_STEM, _HEAD = 32, 1280  # channels at width 1
_CHANNELS = (48, 48, 96, 96, 96, 192, 192, 192, 256, 256, 320, 320)
_HALVING = (2, 5)  # the layers, from 0, with stride 2


@dataclass(frozen=True, kw_only=True)
class MixMobilenet(Space):
    """A layer sums 1 to `most` of the kernels 3, 5, 7 and 9 and expands 3 or 6 times: 20, 28 or 30 options.

    `width` multiplies every channel count, to multiples of 8. The network divides the size of images by 4.
    """

    most: Literal[2, 3, 4] = 2
    width: float = 1.0

    features: ClassVar[str] = ""
    paper: ClassVar[str] = "MixPath: A Unified Approach for One-shot Neural Architecture Search"
    arxiv: ClassVar[str] = "2001.05887"

    def choices(self) -> tuple[Choice, ...]:
        """layer1 to layer12."""
        options = tuple(f"mixs_{mix.name}" for mix in mixes(KERNELS, self.most))
        return tuple(Choice(f"layer{i}", options) for i, _ in enumerate(_CHANNELS, 1))

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> Chain:
        """Stem, layers and a 1x1 convolution, all with ReLU6; no dropout unless given."""
        stem, head = eights((_STEM, _HEAD), self.width)
        edges, c_in = [], stem
        for i, (choice, c_out) in enumerate(zip(self.choices(), eights(_CHANNELS, self.width), strict=True)):
            stride = (2, 2) if i in _HALVING else (1, 1)
            edges.append(fill(choice, OpShape(c_in, c_out, stride, act="relu6")))
            c_in = c_out
        body = ConvBN(io.channels, stem, (3, 3), act="relu6")
        last = WideHead(c_in, head, io.classes, scale.dropout_or(0.0), act="relu6")
        return Chain(body, edges, last, fold=False)
