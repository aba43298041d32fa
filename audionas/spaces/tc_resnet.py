"""TC-ResNet8 and TC-ResNet14: residual blocks of temporal convolutions, kernel 9, over 40 MFCCs.

Choi et al., "Temporal Convolution for Real-time Keyword Spotting on Mobile Devices". The skeleton of
`kws_tc_resnet` is the one with depth 14.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import nn

from audionas.core.arch import Choice, InputSpec
from audionas.nn.blocks import ConvBN, Head, TCBlock
from audionas.nn.edge import EdgeFactory
from audionas.spaces._base import BuildSize, Space
from audionas.spaces._chain import Chain, one_channel, scaled

_STEM = 16
_BLOCKS = {  # (channels at width 1, stride) by depth
    8: ((24, 2), (32, 2), (48, 2)),
    14: ((24, 2), (24, 1), (32, 2), (32, 1), (48, 2), (48, 1)),
}


@dataclass(frozen=True, kw_only=True)
class TcResnet(Space):
    """No choices. The paper's networks have widths 1 and 1.5."""

    depth: Literal[8, 14] = 8
    width: float = 1.0
    causal: bool = False

    features: ClassVar[str] = "mfcc/tc_resnet"
    paper: ClassVar[str] = "Temporal Convolution for Real-time Keyword Spotting on Mobile Devices"
    arxiv: ClassVar[str] = "1904.03814"

    def choices(self) -> tuple[Choice, ...]:
        """None: the network is hand-made."""
        return ()

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        """Stem and blocks; dropout 0.5 before the last layer unless given."""
        one_channel(io, self.name)
        blocks = _BLOCKS[self.depth]
        c_in, *channels = scaled((_STEM, *(c for c, _ in blocks)), self.width)
        body = nn.Sequential()
        body.add_module("conv", ConvBN(io.freq, c_in, (1, 3), causal=self.causal))
        for i, (c_out, (_, stride)) in enumerate(zip(channels, blocks, strict=True), 1):
            body.add_module(f"block{i}", TCBlock(c_in, c_out, 9, stride=stride, causal=self.causal))
            c_in = c_out
        return Chain(body, [], Head(c_in, io.classes, scale.dropout_or(0.5)), fold=True)
