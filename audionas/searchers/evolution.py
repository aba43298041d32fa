"""Regularised evolution: the oldest dies, not the worst (Real et al., AAAI 2019, arXiv:1802.01548).

It has one objective, the first of the section; the others are scored too, so the archive has a front.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from audionas.core.arch import ArchSpec
from audionas.core.rng import numpy_rng
from audionas.searchers._base import Evaluate, Problem, Searcher
from audionas.searchers._front import points, violations
from audionas.searchers._vectors import Vectors, distinct
from audionas.spaces._base import Space

_STEPS = 10_000  # most steps of a walk to a network not requested before; after these, none is left


class Member(NamedTuple):
    """A living network; members are compared by merit, the smaller the better."""

    merit: tuple[float, float]  # violation, objective to minimise
    vector: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Evolution(Searcher):
    """The best of `sample` members, drawn from `population` with repetition as in the paper's algorithm 1,
    has a child with one choice resampled, and the oldest member dies, until `networks` have been requested.

    Among members above a limit the least above it is best, and any within the limits is better. The
    paper's children may be networks seen before; here such a child is resampled until it is new. With
    `children` above 1, that many are made from one population, to be scored side by side.
    """

    paper: ClassVar[str] = "Regularized Evolution for Image Classifier Architecture Search"
    arxiv: ClassVar[str] = "1802.01548"

    population: int = 100
    sample: int = 25
    networks: int = 1000
    children: int = 1

    def problems(self) -> list[str]:
        """The problems of the fields, counts included."""
        return [*super().problems(), *self.at_least_one("population", "sample", "networks", "children")]

    def void(self) -> Mapping[str, str]:
        """The settings of children, where there are none."""
        why = f"networks, {self.networks}, are not more than population: none is a child"
        none = dict.fromkeys(("sample", "children"), why) if self.networks <= self.population else {}
        return {**super().void(), **none}

    def budget(self, space: Space) -> int:
        """The number of requests, the first population included."""
        return min(self.networks, space.size())

    def run(self, problem: Problem, evaluate: Evaluate) -> None:
        """Evolve until `networks` have been requested or nothing new is found."""
        rng, vectors = numpy_rng(problem.seed, "searcher", "evolution"), Vectors(problem)
        specs = distinct(problem, min(self.population, self.networks), rng)
        living: deque[Member] = deque(maxlen=self.population)
        seen: set[str] = set()
        while specs:
            seen.update(spec.id for spec in specs)
            living.extend(self._members(specs, vectors, evaluate))  # which drops the oldest
            specs = []
            while len(specs) < min(self.children, self.networks - len(seen)):
                child = self._child(living, vectors, seen | {spec.id for spec in specs}, rng)
                if child is None:
                    break
                specs.append(child)

    def _members(self, specs: list[ArchSpec], vectors: Vectors, evaluate: Evaluate) -> list[Member]:
        scores = evaluate(specs)
        above, objective = violations(scores, self.objectives), points(scores, self.objectives)[:, 0]
        merits = zip(above.tolist(), objective.tolist(), strict=True)
        return [Member(merit, vectors.of(spec)) for merit, spec in zip(merits, specs, strict=True)]

    def _child(
        self, living: deque[Member], vectors: Vectors, seen: set[str], rng: np.random.Generator
    ) -> ArchSpec | None:
        """A new network one step from the best of a sample, or more steps if needed; None if none is left."""
        drawn = [living[i] for i in rng.integers(len(living), size=self.sample)]
        vector = min(drawn, key=lambda member: member.merit).vector
        for _ in range(_STEPS):
            vector = vectors.mutated(vector, rng)
            if (known := vectors.known(vector)).id not in seen:
                return known.spec
        return None
