"""Exhaustive search: every network of a small space, so that its front is the front."""

import itertools
from dataclasses import dataclass

from audionas.core.errors import UserError
from audionas.searchers._base import BATCH, Evaluate, Problem, Searcher
from audionas.searchers._vectors import every
from audionas.spaces._base import Space


@dataclass(frozen=True, kw_only=True)
class Exhaustive(Searcher):
    """Refuses a space of more than `most` networks; the default admits NAS-Bench-201."""

    most: int = 20_000

    def problems(self) -> list[str]:
        """Also the count of networks."""
        return [*super().problems(), *self.at_least_one("most")]

    def budget(self, space: Space) -> int:
        """All networks of the space."""
        return space.size()

    def run(self, problem: Problem, evaluate: Evaluate) -> None:
        """Ask for all; UserError where they are too many."""
        if (size := problem.space.size()) > self.most:
            raise UserError(
                f"searcher exhaustive: {problem.space.name} holds {size:,} networks, more than {self.most:,}",
                hint="Raise searcher.most, or search with searcher.name=nsga2",
            )
        specs = every(problem)
        while some := list(itertools.islice(specs, BATCH)):
            evaluate(some)
