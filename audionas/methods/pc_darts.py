"""PC-DARTS: only a part of the channels is searched (Xu et al., ICLR 2020, arXiv:1907.05737).

An edge sends the first 1/k of its channels through the candidate operations and the others through a bypass,
so that a search keeps far fewer activations and can use larger batches. The channels are then shuffled, so
that each passes through the operations of some edge. Because fewer channels make the choice of edges
unstable, the edges into a node are weighted too, by a softmax over separate logits (edge normalisation).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from audionas.core.arch import ArchSpec, Choice, InputSpec
from audionas.core.errors import UserError
from audionas.core.rng import torch_rng
from audionas.cost.table import What
from audionas.methods._base import Phase
from audionas.methods._bilevel import Bilevel
from audionas.methods._price import displaced, price_of, slope_of
from audionas.nn.edge import Edge, Gate, Gates, MixedEdge
from audionas.nn.ops import OpShape
from audionas.spaces._base import Space, present


def shuffle(x: Tensor, groups: int) -> Tensor:
    """Interleave the channels of `groups` equal groups of (B, C, H, W); C / groups undoes it."""
    rows = x.permute(0, 2, 3, 1)  # stays in channels_last memory
    last = rows.reshape(*rows.shape[:3], groups, -1)
    return last.transpose(-1, -2).flatten(-2).permute(0, 3, 1, 2)


def parts(shape: OpShape, k: int) -> int:
    """The number of parts into which an edge's channels can be split: `k`, or 1 where that is impossible.

    It is impossible where channels change, where k does not divide them (a strided edge needs an even part,
    which a factorized reduction can halve), and where the pool of the bypass would look ahead.
    """
    strided = shape.stride != (1, 1)
    cut = shape.c_in == shape.c_out and shape.c_in % (2 * k if strided else k) == 0
    return k if cut and not (strided and shape.causal) else 1


class PartialEdge(MixedEdge):
    """The first of `k` parts of the channels goes through the options, the others through a bypass.

    If the edge has a stride, the bypass is max-pooled with a window of the stride's size. `shape` is that of
    the options: they have C / k channels.
    """

    def __init__(self, choice: Choice, shape: OpShape, *, k: int) -> None:
        k = parts(shape, k)
        super().__init__(choice, shape._replace(c_in=shape.c_in // k, c_out=shape.c_out // k))
        self.k = k
        strided = k > 1 and shape.stride != (1, 1)
        self.bypass = nn.MaxPool2d(shape.stride, ceil_mode=True) if strided else nn.Identity()

    def mix(self, x: Tensor, gate: Gate, extra: Mapping[str, float]) -> Tensor:
        """The weighted sum on the first C / k channels beside the bypass, shuffled."""
        if self.k == 1:
            return super().mix(x, gate, extra)
        c = self.shape.c_in
        mixed = super().mix(x[:, :c], gate, extra)
        return shuffle(torch.cat([mixed, self.bypass(x[:, c:])], dim=1), self.k)


@dataclass(kw_only=True)
class PcDarts(Bilevel):
    """Defaults are those for CIFAR-10, where alpha rests for 15 of 50 epochs: set `warmup_epochs` for less.

    `k` is one over the share of searched channels. The sampled channels are always the first, as in the
    official code; the paper's text says at random. `edge_normalization` gives each node of a cell a
    vector `beta/<node>`, which scales the whole output of an edge, bypass included, and compares
    edges when the architecture is derived. In chains no edges compete, so it has no effect.

    An edge is searched with all its channels, without a bypass, where its channels change (most strides of
    the keyword chains), where k does not divide them (with a stride: 2k), or where a causal edge has a
    stride. A space in which no edge is split is searched as in DARTS with edge normalisation, and refused
    where that has no effect either. The
    supernet's operations are narrower than those of the final network, which inherits no weights.
    """

    paper: ClassVar[str] = (
        "PC-DARTS: Partial Channel Connections for Memory-Efficient Differentiable Architecture Search"
    )
    arxiv: ClassVar[str] = "1907.05737"

    alpha_lr: float = 6e-4
    warmup_epochs: int = 15
    k: int = 4
    edge_normalization: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.k < 1:
            raise UserError(f"k is {self.k}, expected 1 or more: 1/k of the channels are searched")

    def refuses(self, space: Space) -> str:
        """The reason to refuse a chain in which no edge is split: that would be DARTS."""
        if any(edges[0].node for edges in space.nodes()) and self.edge_normalization:
            return ""
        with torch.device("meta"):
            net = space.supernet(
                self.fill, InputSpec(1 if space.features else 3, 64, 64, 2)
            )  # channels do not depend on the input
        if any(isinstance(edge, PartialEdge) and edge.k > 1 for edge in net.modules()):
            return ""
        return f"no edge's channels can be split by k={self.k}, and no edges are weighted: it would be darts"

    def idle(self, space: Space) -> Mapping[str, str]:
        """The weights of edges, where none compete."""
        nodes = any(edges[0].node for edges in space.nodes())
        return {} if nodes else {"edge_normalization": "no edges compete in a chain"}

    def fill(self, choice: Choice, shape: OpShape) -> Edge:
        """An edge with fewer searched channels."""
        return PartialEdge(choice, shape, k=self.k)

    def init_alphas(self) -> dict[str, Tensor]:
        """DARTS' logits, and 1e-3 N(0, 1) logits (edges,) per node, in the order of its edges."""
        betas = {
            f"beta/{node}": 1e-3 * torch.randn(len(edges), generator=torch_rng(self.run.seed, "beta", node))
            for node, edges in self._nodes().items()
        }
        return {**super().init_alphas(), **betas}

    def gates(self, phase: Phase) -> Gates:
        """DARTS' gates, scaled by the softmax of beta over the edges of a node."""
        gates, shares = super().gates(phase), self.shares(self.run.device)
        return Gates({n: gate._replace(scale=shares.get(n)) for n, gate in gates.items()}, gates.extra)

    def shares(self, device: torch.device | None = None) -> dict[str, Tensor]:
        """Each edge's share of its node, by the choice's name, as a scalar differentiable in beta."""
        found: dict[str, Tensor] = {}
        for node, edges in self._nodes().items():
            shares = self.run.alphas[f"beta/{node}"].softmax(-1).to(device)
            found |= dict(zip((choice.name for choice in edges), shares.unbind(), strict=True))
        return found

    def scores(self) -> dict[str, dict[str, float]]:
        """An option's probability times its edge's share."""
        with torch.no_grad():
            shares = {name: float(share) for name, share in self.shares().items()}
        return {
            name: {option: p * shares.get(name, 1.0) for option, p in options.items()}
            for name, options in self.probabilities().items()
        }

    def slopes(self, spec: ArchSpec, what: What) -> dict[str, Tensor]:
        """The slopes along alpha, and along beta as edges enter and leave."""
        found, scores = super().slopes(spec, what), self.scores()
        for node, edges in self._nodes().items() if self.run.space.inputs else ():
            best = {c.name: max(present(c), key=scores[c.name].__getitem__) for c in edges}
            paid = [price_of(self.run.costs, *pair, what) for pair in best.items()]
            strength = torch.tensor([scores[name][option] for name, option in best.items()])
            beta = self.run.alphas[f"beta/{node}"].detach()
            change = displaced(torch.tensor(paid, dtype=torch.float64), strength, self.run.space.inputs)
            found[f"beta/{node}"] = slope_of(beta.softmax(0).tolist()) * change
        return found

    def _nodes(self) -> dict[str, list[Choice]]:
        """The nodes whose edges are weighted, by name."""
        wanted = [edges for edges in self.run.space.nodes() if self.edge_normalization and edges[0].node]
        return {edges[0].node: edges for edges in wanted}
