"""Architectures as the integer vectors of `Space.encode`: drawn, resampled, repaired and enumerated.

A position is a choice, its code an option's index, or the number of options for an edge that is absent.
If a node keeps few inputs, drawn and repaired vectors keep exactly that many, as `Space.sample` does.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from audionas.core.arch import ArchSpec
from audionas.searchers._base import Problem
from audionas.spaces._base import present


class Known(NamedTuple):
    """An architecture, its id and its vector, which must not be changed."""

    spec: ArchSpec
    id: str
    vector: np.ndarray


class Vectors:
    """The vectors of a problem's space. `allowed` (positions, codes) marks the codes of each position."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        space, self.choices = problem.space, problem.space.choices()
        width = max(len(choice.options) for choice in self.choices) + 1
        self.allowed = np.zeros((len(self.choices), width), dtype=bool)
        for row, choice in zip(self.allowed, self.choices, strict=True):
            row[[choice.options.index(option) for option in present(choice)]] = True
        place = {choice.name: i for i, choice in enumerate(self.choices)}
        nodes = space.nodes() if space.inputs else []
        self._nodes = [np.array([place[choice.name] for choice in edges]) for edges in nodes]
        self._absent = np.array([len(choice.options) for choice in self.choices])
        for node in self._nodes:
            self.allowed[node, self._absent[node]] = len(node) > space.inputs
        self._known: dict[bytes, Known] = {}

    def known(self, vector: np.ndarray) -> Known:
        """The architecture of a vector, or the nearest valid one."""
        vector = np.asarray(vector, dtype=np.int64)
        if (key := vector.tobytes()) not in self._known:
            pairs = zip(self.choices, vector, strict=True)
            spec = _spec(self.problem, {c.name: c.options[i : i + 1] for c, i in pairs})
            self._known[key] = Known(spec, spec.id, self.of(spec))
        return self._known[key]

    def spec(self, vector: np.ndarray) -> ArchSpec:
        """The architecture at the problem's size."""
        return self.known(vector).spec

    def of(self, spec: ArchSpec) -> np.ndarray:
        """The vector (positions,) of an architecture."""
        return self.problem.space.encode(spec).astype(np.int64)

    def resample(
        self, vector: np.ndarray, where: np.ndarray, weights: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, list[tuple[int, int]]]:
        """`vector` with other codes at the positions of the mask `where`, drawn in proportion to `weights`.

        `weights` is (positions, codes), zero where not allowed; the current code is never drawn.
        Returns the repaired vector, and the draws as (position, code). If no other code has a
        weight, nothing is drawn.
        """
        child, drawn = np.array(vector, dtype=np.int64), []
        for position in np.flatnonzero(where):
            chances = weights[position].copy()
            chances[child[position]] = 0
            if (total := chances.sum()) > 0:
                child[position] = rng.choice(len(chances), p=chances / total)
                drawn.append((int(position), int(child[position])))
        return self.repair(child, rng, fixed=[position for position, _ in drawn]), drawn

    def mutated(self, vector: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """`vector` with one choice resampled, each as likely as the others."""
        where = np.zeros(len(vector), dtype=bool)
        where[rng.integers(len(vector))] = True
        return self.resample(vector, where, self.allowed.astype(float), rng)[0]

    def repair(
        self, vector: np.ndarray, rng: np.random.Generator, fixed: list[int] | None = None
    ) -> np.ndarray:
        """Turn a vector into one of a valid architecture: edges are dropped or added at random if a node has
        too many or too few, those at `fixed` positions last; then the space's own repair is applied.
        """
        repaired = np.array(vector, dtype=np.int64)
        for node in self._nodes:
            order = rng.permutation(node)
            order = order[np.argsort(np.isin(order, fixed or []), kind="stable")]
            standing = repaired[order] < self._absent[order]
            surplus = int(standing.sum()) - self.problem.space.inputs
            for position in order[standing][: max(surplus, 0)]:
                repaired[position] = self._absent[position]
            for position in order[~standing][: max(-surplus, 0)]:
                codes = np.flatnonzero(self.allowed[position, : self._absent[position]])
                repaired[position] = rng.choice(codes)
        return self.known(repaired).vector


def every(problem: Problem) -> Iterator[ArchSpec]:
    """All architectures that `Space.sample` can draw, each once, in the order of choices and options."""
    space, seen = problem.space, set()
    names = [choice.name for choice in space.choices()]
    groups = []
    for edges in space.nodes():
        kept = itertools.combinations(edges, space.inputs or len(edges))
        groups.append(
            [
                dict(zip((c.name for c in some), options, strict=True))
                for some in kept
                for options in itertools.product(*(present(c) for c in some))
            ]
        )
    for parts in itertools.product(*groups):
        taken = {name: option for part in parts for name, option in part.items()}
        spec = _spec(problem, {name: (taken[name],) if name in taken else () for name in names})
        if spec.id not in seen:
            seen.add(spec.id)
            yield spec


def distinct(problem: Problem, count: int, rng: np.random.Generator) -> list[ArchSpec]:
    """`count` architectures drawn uniformly without repetition, or all, shuffled, if the space has fewer.

    A space with less than twice as many is enumerated: draws would mostly be repetitions.
    """
    if problem.space.size() < 2 * count:
        specs = list(every(problem))
        return [specs[i] for i in rng.permutation(len(specs))[:count]]
    found: dict[str, ArchSpec] = {}
    while len(found) < count:
        spec = _sized(problem, problem.space.sample(rng, problem.io))
        found.setdefault(spec.id, spec)
    return list(found.values())


def _spec(problem: Problem, choices: dict[str, tuple[str, ...]]) -> ArchSpec:
    return problem.space.spec(problem.space.repair(choices), problem.io, sizes=problem.sizes)


def _sized(problem: Problem, spec: ArchSpec) -> ArchSpec:
    return replace(spec, scale={**problem.space.sizes, **problem.sizes})
