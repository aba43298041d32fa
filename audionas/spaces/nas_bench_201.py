"""NAS-Bench-201: one cell of four nodes and six edges, five operations (Dong and Yang, arXiv:2001.00326).

A node is the sum of its incoming edges, the cell's output is its last node; three stages of equal cells
are joined by residual blocks that halve the resolution. All six edges are present; `none` is an operation.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from audionas.core.arch import ArchSpec, Choice, InputSpec
from audionas.nn.blocks import Head
from audionas.nn.cell_blocks import ReluConvBN
from audionas.nn.edge import Edge, EdgeFactory, Gates
from audionas.nn.ops import OpShape
from audionas.spaces._base import Bare, BuildSize, Space
from audionas.spaces._cells import CellEdges, require_even

PRIMITIVES = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = tuple((node, source) for node in (1, 2, 3) for source in range(node))  # in the order of the string
_CONVS = ("nor_conv_1x1", "nor_conv_3x3")  # operations with weights


class SumCell(nn.Module):
    """A cell; node 0 is the input, node 3 the output."""

    def __init__(self, edges: Mapping[tuple[int, int], Edge | None]) -> None:
        super().__init__()
        self.graph = CellEdges(edges)

    def forward(self, x: Tensor, gates: Gates | None) -> Tensor:
        """(B, C, H, W) to the same shape; zeros if nothing reaches the output."""
        out = self.graph.run({0: x}, (1, 2, 3), gates)[3]
        return torch.zeros_like(x) if out is None else out


class ResidualReduction(nn.Module):
    """ResNet's basic block with stride 2; the shortcut averages 2 x 2 pixels, then a 1x1 convolution."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.first = ReluConvBN(c_in, c_out, 3, stride=(2, 2), affine=True)
        self.second = ReluConvBN(c_out, c_out, 3, affine=True)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(c_in, c_out, 1, bias=False))

    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor:
        """(B, c_in, H, W) to (B, c_out, H / 2, W / 2)."""
        y: Tensor = self.shortcut(x) + self.second(self.first(x))
        return y


class StagedCells(nn.Module):
    """Stem, stages of cells with reductions between, batch norm (with or without affine parameters), ReLU,
    head.
    """

    def __init__(
        self, stem: nn.Module, body: list[nn.Module], channels: int, head: Head, *, affine: bool
    ) -> None:
        super().__init__()
        self.stem = stem
        self.body = nn.ModuleList(body)
        self.last = nn.Sequential(nn.BatchNorm2d(channels, affine=affine), nn.ReLU())
        self.head = head

    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor:
        """(B, C, H, W) to (B, classes) logits."""
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        for part in self.body:
            x = part(x, gates)
        logits: Tensor = self.head(self.last(x))
        return logits


@dataclass(frozen=True, kw_only=True)
class NasBench201(Space):
    """No parameters: 5^6 = 15,625 cells. `layers` is the number of cells per stage. As in the benchmark's
    code, pools have no norm in searches either.
    """

    features: ClassVar[str] = ""
    paper: ClassVar[str] = "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search"
    arxiv: ClassVar[str] = "2001.00326"
    sizes: ClassVar[Mapping[str, int]] = {"layers": 5, "channels": 16}
    bare: ClassVar[Bare] = "ends"

    def choices(self) -> tuple[Choice, ...]:
        """Six edges: `1_0` leads from node 0 to node 1."""
        return tuple(Choice(f"{node}_{source}", PRIMITIVES, node=str(node)) for node, source in EDGES)

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        """C, 2 C and 4 C channels in the three stages."""
        require_even((io.freq, io.frames), 2, self.name)
        c = scale.channels
        stem = nn.Sequential(nn.Conv2d(io.channels, c, 3, 1, 1, bias=False), nn.BatchNorm2d(c))
        body: list[nn.Module] = []
        for stage in range(3):
            if stage:
                body.append(ResidualReduction(c, 2 * c))
                c *= 2
            shape = OpShape(c, c)
            for _ in range(scale.layers):
                pairs = zip(EDGES, self.choices(), strict=True)
                body.append(SumCell({place: fill(choice, shape) for place, choice in pairs}))
        head = Head(c, io.classes, scale.dropout_or(0.0))
        return StagedCells(stem, body, c, head, affine=scale.bare != "sums")

    def canonical(self, spec: ArchSpec) -> str:
        """The cell's `form`, of which there are 5,260."""
        return form(tuple(spec.choices[f"{node}_{source}"][0] for node, source in EDGES))


def form(cell: tuple[str, ...]) -> str:
    """A text that two cells (six operations) share exactly if they are the same network up to names.

    The output as a sorted sum of terms: skips are flattened and dead terms left out. A convolution has
    weights of its own however often it is used; one that nothing reaches counts as nothing, though its batch
    norm's shift may remain. The benchmark trained every cell by itself: look up accuracies by the string of
    the cell, never by this.
    """
    alike: dict[str, list[int]] = {}  # the places of convolutions by what they compute: these may be renamed
    plain = _terms(cell, {})
    for place, (op, (_, source)) in enumerate(zip(cell, EDGES, strict=True)):
        if op in _CONVS:
            alike.setdefault(f"({plain[source]})@{op}", []).append(place)
    orders = itertools.product(*(itertools.permutations(group) for group in alike.values()))
    names = ({place: f"#{n}" for group in order for n, place in enumerate(group)} for order in orders)
    return min(_terms(cell, own)[3] for own in names)


def _terms(cell: tuple[str, ...], names: Mapping[int, str]) -> dict[int, str]:
    """Each node as a sorted sum of terms; `names` marks the operation of an edge, by the edge's place."""
    terms: dict[int, list[str]] = {0: ["0"], 1: [], 2: [], 3: []}
    for place, ((to, source), op) in enumerate(zip(EDGES, cell, strict=True)):
        if terms[source] and op != "none":
            inner = f"({'+'.join(sorted(terms[source]))})@{op}{names.get(place, '')}"
            terms[to] += terms[source] if op == "skip_connect" else [inner]
    return {node: "+".join(sorted(own)) for node, own in terms.items()}
