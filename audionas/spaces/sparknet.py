"""SparkNet: four separable convolutions over time and noisy gates, for 32 MFCCs.

Svirsky et al., "Sparse Binarization for Fast Keyword Spotting". The released code could not be read: layers
are those of a public re-implementation, and make the published counts of parameters with 16 and 32 filters.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from audionas.core.arch import Choice, InputSpec
from audionas.core.errors import UserError
from audionas.nn.edge import EdgeFactory
from audionas.nn.separable.blocks import TCSBlock
from audionas.nn.separable.gate import GateHead
from audionas.spaces._base import BuildSize, Space
from audionas.spaces._chain import Chain, one_channel

_KERNELS = (11, 15, 19, 29)  # all but the first have a residual branch


@dataclass(frozen=True, kw_only=True)
class Sparknet(Space):
    """No choices. The paper's networks have 32 `gates` and 4 to 32 `filters`, its channels."""

    filters: int = 32
    gates: int = 32
    causal: bool = False

    features: ClassVar[str] = "mfcc/sparknet"
    paper: ClassVar[str] = "Sparse Binarization for Fast Keyword Spotting"
    arxiv: ClassVar[str] = "2406.06634"

    def __post_init__(self) -> None:
        """Refuse wrong values and counts below one."""
        super().__post_init__()
        problems = [
            f"{self.name}.{name} is {getattr(self, name)}, expected at least 1"
            for name in ("filters", "gates")
            if getattr(self, name) < 1
        ]
        if problems:
            raise UserError(problems, hint="See: audionas list spaces")

    def choices(self) -> tuple[Choice, ...]:
        """None: the network is hand-made."""
        return ()

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        """Four blocks and the gates; no dropout before the last layer unless given."""
        one_channel(io, self.name)
        body, c_in = nn.Sequential(), io.freq
        for i, kernel in enumerate(_KERNELS, 1):
            block = TCSBlock(c_in, self.filters, kernel, residual=i > 1, causal=self.causal)
            body.add_module(f"block{i}", block)
            c_in = self.filters
        head = GateHead(self.filters, self.gates, io.classes, scale.dropout_or(0.0))
        return Chain(body, [], head, fold=True)
