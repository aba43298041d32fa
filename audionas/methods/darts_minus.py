"""DARTS-: a skip beside every edge that fades out (Chu et al., ICLR 2021, arXiv:2009.01027).

A skip wins the softmax partly because it carries the gradient through a deep supernet, not because
the network needs it. Here each edge has an auxiliary skip outside the competition, with a coefficient
that falls to zero over the search: it takes over the first role, and alpha judges the second alone.
The rest is DARTS; the auxiliary skip is dropped when the architecture is derived.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from audionas.core.arch import Choice
from audionas.core.errors import UserError
from audionas.methods._bilevel import Bilevel
from audionas.nn.edge import Edge, Gate, MixedEdge
from audionas.nn.ops import OPS, OpShape
from audionas.spaces._base import Space


class IdentityConv(nn.Module):
    """A 1x1 convolution that begins as the identity, without bias; a space's initialisation skips it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(channels)[:, :, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, F, T) to the same shape."""
        return functional.conv2d(x, self.weight)


class AuxiliaryEdge(MixedEdge):
    """A mixed edge plus `extra["auxiliary"]` times its skip; without that scalar the edge is plain.

    The skip's weights, if it has any, are outside `ops`, and no derived network inherits them.
    """

    def __init__(self, choice: Choice, shape: OpShape, *, auxiliary: Literal["skip", "conv1"]) -> None:
        super().__init__(choice, shape)
        conv = auxiliary == "conv1" and shape.keeps
        self.auxiliary = IdentityConv(shape.c_in) if conv else OPS[skip_of(choice)].make(shape)

    def mix(self, x: Tensor, gate: Gate, extra: Mapping[str, float]) -> Tensor:
        """Compute beta x + the weighted sum (section 3.2)."""
        mixed, beta = super().mix(x, gate, extra), extra.get("auxiliary", 0.0)
        return mixed + beta * self.auxiliary(x) if beta else mixed


def skip_of(choice: Choice) -> str:
    """The choice's own skip; a choice without one gets that of its kind of space."""
    own = (option for option in choice.options if OPS[option].kind == "skip")
    return next(own, "skip_connect" if choice.node else "skip")


@dataclass(kw_only=True)
class DartsMinus(Bilevel):
    """`beta` is the coefficient of the auxiliary skip in the first epoch, `decay` its schedule.

    `linear` is beta (1 - e / E) in epoch e of E, so not quite 0 in the last; `slow_cosine` is
    beta cos(pi e / 2E). `decay: none` keeps it constant, as the official code does if its flag is
    not set. `auxiliary: conv1` is the official code's trainable 1x1 convolution that begins as the
    identity; where the shape changes, both forms are the space's own skip (a factorised reduction in
    cells). Runs on every space.
    """

    paper: ClassVar[str] = "DARTS-: Robustly Stepping out of Performance Collapse Without Indicators"
    arxiv: ClassVar[str] = "2009.01027"

    beta: float = 1.0
    decay: Literal["linear", "cosine", "slow_cosine", "none"] = "linear"
    auxiliary: Literal["skip", "conv1"] = "skip"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.beta < math.inf:
            raise UserError(f"beta is {self.beta}, expected 0 or a positive number")

    def idle(self, space: Space) -> Mapping[str, str]:
        """The form of an auxiliary skip that is off."""
        off = ("decay", "auxiliary") if self.beta == 0 else ()
        return {**super().idle(space), **dict.fromkeys(off, "beta is 0: no edge has an auxiliary skip")}

    def fill(self, choice: Choice, shape: OpShape) -> Edge:
        """An edge with an auxiliary skip; with `beta: 0` a plain edge, for a search that equals DARTS."""
        if self.beta == 0:
            return MixedEdge(choice, shape)
        return AuxiliaryEdge(choice, shape, auxiliary=self.auxiliary)

    def extra(self) -> Mapping[str, float]:
        """The coefficient in this epoch."""
        part = self.run.epoch / self.run.epochs
        left = {
            "linear": 1 - part,
            "cosine": (1 + math.cos(math.pi * part)) / 2,
            "slow_cosine": math.cos(math.pi * part / 2),
            "none": 1.0,
        }
        return {"auxiliary": self.beta * left[self.decay]}
