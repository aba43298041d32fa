"""SCARLET: depth is searched with FairNAS, with a linear map on skips during training (arXiv:1908.06022).

Chu et al. The output of a skip differs strongly from that of blocks, and the layer after it has to
serve both: with identities, the paper says, supernets are unstable to train. A 1x1 convolution on each
skip, without bias, norm and activation, adapts its output. It does not change what a network can
represent if a convolution follows (past shortcuts: if it has an inverse), and is dropped when a
network is derived.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from audionas.core.arch import ArchSpec, Choice
from audionas.methods._fold import fold
from audionas.methods.darts_minus import IdentityConv
from audionas.methods.fair_nas import FairNas
from audionas.nn.edge import Edge, MixedEdge
from audionas.nn.ops import OPS, OpShape
from audionas.spaces._base import Space


class StableEdge(MixedEdge):
    """A mixed edge whose identities are 1x1 convolutions; skips that change the shape stay as they are."""

    def __init__(self, choice: Choice, shape: OpShape, *, init: Literal["random", "identity"]) -> None:
        super().__init__(choice, shape)
        for option in choice.options:
            if OPS[option].kind == "skip" and shape.keeps:
                random = init == "random"
                c = shape.c_in
                self.ops[option] = nn.Conv2d(c, c, 1, bias=False) if random else IdentityConv(c)


@dataclass(kw_only=True)
class Scarlet(FairNas):
    """FairNAS on spaces with identities. `stabilizer: false` leaves the maps out, for comparison.

    The maps begin at random, like the space's convolutions and as in UniNAS' re-implementation, or
    with `init: identity` as identities. Networks are scored with their maps. A derived network has true
    identities, and inherits its weights (`Space.inherit`) without the maps: it is trained anew, or uses the
    weights from `folded`, with which it computes the same. Refuses spaces without skips.
    """

    paper: ClassVar[str] = (
        "SCARLET-NAS: Bridging the Gap between Stability and Scalability in Weight-sharing "
        "Neural Architecture Search"
    )
    arxiv: ClassVar[str] = "1908.06022"
    slims: ClassVar[bool] = False  # its maps have one width

    stabilizer: bool = True
    init: Literal["random", "identity"] = "random"

    def refuses(self, space: Space) -> str:
        """The reason to refuse a space, fixed depth included."""
        skips = any(OPS[option].kind == "skip" for choice in space.choices() for option in choice.options)
        return super().refuses(space) or (
            ""
            if skips
            else "no layer can be skipped; use preset=depth of kws_mobilenet or asc_mobilenet, "
            "or form=scarlet of mobilenet"
        )

    def idle(self, space: Space) -> Mapping[str, str]:
        """The beginning of maps that are left out."""
        off = {} if self.stabilizer else {"init": "stabilizer is false: there are no maps"}
        return {**super().idle(space), **off}

    def fill(self, choice: Choice, shape: OpShape) -> Edge:
        """An edge with maps on its skips."""
        return StableEdge(choice, shape, init=self.init) if self.stabilizer else MixedEdge(choice, shape)

    def folded(self, spec: ArchSpec) -> dict[str, Tensor]:
        """The weights of `Space.inherit` with the maps of `spec` folded in: the result is the same.

        This holds in evaluation mode. Raises UserError, as `fold` does, where no such weights are known.
        """
        run = self.run
        with torch.device("meta"):
            net = run.space.build(spec, search=True)
        net.load_state_dict(run.space.inherit(run.net, spec), assign=True)
        fold(net, self._maps(spec))
        return dict(net.state_dict())

    def _maps(self, spec: ArchSpec) -> dict[str, Tensor]:
        """The (C, C) matrices at the skips of `spec`, by choice."""
        found = {}
        for edge in self.run.net.modules():
            if isinstance(edge, StableEdge):
                for option in spec.choices[edge.choice.name]:
                    if OPS[option].kind == "skip" and edge.shape.keeps:
                        weight = edge.ops[option].weight
                        assert isinstance(weight, Tensor)
                        found[edge.choice.name] = weight.detach()[:, :, 0, 0]
        return found
