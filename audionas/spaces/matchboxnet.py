"""MatchboxNet: residual blocks of separable convolutions over time, for 64 MFCCs.

Majumdar and Ginsburg, "MatchboxNet: 1D Time-Channel Separable Convolutional Neural Network Architecture for
Speech Commands Recognition". Layers are those of NVIDIA/NeMo at 009ee83,
examples/asr/conf/matchboxnet/matchboxnet_3x1x64_v1.yaml.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from audionas.core.arch import Choice, InputSpec
from audionas.core.errors import UserError
from audionas.nn.blocks import ConvBN, Head
from audionas.nn.edge import EdgeFactory
from audionas.nn.separable.blocks import TCSBlock
from audionas.spaces._base import BuildSize, Space
from audionas.spaces._chain import Chain, one_channel

_WIDE = 128  # channels of the first layer and of the last two
_KERNELS = (11, 13, 15, 17, 29)  # first layer, residual blocks, last layer but one
_DILATION = 2  # of the last kernel
_EPS = 1e-3  # of batch norms


@dataclass(frozen=True, kw_only=True)
class Matchboxnet(Space):
    """No choices. MatchboxNet-3xRxC has `repeat` R sub-blocks, 1 or 2 in the paper, and `filters` C.

    NeMo fills clips of 1 s with frames of zeros up to 128; here a network takes the frames there are.
    """

    repeat: int = 1
    filters: int = 64
    causal: bool = False

    features: ClassVar[str] = "mfcc/matchboxnet"
    paper: ClassVar[str] = (
        "MatchboxNet: 1D Time-Channel Separable Convolutional Neural Network Architecture "
        "for Speech Commands Recognition"
    )
    arxiv: ClassVar[str] = "2004.08531"

    def __post_init__(self) -> None:
        """Refuse wrong values and counts below one."""
        super().__post_init__()
        problems = [
            f"{self.name}.{name} is {getattr(self, name)}, expected at least 1"
            for name in ("repeat", "filters")
            if getattr(self, name) < 1
        ]
        if problems:
            raise UserError(problems, hint="See: audionas list spaces")

    def choices(self) -> tuple[Choice, ...]:
        """None: the network is hand-made."""
        return ()

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        """First layer, three residual blocks, two last layers; no dropout before the head unless given."""
        one_channel(io, self.name)
        first, *kernels, last = _KERNELS
        body = nn.Sequential()
        body.add_module("first", TCSBlock(io.freq, _WIDE, first, causal=self.causal))
        c_in = _WIDE
        for i, kernel in enumerate(kernels, 1):
            block = TCSBlock(
                c_in, self.filters, kernel, repeat=self.repeat, residual=True, causal=self.causal
            )
            body.add_module(f"block{i}", block)
            c_in = self.filters
        body.add_module("far", TCSBlock(c_in, _WIDE, last, dilation=_DILATION, causal=self.causal))
        body.add_module("tail", ConvBN(_WIDE, _WIDE, (1, 1), eps=_EPS))
        return Chain(body, [], Head(_WIDE, io.classes, scale.dropout_or(0.0)), fold=True)
