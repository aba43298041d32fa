"""SPOS: one uniformly drawn path per update (Guo et al., ECCV 2020, arXiv:1904.00420).

Each batch trains one network of a supernet, drawn uniformly, so that shared weights do not adapt
to one another. Afterwards networks inherit its weights, get their own batch-norm statistics and are
compared without training; the paper searches them by evolution.

In spaces of widths a few networks per update train better: the sandwich rule and in-place distillation of
BigNAS (Yu et al., ECCV 2020, arXiv:2003.11142, section 3.1), which are those of universally slimmable
networks (Yu and Huang, ICCV 2019, arXiv:1903.05134, Algorithm 1).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from audionas.core.errors import UserError, hold
from audionas.core.rng import numpy_rng
from audionas.methods._base import SearchRun, require_reachable
from audionas.methods._one_shot import Loss, OneShot, Route
from audionas.methods.random import Limit
from audionas.spaces._base import Space

_DRAWS = 10_000
_ALONE = "an update trains one path"


class InPlace:
    """The losses of an update's paths: of the first by the labels, of the others by the first's softmax."""

    def __init__(self, criterion: Loss) -> None:
        self.criterion = criterion
        self.target: Tensor | None = None

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of (B, classes) logits; called in the order of the paths."""
        if self.target is not None:
            return self.criterion(logits, self.target)
        self.target = logits.detach().softmax(1)
        return self.criterion(logits, labels)


@dataclass(kw_only=True)
class Spos(OneShot):
    """`limit` bounds the cost of the paths: draws are repeated until one satisfies it.

    The official code first draws a range of costs and then a path inside it, so that costs are spread evenly
    up to the bound; here paths below the bound are uniform, as in the paper.

    With `sandwich` above 0, an update trains the network with the most multiply-adds, the one with the
    fewest, and as many random ones; their gradients are added up. BigNAS has 2. With `in_place` only the
    largest sees the labels: its softmax, without a gradient, is the target of the others. The largest keeps
    no limit, so that a sandwich has none.
    """

    paper: ClassVar[str] = "Single Path One-Shot Neural Architecture Search with Uniform Sampling"
    arxiv: ClassVar[str] = "1904.00420"
    slims: ClassVar[bool] = True

    limit: Limit | None = None
    sandwich: int = 0
    in_place: bool = False

    def __post_init__(self) -> None:
        """Refuse impossible settings, all of them at once."""
        super().__post_init__()
        hold(
            (self.sandwich >= 0, f"sandwich is {self.sandwich}, expected 0 (off) or a number of networks"),
            (
                not self.sandwich or self.limit is None,
                "sandwich trains the largest network of the space, which keeps no limit: remove method.limit",
            ),
        )

    def setup(self, run: SearchRun) -> None:
        """Take a run; refuse a limit that no network of the space satisfies."""
        super().setup(run)
        if self.limit is not None:
            require_reachable(run, self.limit.name, self.limit.most, "method.limit.most")

    def idle(self, space: Space) -> Mapping[str, str]:
        """The settings of several paths, where an update has one."""
        return {} if self.sandwich else dict.fromkeys(("shared_gradients", "in_place"), _ALONE)

    def paths(self) -> Sequence[Route]:
        """The path of the next update; of a sandwich the largest, the smallest and the random ones."""
        rng = numpy_rng(self.run.seed, "spos", self.run.steps)
        if not self.sandwich:
            return [self._drawn(rng)]
        smallest, largest = self.run.costs.extremes(self.run.space, "macs")
        return [largest, smallest, *(self._drawn(rng) for _ in range(self.sandwich))]

    def losses(self) -> Loss:
        """The labels' loss for all paths, or for the first alone, which then teaches the others."""
        return InPlace(self.run.criterion) if self.in_place else super().losses()

    def _drawn(self, rng: np.random.Generator) -> Route:
        run = self.run
        for _ in range(_DRAWS):
            spec = run.space.sample(rng, run.io)
            if self.limit is None or run.costs.of(spec, self.limit.name) <= self.limit.most:
                return spec.choices
        assert self.limit is not None
        raise UserError(
            f"method.limit: none of {_DRAWS:,} random paths has {self.limit.name} <= {self.limit.most:g}",
            hint="Raise method.limit.most, or narrow the space: space.width=0.75",
        )
