"""Reinforced evolution: NSGA-II whose mutation is partly learnt by policy gradient.

This is the multi-objective search of FairNAS (arXiv:1907.01845v1) and SCARLET (arXiv:1908.06022v1), as far
as it is known: mutation by a learned policy, guided by a prior, and at random. Unpublished details are ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from audionas.searchers._front import dominates
from audionas.searchers._mutation import Generation, Mutation
from audionas.searchers._vectors import Vectors
from audionas.searchers.nsga2 import Nsga2


@dataclass(frozen=True, kw_only=True)
class Reinforced(Nsga2):
    """A share `learned` of the children is mutated by the policy, a share `prior` by the prior, the rest as
    in NSGA-II. All three resample random choices; they differ in the options drawn.

    The policy is a softmax over the options of each choice: one vector of logits per choice, no network. It
    is trained by REINFORCE with learning rate `rate`. A child's reward is the share of its parents'
    population that it dominates, minus the share that dominates it, within the limits; the baseline is the
    mean of earlier rewards, which fade by `memory` per generation. The prior draws options in proportion
    to their counts in the population, plus one each.
    """

    paper: ClassVar[str] = (
        "FairNAS: Rethinking Evaluation Fairness of Weight Sharing Neural Architecture Search"
    )
    arxiv: ClassVar[str] = "1907.01845"

    breeding: ClassVar[tuple[str, ...]] = (*Nsga2.breeding, "learned", "prior", "rate", "memory")

    learned: float = 0.5
    prior: float = 0.25
    rate: float = 0.2
    memory: float = 0.8

    def problems(self) -> list[str]:
        """The problems of the fields, shares and rates included."""
        found = [*super().problems(), *(wrong := self.shares("learned", "prior", "rate", "memory"))]
        if not wrong and self.prior != Reinforced.prior and self.learned + self.prior > 1:
            found.append(f"learned + prior is {self.learned + self.prior:g}, expected at most 1")
        return found

    def void(self) -> Mapping[str, str]:
        """The settings of a policy that makes no child."""
        idle = dict.fromkeys(("rate", "memory"), "learned is 0: the policy makes no child")
        return {**(idle if self.learned == 0 else {}), **super().void()}

    def mutations(self, vectors: Vectors) -> "ReinforcedMutation":
        """The mixture of the three mutations."""
        return ReinforcedMutation(vectors, self)


class ReinforcedMutation(Mutation):
    """Learned, prior-guided and uniform mutation, mixed."""

    def __init__(self, vectors: Vectors, conf: Reinforced) -> None:
        super().__init__(vectors, conf.mutation)
        self.conf = conf
        self.logits = np.zeros(vectors.allowed.shape)
        self.baseline = 0.0
        self._steps: dict[bytes, np.ndarray] = {}  # by child: the gradient of its mutation's log probability

    def child(self, child: np.ndarray, population: Generation, rng: np.random.Generator) -> np.ndarray:
        """Mutate by one of the three, drawn by their shares."""
        kind, where = rng.random(), self.where(rng)
        if kind < self.conf.learned:
            return self._learned(child, where, rng)
        guided = kind < self.conf.learned + self.conf.prior
        weights = self.counts(population) if guided else self.uniform
        return self.vectors.resample(child, where, weights, rng)[0]

    def policy(self) -> np.ndarray:
        """The softmax (positions, codes) of the logits over the allowed codes."""
        scores = np.where(self.vectors.allowed, self.logits, -np.inf)
        odds = np.exp(scores - scores.max(1, keepdims=True))
        chances: np.ndarray = odds / odds.sum(1, keepdims=True)
        return chances

    def counts(self, population: Generation) -> np.ndarray:
        """The count (positions, codes) of each code in the population, plus one."""
        codes = np.arange(self.uniform.shape[1])
        found: np.ndarray = (population.vectors[:, :, None] == codes).sum(0) + self.uniform
        return found

    def learn(self, children: Generation, population: Generation) -> None:
        """Take one step along the policy gradient of the children that the policy made."""
        theirs = dominates(children.points, children.violations, population.points, population.violations)
        ours = dominates(population.points, population.violations, children.points, children.violations)
        rewards, steps = [], []
        for row, vector in enumerate(children.vectors):
            step = self._steps.get(np.asarray(vector, dtype=np.int64).tobytes())
            if step is not None:
                steps.append(step)
                rewards.append(theirs[row].mean() - ours[:, row].mean())
        self._steps.clear()
        for reward, step in zip(rewards, steps, strict=True):
            self.logits += self.conf.rate * (reward - self.baseline) * step
        if rewards:
            self.baseline += (1 - self.conf.memory) * (float(np.mean(rewards)) - self.baseline)

    def _learned(self, child: np.ndarray, where: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        policy = self.policy()
        mutated, drawn = self.vectors.resample(child, where, policy, rng)
        step = np.zeros_like(self.logits)
        for position, code in drawn:
            chances = policy[position].copy()
            chances[int(child[position])] = 0  # the current code could not be drawn
            step[position] -= chances / chances.sum()
            step[position, code] += 1
        self._steps[mutated.tobytes()] = step
        return mutated
