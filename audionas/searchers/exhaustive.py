"""Exhaustive search: every network of a small space, so that its front is the front."""

import itertools
from dataclasses import dataclass

from audionas.core.errors import UserError
from audionas.core.reporter import amount
from audionas.searchers._base import BATCH, Evaluate, Problem, Searcher
from audionas.searchers._vectors import every
from audionas.spaces._base import Space


@dataclass(frozen=True, kw_only=True)
class Exhaustive(Searcher):
    """Scores every network; refuses a space with more than `most`; the default admits NAS-Bench-201."""

    most: int = 20_000

    def problems(self) -> list[str]:
        """The problems of the fields, the count of networks included."""
        return [*super().problems(), *self.at_least_one("most")]

    def budget(self, space: Space) -> int:
        """All networks of the space."""
        return space.size()

    def run(self, problem: Problem, evaluate: Evaluate) -> None:
        """Request all networks; UserError if there are too many."""
        if (size := problem.space.size()) > self.most:
            raise UserError(
                f"searcher exhaustive: {problem.space.name} holds {amount(size, 'network')}, "
                f"more than {self.most:,}",
                hint="Raise searcher.most, or search with searcher.name=nsga2",
            )
        specs = every(problem)
        while some := list(itertools.islice(specs, BATCH)):
            evaluate(some)
