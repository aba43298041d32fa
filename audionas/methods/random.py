"""Random search: a network drawn uniformly from the space, the baseline of every comparison.

Li and Talwalkar, UAI 2019, arXiv:1902.07638. Nothing is trained. With `limit`, draws are repeated until
a network satisfies it, so that a search can be compared with chance under the same budget.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from torch import Tensor

from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.core.strict import Strict
from audionas.data.batches import Batch
from audionas.engine.checkpoint import State
from audionas.methods._base import Method, require_reachable

_DRAWS = 100_000


@dataclass(frozen=True, kw_only=True)
class Limit(Strict):
    """A limit of `most` multiply-adds or parameters."""

    name: Literal["macs", "params"] = "macs"
    most: float


@dataclass(kw_only=True)
class Random(Method):
    """One random network; draws depend only on the run's seed."""

    family: ClassVar[str] = "baseline"
    paper: ClassVar[str] = "Random Search and Reproducibility for Neural Architecture Search"
    arxiv: ClassVar[str] = "1902.07638"
    slims: ClassVar[bool] = True
    trains: ClassVar[bool] = False

    limit: Limit | None = None

    def step(self, train: Batch, valid: Batch, progress: float) -> Mapping[str, Tensor | float]:
        """Do nothing: there is nothing to learn."""
        return {}

    def probabilities(self) -> dict[str, dict[str, float]]:
        """Uniform probabilities."""
        return {c.name: dict.fromkeys(c.options, 1 / len(c.options)) for c in self.run.space.choices()}

    def derive(self) -> ArchSpec:
        """The first draw within the limit; UserError if none of 100,000 is."""
        run, rng = self.run, numpy_rng(self.run.seed, "random search")
        if self.limit is not None:
            require_reachable(run, self.limit.name, self.limit.most, "method.limit.most")
        for _ in range(_DRAWS):
            spec = replace(run.space.sample(rng, run.io), scale=dict(run.sizes))
            if self.limit is None or run.costs.of(spec, self.limit.name) <= self.limit.most:
                return spec
        assert self.limit is not None
        raise UserError(
            f"method.limit: none of {_DRAWS} random networks has {self.limit.name} <= {self.limit.most:g}",
            hint="Raise method.limit.most, or narrow the space: space.width=0.75",
        )

    def state(self) -> State:
        """An empty state: there is nothing to remember."""
        return State()

    def restore(self, state: State) -> None:
        """Do nothing: there is nothing to restore."""
