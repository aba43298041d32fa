"""MergeNAS: one kernel per edge for all convolutions (Wang et al., IJCAI 2020, doi:10.24963/ijcai.2020/424).

A supernet with separate weights for every candidate has far too many. Here the convolutions of an edge
share one kernel, of which each uses the positions of a fixed mask; because convolution is linear, their
weighted sum is a single convolution, and an edge costs little more than its largest operation. The rest
is DARTS.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from audionas.core.arch import Choice
from audionas.methods._bilevel import Bilevel
from audionas.nn.edge import Edge, Gate, MixedEdge
from audionas.nn.merged import FOLDED, MergedConv, convolutions, obstacle
from audionas.nn.ops import OPS, OpShape
from audionas.spaces._base import Space


class MergedEdge(MixedEdge):
    """One convolution for all convolutions among the options; the other options as usual.

    With `merge_free`, skip and average pool are merged too where the shape stays. `ops` holds the others.
    """

    def __init__(self, choice: Choice, shape: OpShape, *, merge_free: bool = False) -> None:
        folded = tuple(o for o in choice.options if o in FOLDED and shape.keeps) if merge_free else ()
        inside = {*convolutions(choice.options), *folded}
        super().__init__(choice, shape, tuple(o for o in choice.options if o not in inside))
        self.merged = MergedConv(choice.options, shape, folded=folded)

    def mix(self, x: Tensor, gate: Gate, extra: Mapping[str, float]) -> Tensor:
        """The merged convolution, if any of its options runs, and the weighted sum of the others."""
        options = self.choice.options
        active = tuple(range(len(options))) if gate.active is None else gate.active
        outside = tuple(i for i in active if options[i] in self.ops)
        if len(outside) == len(active):
            return super().mix(x, gate, extra)
        merged: Tensor = self.merged(x, gate)
        adding = tuple(i for i in outside if OPS[options[i]].kind != "none")
        return merged + super().mix(x, gate._replace(active=adding), extra) if adding else merged


@dataclass(kw_only=True)
class MergeNas(Bilevel):
    """The settings are those of DARTS: the paper's are not known.

    An edge has one depthwise kernel, large enough for its largest option (9 x 9 in DARTS' space), one
    1x1 convolution and one batch norm, where DARTS has several of each, and applies separable
    convolutions once; in NAS-Bench-201 it has one dense 3 x 3 kernel. The weights are a softmax over all
    options. The final network's operations are the usual ones and inherit nothing.

    `merge_free` also merges skip and average pool, which are convolutions with fixed kernels where neither
    resolution nor channels change: with zeros counted at the border, of the rectified input and before
    the single batch norm, so that they differ slightly from the final network's. Strided ones, whose skip
    has its own weights, and maximum pools are never merged. The kernel is then dense, and expensive.

    It refuses spaces whose convolutions are not parts of one kernel: blocks with a non-linearity
    inside (`tc_`, `mb_`, `mbf_`, `mbs_`), and separable beside dense ones.
    """

    paper: ClassVar[str] = "MergeNAS: Merge Operations into One for Differentiable Architecture Search"

    merge_free: bool = False

    def refuses(self, space: Space) -> str:
        """The reason why convolutions cannot share a kernel, or `merge_free` has nothing to merge."""
        for choice in space.choices():
            if why := obstacle(choice.options):
                return why
        if self.merge_free and not any(o in FOLDED for c in space.choices() for o in c.options):
            return "it has neither skip nor average pool that merge_free could merge"
        return ""

    def fill(self, choice: Choice, shape: OpShape) -> Edge:
        """An edge with one kernel, if it has convolutions at all."""
        if not convolutions(choice.options):
            return MixedEdge(choice, shape)
        return MergedEdge(choice, shape, merge_free=self.merge_free)
