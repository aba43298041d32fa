"""Random search: networks drawn uniformly, none twice, each scored: the baseline of every searcher.

It is not the method `random`, which draws one network without scoring, nor `random_nas`, which trains a
supernet.
"""

from dataclasses import dataclass
from typing import ClassVar

from audionas.core.rng import numpy_rng
from audionas.searchers._base import BATCH, Evaluate, Problem, Searcher
from audionas.searchers._vectors import distinct
from audionas.spaces._base import Space


@dataclass(frozen=True, kw_only=True)
class Random(Searcher):
    """`networks` draws, those above a limit included; all networks of a space that has fewer."""

    paper: ClassVar[str] = "Random Search and Reproducibility for Neural Architecture Search"
    arxiv: ClassVar[str] = "1902.07638"

    networks: int = 1000

    def problems(self) -> list[str]:
        """The problems of the fields, the count of networks included."""
        return [*super().problems(), *self.at_least_one("networks")]

    def budget(self, space: Space) -> int:
        """The number of draws."""
        return min(self.networks, space.size())

    def run(self, problem: Problem, evaluate: Evaluate) -> None:
        """Draw, then request the scores."""
        specs = distinct(problem, self.networks, numpy_rng(problem.seed, "searcher", "random"))
        for start in range(0, len(specs), BATCH):
            evaluate(specs[start : start + BATCH])
