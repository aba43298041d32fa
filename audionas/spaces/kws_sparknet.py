"""A search around SparkNet: four separable convolutions with a choice of kernel and residual, or skipped.

Kernels 11/15/19/29 in every block; residuals and a skip in all but the first, which changes the channels:
4 * 9^3 = 2,916 networks, of which SparkNet is one.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import nn

from audionas.core.arch import Choice, InputSpec
from audionas.core.errors import UserError
from audionas.nn.blocks import Head
from audionas.nn.edge import EdgeFactory
from audionas.nn.ops import LONG, OpShape
from audionas.nn.separable.gate import GateHead
from audionas.spaces._base import BuildSize, Space
from audionas.spaces._chain import Chain, one_channel

_BLOCKS = 4
_EPS = 1e-3  # of batch norms


@dataclass(frozen=True, kw_only=True)
class KwsSparknet(Space):
    """Blocks of `filters` channels. `head`: SparkNet's 32 noisy gates (`gate`), or a plain mean (`mean`)."""

    filters: int = 32
    head: Literal["gate", "mean"] = "gate"
    causal: bool = False

    features: ClassVar[str] = "mfcc/sparknet"
    paper: ClassVar[str] = "Sparse Binarization for Fast Keyword Spotting (the blocks)"
    arxiv: ClassVar[str] = "2406.06634"

    def __post_init__(self) -> None:
        """Refuse wrong values and no filters."""
        super().__post_init__()
        if self.filters < 1:
            raise UserError(
                f"{self.name}.filters is {self.filters}, expected at least 1",
                hint="See: audionas list spaces",
            )

    def choices(self) -> tuple[Choice, ...]:
        """block1 to block4; one option each."""
        first = tuple(f"tcs_k{k}" for k in LONG)
        later = (*(f"tcs_k{k}{res}" for k in LONG for res in ("", "_res")), "skip")
        return (Choice("block1", first), *(Choice(f"block{i}", later) for i in range(2, _BLOCKS + 1)))

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        """Four edges and the head; no dropout before the last layer unless given."""
        one_channel(io, self.name)
        channels = (io.freq, *[self.filters] * (_BLOCKS - 1))
        edges = [
            fill(choice, OpShape(c_in, self.filters, causal=self.causal, eps=_EPS))
            for choice, c_in in zip(self.choices(), channels, strict=True)
        ]
        dropout = scale.dropout_or(0.0)
        plain = self.head == "mean"
        head = (
            Head(self.filters, io.classes, dropout)
            if plain
            else GateHead(self.filters, 32, io.classes, dropout)
        )
        return Chain(nn.Identity(), edges, head, fold=True)
