"""PC-DARTS: only a part of the channels is searched (Xu et al., ICLR 2020, arXiv:1907.05737).

An edge sends the first 1/k of its channels through the candidate operations and the others through a bypass,
so that a search keeps far fewer activations and can use larger batches. The channels are then shuffled, so
that each passes through the operations of some edge. Because fewer channels make the choice of edges
unstable, the edges into a node are weighted too, by a softmax over separate logits (edge normalisation).
"""

from dataclasses import dataclass
from typing import ClassVar

from audionas.methods._bilevel import Bilevel
from audionas.spaces._base import Space


@dataclass(kw_only=True)
class PcDarts(Bilevel):
    """Defaults are those for CIFAR-10, where alpha rests for 15 of 50 epochs (`warmup: 0.3`); on ImageNet for
    35 of 50 (`warmup: 0.7`).

    `k` is one over the share of searched channels. The sampled channels are always the first, as in the
    official code; the paper's text says at random. `edge_normalization` gives each node of a cell a
    vector `beta/<node>`, which scales the whole output of an edge, bypass included, and compares
    edges when the architecture is derived. In chains no edges compete, so it has no effect.

    An edge is searched with all its channels, without a bypass, where its channels change (most strides of
    the keyword chains), where k does not divide them (with a stride: 2k), or where a causal edge has a
    stride. A space in which no edge is split is searched as in DARTS with edge normalisation, and refused
    where that has no effect either. The supernet's operations are narrower than those of the final network,
    which inherits no weights.
    """

    paper: ClassVar[str] = (
        "PC-DARTS: Partial Channel Connections for Memory-Efficient Differentiable Architecture Search"
    )
    arxiv: ClassVar[str] = "1907.05737"

    alpha_lr: float = 6e-4
    warmup: float = 0.3  # 15 of 50 epochs
    k: int = 4
    edge_normalization: bool = True

    def refuses(self, space: Space) -> str:
        """The reason to refuse a chain in which no edge is split: that would be DARTS."""
        wanted = {"k": self.k > 1, "edge_normalization": self.edge_normalization}
        if any(on and name not in self.idle(space) for name, on in wanted.items()) or not any(
            wanted.values()
        ):
            return super().refuses(space)
        return f"no edge's channels can be split by k={self.k}, and no edges are weighted: it would be darts"
