"""NSGA-II (Deb et al., 2002) by pymoo, over vectors of architectures, with plain or weighted crowding.

Weighted crowding is that of FairNAS, SCARLET and MoGA (arXiv:1908.01314): a front is kept dense along the
objectives that matter.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.duplicate import DuplicateElimination
from pymoo.core.evaluator import Evaluator
from pymoo.core.mutation import Mutation as PymooMutation
from pymoo.core.population import Population
from pymoo.core.problem import Problem as PymooProblem
from pymoo.core.termination import NoTermination
from pymoo.operators.crossover.ux import UniformCrossover
from pymoo.operators.survival.rank_and_crowding import RankAndCrowding
from pymoo.operators.survival.rank_and_crowding.metrics import CrowdingDiversity
from pymoo.problems.static import StaticProblem

from audionas.core.rng import numpy_rng, seed_of
from audionas.searchers._base import Evaluate, Problem, Searcher
from audionas.searchers._front import crowding, points, violations
from audionas.searchers._mutation import Generation, Mutation
from audionas.searchers._vectors import Vectors, distinct
from audionas.spaces._base import Space


@dataclass(frozen=True, kw_only=True)
class Nsga2(Searcher):
    """`population` networks are drawn first, then as many children in each of the other `generations`.

    Two parents are crossed with probability `crossover`, each choice going to either child with 1/2; then
    each choice of a child is resampled with probability `mutation` (None: one choice per child on average).
    Options have no order, so resampling takes any other one. Children that were requested before are made
    again; if there are too few new ones, the generation is smaller, and if there are none, the search ends.
    Networks above a limit rank last, by their excess. `weights`, by objective and with sum 1, weigh the
    crowding distance; without them objectives count equally.
    """

    breeding: ClassVar[tuple[str, ...]] = ("crossover", "mutation", "weights")

    paper: ClassVar[str] = "A fast and elitist multiobjective genetic algorithm: NSGA-II"

    population: int = 50
    generations: int = 20
    crossover: float = 0.9
    mutation: float | None = None
    weights: dict[str, float] | None = None

    def problems(self) -> list[str]:
        """The problems of the fields, with counts, probabilities and weights."""
        found = [*super().problems(), *self.at_least_one("population", "generations")]
        found += self.shares("crossover", *(["mutation"] if self.mutation is not None else []))
        return [*found, *self._wrong_weights()]

    def void(self) -> Mapping[str, str]:
        """The settings of children where there are none, and weights of one objective."""
        found = {"weights": "there is one objective"} if len(self.objectives) == 1 else {}
        if self.generations == 1:
            found |= dict.fromkeys(self.breeding, "one generation has no children")
        return {**super().void(), **found}

    def budget(self, space: Space) -> int:
        """The number of networks in all generations, if each is full."""
        return min(self.population * self.generations, space.size())

    def run(self, problem: Problem, evaluate: Evaluate) -> None:
        """Request one generation after another."""
        vectors, seen = Vectors(problem), set[str]()
        mutation = self.mutations(vectors)
        algorithm = self._algorithm(vectors, mutation, seen)
        for generation in range(self.generations):
            children = algorithm.ask()
            if children is None:
                return
            specs = [vectors.spec(vector) for vector in children.get("X")]
            seen.update(spec.id for spec in specs)
            scores = evaluate(specs)
            known = {"F": points(scores, self.objectives), "G": violations(scores, self.objectives)[:, None]}
            Evaluator().eval(StaticProblem(algorithm.problem, **known), children)
            if generation:  # the first population is drawn, not made
                mutation.learn(_group(children), _group(algorithm.pop))
            algorithm.tell(children)
            if len(seen) == problem.space.size():
                return

    def mutations(self, vectors: Vectors) -> Mutation:
        """The mutation of children; subclasses have their own."""
        return Mutation(vectors, self.mutation)

    def _algorithm(self, vectors: Vectors, mutation: Mutation, seen: set[str]) -> NSGA2:
        """The algorithm, with one random generator, a function of the seed."""
        seed = vectors.problem.seed
        first = distinct(vectors.problem, self.population, numpy_rng(seed, "searcher", "nsga2", "first"))
        weights = None if self.weights is None else [self.weights[name] for name in self.objectives]
        algorithm = NSGA2(
            pop_size=self.population,
            sampling=np.array([vectors.of(spec) for spec in first]),
            crossover=UniformCrossover(prob=self.crossover),
            mutation=_Mutating(mutation),
            survival=RankAndCrowding(crowding_func=_Crowding(weights)),
            eliminate_duplicates=_AskedBefore(vectors, seen),
            output=None,
            termination=NoTermination(),
            seed=seed_of(seed, "searcher", "nsga2"),
        )
        positions, objectives = len(vectors.choices), len(self.objectives)
        algorithm.setup(PymooProblem(n_var=positions, n_obj=objectives, n_ieq_constr=1, vtype=int))
        return algorithm

    def _wrong_weights(self) -> list[str]:
        if self.weights is None:
            return []
        if set(self.weights) != set(self.objectives):
            return [f"weights are for {', '.join(self.weights)}, expected {', '.join(self.objectives)}"]
        total = sum(self.weights.values())
        if not all(weight >= 0 for weight in self.weights.values()) or not math.isclose(total, 1):
            return [f"weights are {self.weights}, expected numbers from 0 that sum to 1, not {total:g}"]
        return []


class _Mutating(PymooMutation):
    """A mutation with pymoo's interface."""

    def __init__(self, mutation: Mutation) -> None:
        super().__init__()
        self.mutation = mutation

    def _do(
        self, problem: Any, X: np.ndarray, *args: Any, algorithm: NSGA2, random_state: Any, **kwargs: Any
    ) -> np.ndarray:
        return self.mutation(X, _group(algorithm.pop), random_state)


class _AskedBefore(DuplicateElimination):
    """Drops children that were requested in any generation, by the architecture's id."""

    def __init__(self, vectors: Vectors, seen: set[str]) -> None:
        super().__init__()
        self.vectors, self.seen = vectors, seen

    def _do(self, pop: Population, other: Population | None, is_duplicate: np.ndarray) -> np.ndarray:
        taken = set(self.seen) if other is None else {self._id(one) for one in other}
        for i, one in enumerate(pop):
            name = self._id(one)
            is_duplicate[i] = name in taken
            if other is None:
                taken.add(name)
        return is_duplicate

    def _id(self, one: Any) -> str:
        return self.vectors.known(one.X).id


class _Crowding(CrowdingDiversity):
    """The crowding distance of `_front`, with pymoo's interface."""

    def __init__(self, weights: list[float] | None) -> None:
        self.weights = weights

    def _do(self, F: np.ndarray, n_remove: int | None = None) -> np.ndarray:
        return crowding(F, self.weights)


def _group(population: Population) -> Generation:
    return Generation(population.get("X"), population.get("F"), np.ravel(population.get("G")))
