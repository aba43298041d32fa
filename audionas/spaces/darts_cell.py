"""DARTS' space: a normal and a reduction cell of four nodes, stacked (Liu et al., arXiv:1806.09055).

Each node takes two of the cell's two inputs and the nodes before it, each through one operation. The
network has the same form for search (8 cells, 16 channels) and training (20 cells, 36 channels); inputs of
more than 64 pixels get ImageNet's stem, which divides their size by 8 before the first cell.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import nn

from audionas.core.arch import ArchSpec, Choice, InputSpec
from audionas.core.errors import UserError
from audionas.nn.blocks import Head
from audionas.nn.cell_blocks import AuxiliaryHead
from audionas.nn.edge import EdgeFactory
from audionas.nn.ops import OpShape
from audionas.spaces._base import Bare, BuildSize, Space
from audionas.spaces._cells import Cell, CellNetwork, require_even

NODES = (2, 3, 4, 5)
KINDS = ("normal", "reduce")
PRIMITIVES = (  # in the order in which genotypes and published alphas are indexed
    *("none", "max_pool_3x3", "avg_pool_3x3", "skip_connect"),
    *("sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5"),
)
PRESETS = {  # the same operations on every edge
    "darts": PRIMITIVES,
    "no_none": PRIMITIVES[1:],
    "s2": ("skip_connect", "sep_conv_3x3"),
    "s3": ("none", "skip_connect", "sep_conv_3x3"),
    "s4": ("noise", "sep_conv_3x3"),
}
_SHORT = {
    **{"mp": "max_pool_3x3", "ap": "avg_pool_3x3", "sk": "skip_connect"},
    **{"s3": "sep_conv_3x3", "d3": "dil_conv_3x3", "d5": "dil_conv_5x5"},
}
S1 = {  # two operations per edge, in the order of the edges
    "normal": "sk|d3 sk|d5 sk|d5 sk|s3 sk|d3 mp|sk sk|s3 sk|s3 sk|d3 sk|s3 mp|sk sk|d3 d3|d5 d3|d5",
    "reduce": "mp|ap mp|d3 mp|ap mp|ap sk|d5 mp|ap mp|s3 sk|d3 sk|d5 mp|ap mp|ap sk|d5 sk|d5 sk|d5",
}


@dataclass(frozen=True, kw_only=True)
class DartsCell(Space):
    """`preset`: the operations of an edge. `darts` is the paper's eight, `no_none` the seven without `none`
    (FairDARTS, NoisyDARTS, ROME), `s1` to `s4` those of RobustDARTS: two of an earlier search's best on
    each edge, or the same two or three everywhere.
    """

    preset: Literal["darts", "no_none", "s1", "s2", "s3", "s4"] = "darts"

    features: ClassVar[str] = ""
    paper: ClassVar[str] = "DARTS: Differentiable Architecture Search"
    arxiv: ClassVar[str] = "1806.09055"
    sizes: ClassVar[Mapping[str, int]] = {"layers": 8, "channels": 16}
    inputs: ClassVar[int] = 2
    bare: ClassVar[Bare] = "ends"

    def choices(self) -> tuple[Choice, ...]:
        """14 edges per kind of cell: `normal/2_0` leads from input 0 to node 2."""
        return tuple(
            Choice(
                f"{kind}/{node}_{source}",
                self.options(kind, node, source),
                node=f"{kind}/{node}",
                max_active=len(self.options(kind, node, source)),
                least=0,
            )
            for kind in KINDS
            for node in NODES
            for source in range(node)
        )

    def options(self, kind: str, node: int, source: int) -> tuple[str, ...]:
        """The operations of one edge."""
        if self.preset == "s1":
            place = node * (node - 1) // 2 - 1 + source  # the edges into node n follow those into n - 1
            return tuple(_SHORT[short] for short in S1[kind].split()[place].split("|"))
        return PRESETS[self.preset]

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        """Stem with 3 C channels, cells with reductions at one and two thirds, pooling, one linear layer."""
        large = max(io.freq, io.frames) > 64
        require_even((io.freq, io.frames), 5 if large else 2, self.name)
        c, (before, last) = scale.channels, _stem_channels(scale.channels, large)
        known = {choice.name: choice for choice in self.choices()}
        cells: list[Cell] = []
        halved = large
        middle = 2 * scale.layers // 3
        reductions = {scale.layers // 3, middle}
        auxiliary = None
        for number in range(scale.layers):
            reduces = number in reductions
            c *= 2 if reduces else 1
            kind = "reduce" if reduces else "normal"
            edges = {
                (node, source): fill(
                    known[f"{kind}/{node}_{source}"],
                    OpShape(c, c, (2, 2) if reduces and source < 2 else (1, 1), pool_norm=scale.search),
                )
                for node in NODES
                for source in range(node)
            }
            cell = Cell(edges, (before, last), c, nodes=len(NODES), halved=halved, scale=scale)
            before, last, halved = last, cell.channels, reduces
            cells.append(cell)
            if scale.auxiliary and number == middle:
                auxiliary = _auxiliary(last, io, large, (8 if large else 1) * 2 ** len(reductions))
        stems = _stems(io.channels, scale.channels, large)
        head = Head(last, io.classes, scale.dropout_or(0.0))
        return CellNetwork(*stems, cells, head, auxiliary, middle)

    def repair(self, choices: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
        """Leave out the edges that start from a node without inputs: nothing flows through them."""
        kept = {name: tuple(options) for name, options in choices.items()}
        for kind in KINDS:
            entered = {0, 1}
            for node in NODES:
                for source in range(node):
                    if source not in entered:
                        kept[f"{kind}/{node}_{source}"] = ()
                if any(kept[f"{kind}/{node}_{source}"] for source in range(node)):
                    entered.add(node)
        return kept

    def check(self, spec: ArchSpec) -> None:
        """Raise UserError as every space does, and for a cell without a single edge."""
        super().check(spec)
        for kind in KINDS:
            if not any(options for name, options in spec.choices.items() if name.startswith(f"{kind}/")):
                raise UserError(f"the {kind} cell has no edges: nothing leads from its inputs to its output")

    def watched(self) -> tuple[Choice, ...]:
        """The edges of the normal cell."""
        return tuple(c for c in self.choices() if c.name.startswith("normal/"))


def _auxiliary(channels: int, io: InputSpec, large: bool, divided: int) -> AuxiliaryHead:
    """The second head, for the input's size divided by `divided`; UserError where that is too
    small to be pooled.
    """
    least = divided * (5 + AuxiliaryHead.stride_of(large))
    if min(io.freq, io.frames) < least:
        raise UserError(
            f"the auxiliary head of darts_cell needs {least}x{least} pixels here, not {io.freq}x{io.frames}",
            hint="Train without it: train.auxiliary=0",
        )
    return AuxiliaryHead(channels, io.classes, large=large)


def _stem_channels(channels: int, large: bool) -> tuple[int, int]:
    return (channels, channels) if large else (3 * channels, 3 * channels)


def _stems(c_in: int, channels: int, large: bool) -> tuple[nn.Module, nn.Module | None]:
    """CIFAR: one convolution to 3 C channels. ImageNet: two with stride 2, a third for the second input."""
    if not large:
        return nn.Sequential(_conv(c_in, 3 * channels, 1), nn.BatchNorm2d(3 * channels)), None
    half = channels // 2
    first = nn.Sequential(
        *(_conv(c_in, half, 2), nn.BatchNorm2d(half), nn.ReLU()),
        *(_conv(half, channels, 2), nn.BatchNorm2d(channels)),
    )
    return first, nn.Sequential(nn.ReLU(), _conv(channels, channels, 2), nn.BatchNorm2d(channels))


def _conv(c_in: int, c_out: int, stride: int) -> nn.Module:
    return nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
