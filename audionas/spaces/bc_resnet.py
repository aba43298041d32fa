"""BC-ResNet: broadcasted residual blocks over log-mel spectra, from 9 to 321 thousand parameters.

`tau` scales every width: BC-ResNet-1, 1.5, 2, 3, 6 and 8 of the paper, all with the same structure.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from audionas.core.arch import Choice, InputSpec
from audionas.core.errors import UserError
from audionas.nn.bc_blocks import BANDS, BCBlock, FullBand
from audionas.nn.blocks import ConvBN, Head
from audionas.nn.edge import EdgeFactory
from audionas.spaces._base import BuildSize, Space
from audionas.spaces._chain import Chain, one_channel, scaled

_CHANNELS = (16, 8, 12, 16, 20, 32)  # stem, four stages, tail at tau 1
_STAGES = ((2, 1), (2, 2), (4, 2), (4, 1))  # (blocks, frequency stride of the first); dilation 1, 2, 4, 8


@dataclass(frozen=True, kw_only=True)
class BcResnet(Space):
    """No choices. With `causal` every convolution over time sees only the past."""

    tau: float = 1.0
    causal: bool = False

    features: ClassVar[str] = "logmel/bc_resnet"
    paper: ClassVar[str] = "Broadcasted Residual Learning for Efficient Keyword Spotting"
    arxiv: ClassVar[str] = "2106.04140"

    def choices(self) -> tuple[Choice, ...]:
        """None: the network is hand-made."""
        return ()

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        """Stem, twelve blocks, tail; no dropout before the last layer unless given."""
        one_channel(io, self.name)
        _check_bands(io.freq)
        stem, *stages, tail = scaled(_CHANNELS, self.tau)
        body = nn.Sequential()
        body.add_module("conv", ConvBN(1, stem, (5, 5), stride=(2, 1), causal=self.causal))
        c_in = stem
        for i, ((blocks, stride), c_out) in enumerate(zip(_STAGES, stages, strict=True)):
            for j in range(blocks):
                block = BCBlock(c_in, c_out, stride=1 if j else stride, dilation=2**i, causal=self.causal)
                body.add_module(f"block{i + 1}_{j + 1}", block)
                c_in = c_out
        body.add_module("band", FullBand(c_in, c_in, (5, 5), groups=c_in, causal=self.causal))
        body.add_module("tail", ConvBN(c_in, tail, (1, 1)))
        return Chain(body, [], Head(tail, io.classes, scale.dropout_or(0.0)), fold=False)


def _check_bands(freq: int) -> None:
    """Raise UserError unless the frequency axis splits into bands after each stride."""
    sizes = [-(-freq // step) for step in (2, 4, 8)]
    if any(size % BANDS for size in sizes):
        raise UserError(
            f"space bc_resnet: {freq} frequencies become {sizes}, expected multiples of {BANDS}",
            hint="For example: 1x40x101",
        )
