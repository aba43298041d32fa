"""TENet: three stages of thin inverted bottlenecks over 40 MFCCs, whose kernels and branches are searched.

Li et al., "Small-Footprint Keyword Spotting with Multi-Scale Temporal Convolution"; its code is
Interlagos/TENet-kws at 1a4aded. The paper's networks have `te_k9` everywhere, or `mt_k9`, which folds to it.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from audionas.core.arch import Choice, InputSpec
from audionas.core.errors import UserError
from audionas.nn.edge import EdgeFactory
from audionas.nn.ops import OPS
from audionas.spaces._base import BuildSize, Space
from audionas.spaces._chain import one_channel, temporal_chain

_STAGES = 3
_OPTIONS = tuple(name for name, op in OPS.items() if name.startswith("te_") or op.branches)


@dataclass(frozen=True, kw_only=True)
class Tenet(Space):
    """`blocks` per stage, all with `filters` channels; the first of each stage halves the frames.

    TENet12 has 4 blocks and TENet6 has 2, of 32 filters; the narrow ones have 16. Batch norms have a scale,
    which the authors' have not: folded or before a ReLU it is another name for what the next layer can do.
    """

    filters: int = 32
    blocks: int = 2
    causal: bool = False

    features: ClassVar[str] = "mfcc/tc_resnet"
    paper: ClassVar[str] = "Small-Footprint Keyword Spotting with Multi-Scale Temporal Convolution"
    arxiv: ClassVar[str] = "2010.09960"

    def __post_init__(self) -> None:
        """Refuse wrong values and counts below one."""
        super().__post_init__()
        problems = [
            f"{self.name}.{name} is {getattr(self, name)}, expected at least 1"
            for name in ("filters", "blocks")
            if getattr(self, name) < 1
        ]
        if problems:
            raise UserError(problems, hint="See: audionas list spaces")

    def choices(self) -> tuple[Choice, ...]:
        """block1, block2 and so on, through all stages; one option each."""
        return tuple(Choice(f"block{i}", _OPTIONS) for i in range(1, _STAGES * self.blocks + 1))

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        """The chain; dropout 0.5 before the last layer unless given."""
        one_channel(io, self.name)
        return temporal_chain(
            self.choices(),
            fill,
            io,
            channels=[self.filters] * (_STAGES * self.blocks + 1),
            strides=(2, *[1] * (self.blocks - 1)) * _STAGES,
            causal=self.causal,
            dropout=scale.dropout_or(0.5),
        )
