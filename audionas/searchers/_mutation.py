"""Mutation of children after crossover: each choice is resampled with a probability."""

from typing import NamedTuple

import numpy as np

from audionas.searchers._vectors import Vectors


class Generation(NamedTuple):
    """Scored networks: vectors (n, positions), points to minimise (n, objectives), violations (n,)."""

    vectors: np.ndarray
    points: np.ndarray
    violations: np.ndarray


class Mutation:
    """Uniform mutation to any other option. An instance serves one search."""

    def __init__(self, vectors: Vectors, probability: float | None) -> None:
        """Resample each choice with `probability`; None: one over the number of choices."""
        self.vectors = vectors
        self.probability = 1 / len(vectors.choices) if probability is None else probability
        self.uniform = vectors.allowed.astype(float)

    def __call__(self, children: np.ndarray, population: Generation, rng: np.random.Generator) -> np.ndarray:
        """Mutate (n, positions) vectors of architectures, which are repaired where crossover broke them."""
        return np.array([self.child(child, population, rng) for child in children])

    def child(self, child: np.ndarray, population: Generation, rng: np.random.Generator) -> np.ndarray:
        """Mutate one of them."""
        return self.vectors.resample(child, self.where(rng), self.uniform, rng)[0]

    def where(self, rng: np.random.Generator) -> np.ndarray:
        """The mask (positions,) of choices to resample."""
        return rng.random(len(self.vectors.choices)) < self.probability

    def learn(self, children: Generation, population: Generation) -> None:
        """Learn from children just scored, beside the population of their parents."""
