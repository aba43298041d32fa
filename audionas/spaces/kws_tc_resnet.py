"""AutoKWS: a TC-ResNet14 chain of six blocks with a choice of kernel, squeeze-and-excitation, or a skip.

Strides 2,1,2,1,2,1 over time; kernels 3/5/7/9 with or without SE at every position, a skip at the
positions of stride 1: 8^3 * 9^3 = 373,248 networks. The paper's figure of about 10^7 counts kernel,
SE and skip independently at all six positions.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import nn

from audionas.core.arch import Choice, InputSpec
from audionas.nn.edge import EdgeFactory
from audionas.nn.ops import KERNELS
from audionas.spaces._base import BuildSize, Space
from audionas.spaces._chain import one_channel, scaled, temporal_chain

_CHANNELS = (16, 24, 24, 32, 32, 48, 48)  # stem, then the six positions at width 1
_STRIDES = (2, 1, 2, 1, 2, 1)


@dataclass(frozen=True, kw_only=True)
class KwsTcResnet(Space):
    """`shortcut`: 1x1 (`point`, TC-ResNet's code) or as wide as the kernel (`kernel`, AutoKWS Fig. 2)."""

    width: float = 1.5
    causal: bool = False
    se: Literal["search", "none"] = "search"
    shortcut: Literal["point", "kernel"] = "point"

    paper: ClassVar[str] = "AutoKWS: Keyword Spotting with Differentiable Architecture Search"
    arxiv: ClassVar[str] = "2009.03658"

    def choices(self) -> tuple[Choice, ...]:
        """block1 to block6; several kernels may survive and be summed, as FairDARTS derives them."""
        wide = "_wide" if self.shortcut == "kernel" else ""
        suffixes = ("", "_se") if self.se == "search" else ("",)
        convs = tuple(f"tc_k{k}{s}{wide}" for k in KERNELS for s in suffixes)
        options = [convs if stride == 2 else (*convs, "skip") for stride in _STRIDES]
        return tuple(Choice(f"block{i}", o, max_active=len(o)) for i, o in enumerate(options, 1))

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        """The chain; dropout 0.5 before the last layer unless given."""
        one_channel(io, self.name)
        return temporal_chain(
            self.choices(),
            fill,
            io,
            channels=scaled(_CHANNELS, self.width),
            strides=_STRIDES,
            causal=self.causal,
            dropout=scale.dropout_or(0.5),
        )
