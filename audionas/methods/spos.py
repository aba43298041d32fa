"""SPOS: one uniformly drawn path per update (Guo et al., ECCV 2020, arXiv:1904.00420).

Each batch trains one network of a supernet, drawn uniformly, so that shared weights do not adapt
to one another. Afterwards networks inherit its weights, get their own batch-norm statistics and are
compared without training; the paper searches them by evolution.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.methods._base import SearchRun, require_reachable
from audionas.methods._one_shot import OneShot, Route
from audionas.methods.random import Limit
from audionas.spaces._base import Space

_DRAWS = 10_000


@dataclass(kw_only=True)
class Spos(OneShot):
    """`limit` bounds the cost of the paths: draws are repeated until one satisfies it.

    The official code first draws a range of costs and then a path inside it, so that costs are spread evenly
    up to the bound; here paths below the bound are uniform, as in the paper.
    """

    paper: ClassVar[str] = "Single Path One-Shot Neural Architecture Search with Uniform Sampling"
    arxiv: ClassVar[str] = "1904.00420"

    slims: ClassVar[bool] = True

    limit: Limit | None = None

    def setup(self, run: SearchRun) -> None:
        """Take a run; refuse a limit that no network of the space satisfies."""
        super().setup(run)
        if self.limit is not None:
            require_reachable(run, self.limit.name, self.limit.most, "method.limit.most")

    def idle(self, space: Space) -> Mapping[str, str]:
        """The sharing of gradients among paths, of which an update has one."""
        return {"shared_gradients": "an update trains one path"}

    def paths(self) -> Sequence[Route]:
        """The path of the next update."""
        run = self.run
        rng = numpy_rng(run.seed, "spos", run.steps)
        for _ in range(_DRAWS):
            spec = run.space.sample(rng, run.io)
            if self.limit is None or run.costs.of(spec, self.limit.name) <= self.limit.most:
                return [spec.choices]
        assert self.limit is not None
        raise UserError(
            f"method.limit: none of {_DRAWS:,} random paths has {self.limit.name} <= {self.limit.most:g}",
            hint="Raise method.limit.most, or narrow the space: space.width=0.75",
        )
