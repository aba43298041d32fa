"""DS-CNN S, M and L: depthwise separable convolutions over 10 MFCCs, the microcontroller baseline.

Zhang et al., "Hello Edge: Keyword Spotting on Microcontrollers". The kernel of the first convolution
is even, 4 MFCCs by 10 frames of 20 ms.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from torch import nn

from audionas.core.arch import Choice, InputSpec
from audionas.nn.blocks import ConvBN, Head
from audionas.nn.edge import EdgeFactory
from audionas.spaces._base import BuildSize, Space
from audionas.spaces._chain import Chain, one_channel


class _Size(NamedTuple):
    """A size; strides are (frequency, time), of the first convolution and the first separable block."""

    channels: int
    blocks: int
    stem: tuple[int, int]
    first: tuple[int, int]


_SIZES = {
    "s": _Size(64, 4, (2, 2), (1, 1)),
    "m": _Size(172, 4, (1, 2), (2, 2)),
    "l": _Size(276, 5, (1, 2), (2, 2)),
}


@dataclass(frozen=True, kw_only=True)
class DsCnn(Space):
    """No choices. Every convolution has a bias besides its batch norm, as in ARM's code."""

    variant: Literal["s", "m", "l"] = "s"

    features: ClassVar[str] = "mfcc/ds_cnn"
    paper: ClassVar[str] = "Hello Edge: Keyword Spotting on Microcontrollers"
    arxiv: ClassVar[str] = "1711.07128"

    def choices(self) -> tuple[Choice, ...]:
        """None: the network is hand-made."""
        return ()

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        """A convolution of 4 MFCCs by 10 frames, separable blocks; no dropout unless given."""
        one_channel(io, self.name)
        size = _SIZES[self.variant]
        c = size.channels
        body = nn.Sequential()
        body.add_module("pad", nn.ZeroPad2d((0, 1, 0, 1)))  # an even kernel reaches one step further ahead
        body.add_module("conv", ConvBN(1, c, (4, 10), stride=size.stem, bias=True))
        for i in range(1, size.blocks + 1):
            stride = size.first if i == 1 else (1, 1)
            body.add_module(f"depth{i}", ConvBN(c, c, (3, 3), stride=stride, groups=c, bias=True))
            body.add_module(f"point{i}", ConvBN(c, c, (1, 1), bias=True))
        return Chain(body, [], Head(c, io.classes, scale.dropout_or(0.0)), fold=False)
