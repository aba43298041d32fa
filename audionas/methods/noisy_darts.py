"""NoisyDARTS: unbiased noise on skips (Chu and Zhang, arXiv:2005.03566).

Skips win by smooth gradient flow. Small noise with mean zero on their output during the search makes
that flow unreliable without changing its expectation, so skips are kept only where they help. The
rest is DARTS. The noise's standard deviation has no gradient.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from audionas.core.arch import Choice
from audionas.core.errors import UserError
from audionas.methods._bilevel import Bilevel
from audionas.nn._sharing import once
from audionas.nn.edge import Edge, MixedEdge, drop_path
from audionas.nn.ops import OPS, OpShape
from audionas.spaces._base import Space


class NoisyEdge(MixedEdge):
    """A mixed edge whose skips are noisy during training; evaluation is clean.

    `extra["noise"]` scales the noise (its decay over the search), 1 at full strength; gates without it,
    such as those of a derived network, are clean too.
    """

    def __init__(self, choice: Choice, shape: OpShape, *, conf: "NoisyDarts") -> None:
        super().__init__(choice, shape)
        self.conf = conf

    def output(self, option: str, y: Tensor, extra: Mapping[str, float]) -> Tensor:
        """Apply noise, then drop-path, to a skip's output; never in place: `y` may be the edge's input."""
        if self.passes(option) or "noise" not in extra:
            return y
        return drop_path(self.conf.noisy(y, extra["noise"]), self.conf.drop_path)

    def passes(self, option: str) -> bool:
        """True unless it is a skip, in training, that the method's fields disturb."""
        silent = self.conf.std == self.conf.mean == self.conf.drop_path == 0
        return OPS[option].kind != "skip" or not self.training or silent


@dataclass(kw_only=True)
class NoisyDarts(Bilevel):
    """`std` is the paper's lambda: Gaussian noise has lambda times the batch deviation of the output.

    `form: multiplicative` scales by N(1 + mean, std) instead. `noise: uniform` is mean + a U(-1, 1)
    with a = sqrt(3 std), not scaled by the deviation, as in the official code: its variance, not its
    deviation, is `std`. `drop_path: 0.3` adds the drop-path that the official code has fixed on skips and the
    paper does not describe. `decay: cosine` fades the noise out over the search, also where it is
    multiplicative: what fades is the deviation from 1. In the official code the skip itself fades then, as
    it is multiplied by N(mean, std), with mean 1 for an unbiased one, times the decay; and its cosine always
    ends after 50 epochs. Refuses spaces in which no option is a skip (`darts_cell` with preset s4), where it
    would be DARTS.
    """

    paper: ClassVar[str] = "Noisy Differentiable Architecture Search"
    arxiv: ClassVar[str] = "2005.03566"

    noise: Literal["gaussian", "uniform"] = "gaussian"
    form: Literal["additive", "multiplicative"] = "additive"
    std: float = 0.2
    mean: float = 0.0
    decay: Literal["none", "cosine"] = "none"
    drop_path: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.std < math.inf or not 0 <= self.drop_path < 1:
            raise UserError(
                f"std {self.std} must not be negative, drop_path {self.drop_path} must lie in [0, 1)"
            )

    def refuses(self, space: Space) -> str:
        """The reason to refuse a space without skips."""
        skips = any(OPS[option].kind == "skip" for choice in space.choices() for option in choice.options)
        why = "no option is a skip, which is all that noise disturbs: it would be darts"
        return super().refuses(space) if skips else why

    def idle(self, space: Space) -> Mapping[str, str]:
        """The form of a noise that is off."""
        off = ("noise", "form", "decay") if self.std == self.mean == 0 else ()
        return {**super().idle(space), **dict.fromkeys(off, "there is no noise: std and mean are 0")}

    def fill(self, choice: Choice, shape: OpShape) -> Edge:
        """An edge that knows its options' kinds, as noise needs."""
        return NoisyEdge(choice, shape, conf=self)

    def extra(self) -> Mapping[str, float]:
        """The strength of the noise in this epoch."""
        if self.decay == "none":
            return {"noise": 1.0}
        return {"noise": (1 + math.cos(math.pi * self.run.epoch / self.run.epochs)) / 2}

    def noisy(self, y: Tensor, strength: float) -> Tensor:
        """Compute y + eps, or y * (1 + eps): eps has mean `mean` and the deviation described above.

        Without noise nothing is drawn, so that such a search is DARTS bit for bit.
        """
        if self.std == self.mean == 0:
            return y
        if self.noise == "uniform":
            eps = torch.rand_like(y).mul_(2).sub_(1).mul_(strength * math.sqrt(3 * self.std))
        else:
            scale = once(y, "deviation", _deviation) if self.form == "additive" else 1.0
            eps = _normal(y).mul_(strength * self.std * scale)
        if self.mean:
            eps.add_(strength * self.mean)
        return y + eps if self.form == "additive" else y * (1 + eps)


def _deviation(y: Tensor) -> Tensor:
    return y.detach().std()


def _normal(y: Tensor) -> Tensor:
    """Standard normal numbers like `y`, drawn in the order of memory.

    In channels_last memory `torch.randn_like` draws them one by one, which takes several times as long.
    """
    drawn = torch.empty_like(y)
    drawn.as_strided((drawn.numel(),), (1,)).normal_()
    return drawn
