"""The skeletons of cell spaces: a cell as a graph of edges, and DARTS' stack of two kinds of cells."""

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from audionas.core.errors import UserError
from audionas.nn._join import join
from audionas.nn._sharing import sharing
from audionas.nn.blocks import Head
from audionas.nn.cell_blocks import FactorizedReduce, ReluConvBN
from audionas.nn.edge import Edge, Gates, summed
from audionas.spaces._base import BuildSize

Edges = Mapping[tuple[int, int], Edge | None]  # by (node, input)
States = Mapping[int, Tensor | None]  # by node


class CellEdges(nn.Module):
    """The edges of a cell, under `<node>_<input>`; a node is the sum of the edges that enter it.

    Edges that an architecture leaves out are not built; an edge with a closed gate returns nothing.
    """

    def __init__(self, edges: Edges) -> None:
        super().__init__()
        built = {place: edge for place, edge in edges.items() if edge is not None}
        self.edges = nn.ModuleDict({f"{node}_{source}": edge for (node, source), edge in built.items()})
        self.entering: dict[int, list[int]] = {}
        for node, source in built:
            self.entering.setdefault(node, []).append(source)

    def run(self, inputs: States, nodes: Iterable[int], gates: Gates | None) -> States:
        """Add `nodes` in turn to `inputs`: (B, C, H, W) each, None if nothing enters it."""
        states = dict(inputs)
        with sharing() as offer:
            for number in nodes:
                states[number] = self._node(number, states, gates, offer)
        return states

    def _node(
        self, number: int, states: States, gates: Gates | None, offer: Callable[[Tensor], Tensor]
    ) -> Tensor | None:
        entering: list[tuple[Edge, Tensor]] = []
        for source in self.entering.get(number, ()):
            edge, x = self.edges[f"{number}_{source}"], states[source]
            assert isinstance(edge, Edge)
            if x is not None:
                entering.append((edge, offer(x)))
        return summed(entering, gates)


class Cell(nn.Module):
    """A cell: two inputs, `nodes` intermediate nodes numbered from 2, and the nodes' concatenation as output.

    In a search a node that nothing enters is zeros, so that the output keeps its width; a final
    network has no such node.
    """

    def __init__(
        self,
        edges: Edges,
        c_before: tuple[int, int],
        c: int,
        *,
        nodes: int,
        halved: bool,
        scale: BuildSize,
    ) -> None:
        """`c_before`: channels of both inputs; `halved`: the second input has half the size of the first."""
        super().__init__()
        first, second = c_before
        affine = scale.bare == "none"
        self.first = (
            FactorizedReduce(first, c, affine=affine) if halved else ReluConvBN(first, c, 1, affine=affine)
        )
        self.second = ReluConvBN(second, c, 1, affine=affine)
        self.graph = CellEdges(edges)
        numbers = range(2, 2 + nodes)
        self.concat = [n for n in numbers if scale.search or n in self.graph.entering]
        self.channels = c * len(self.concat)

    def forward(self, before: Tensor, last: Tensor, gates: Gates | None) -> Tensor:
        """Turn the outputs of the two cells before it into (B, channels, H, W)."""
        inputs: States = {0: self.first(before), 1: self.second(last)}
        states = self.graph.run(inputs, self.concat, gates)
        given = [states[n] for n in self.concat]
        some = next((s for s in given if s is not None), None)
        if some is None:
            raise AssertionError("a cell whose every edge is closed")
        return join([torch.zeros_like(some) if s is None else s for s in given])


class CellNetwork(nn.Module):
    """Stem, cells, head; with an auxiliary head after the cell `auxiliary_after`, for training only."""

    def __init__(
        self,
        stem: nn.Module,
        second_stem: nn.Module | None,
        cells: list[Cell],
        head: Head,
        auxiliary: nn.Module | None = None,
        auxiliary_after: int = 0,
    ) -> None:
        super().__init__()
        self.stem, self.second_stem = stem, second_stem
        self.cells, self.head = nn.ModuleList(cells), head
        self.auxiliary, self.auxiliary_after = auxiliary, auxiliary_after

    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor:
        """(B, C, H, W) to (B, classes) logits."""
        return self.scores(x, gates)[0]

    def scores(self, x: Tensor, gates: Gates | None = None) -> tuple[Tensor, Tensor | None]:
        """The logits, and in training those of the auxiliary head if there is one."""
        before = self.stem(x.contiguous(memory_format=torch.channels_last))
        last = before if self.second_stem is None else self.second_stem(before)
        second: Tensor | None = None
        for number, cell in enumerate(self.cells):
            before, last = last, cell(before, last, gates)
            if self.auxiliary is not None and self.training and number == self.auxiliary_after:
                second = self.auxiliary(last)
        return self.head(last), second


def require_even(size: tuple[int, int], halvings: int, space: str) -> None:
    """Raise UserError unless both axes can be halved this many times without a remainder."""
    if any(s % 2**halvings or s < 2**halvings for s in size):
        raise UserError(
            f"space {space}: an input of {size[0]}x{size[1]} cannot be halved {halvings} times",
            hint=f"Height and width must be multiples of {2**halvings}, for example 32x32.",
        )
