"""CP-Mobile, low-complexity networks for acoustic scenes: six inverted bottlenecks in three stages.

Schmid et al., DCASE Workshop 2023, in the simplified form of the baseline of DCASE 2024 task 1, which is the
network with kernel 3 and expansion 2.1 in every block. The other kernels and expansions are ours.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from audionas.core.arch import Choice, InputSpec
from audionas.nn.blocks import ConvBN
from audionas.nn.cp_block import LogitMap
from audionas.nn.edge import EdgeFactory
from audionas.nn.ops import CP_EXPANSIONS, KERNELS, OpShape
from audionas.spaces._base import BuildSize, Space
from audionas.spaces._chain import Chain, eights, one_channel

_BASE, _GROWTH = 32, 1.8  # channels of the first stage at width 1, and their factor per stage
_BLOCKS = ((0, (1, 1)), (0, (1, 1)), (0, (1, 2)), (1, (2, 1)), (1, (1, 1)), (2, (1, 1)))  # stage and stride
_OPTIONS = tuple(f"cp_k{k}_e{e}" for k in KERNELS[:2] for e in CP_EXPANSIONS)


@dataclass(frozen=True, kw_only=True)
class CpMobile(Space):
    """block1 to block6: kernels 3 x 3 and 5 x 5, expansions 1.5, 2.1 and 3. `width` 1 is the baseline's: 32
    channels, 1.8 times as many per stage, in multiples of 8.
    """

    width: float = 1.0

    features: ClassVar[str] = "logmel/dcase2024"
    paper: ClassVar[str] = (
        "Data-Efficient Low-Complexity Acoustic Scene Classification in the DCASE 2024 Challenge"
    )
    arxiv: ClassVar[str] = "2405.10018"

    def choices(self) -> tuple[Choice, ...]:
        """block1 to block6; several bottlenecks may survive and be summed, as FairDARTS derives them."""
        names = (f"block{i}" for i in range(1, len(_BLOCKS) + 1))
        return tuple(Choice(name, _OPTIONS, max_active=len(_OPTIONS)) for name in names)

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        """Two convolutions with stride 2, the blocks, and a map of logits that is averaged."""
        one_channel(io, self.name)
        stages = eights((_BASE * _GROWTH**i for i in range(3)), self.width)
        body = nn.Sequential()
        body.add_module("first", ConvBN(1, stages[0] // 4, (3, 3), stride=(2, 2)))
        body.add_module("second", ConvBN(stages[0] // 4, stages[0], (3, 3), stride=(2, 2)))
        edges, c_in = [], stages[0]
        for choice, (stage, stride) in zip(self.choices(), _BLOCKS, strict=True):
            edges.append(fill(choice, OpShape(c_in, stages[stage], stride)))
            c_in = stages[stage]
        return Chain(body, edges, LogitMap(c_in, io.classes, scale.dropout_or(0.0)), fold=False)
