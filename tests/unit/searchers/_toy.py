"""Spaces small enough to enumerate, scored by formulas, and a record of what a searcher asks."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from audionas.core.arch import ArchSpec, Choice, InputSpec
from audionas.nn.edge import EdgeFactory
from audionas.searchers import CHEAP, Problem, Score, Scored, Searcher
from audionas.spaces import BuildSize, Space

IO = InputSpec(1, 40, 98, 12)
OPTIONS = ("a", "b", "c", "d", "e", "f")
GAINS = (0, 3, 7, 4, 9, 1)  # by option, in no order
COSTS = (1, 2, 6, 9, 7, 3)


@dataclass(frozen=True, kw_only=True)
class Toy(Space):
    """Four choices of six options; nothing is ever built."""

    def choices(self) -> tuple[Choice, ...]:
        return tuple(Choice(f"layer{i}", OPTIONS) for i in range(4))

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class ToyCell(Space):
    """Two nodes that keep two of two and two of three edges: 4 * 12 cells."""

    inputs: ClassVar[int] = 2

    def choices(self) -> tuple[Choice, ...]:
        options = ("none", "skip_connect", "sep_conv_3x3")
        edges = [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2)]
        return tuple(Choice(f"{node}_{source}", options, node=str(node), least=0) for node, source in edges)

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        raise NotImplementedError


def problem(seed: int = 0, space: Space | None = None) -> Problem:
    space = space or Toy()
    return Problem(space, IO, space.sizes, seed)


def values(spec: ArchSpec) -> dict[str, float]:
    """Layers weigh differently, and two different options in a row do better than equal ones."""
    places = [OPTIONS.index(taken[0]) for taken in spec.choices.values()]
    gain = sum((1 + 0.3 * i) * GAINS[place] for i, place in enumerate(places))
    gain += sum(2.0 for one, two in itertools.pairwise(places) if one != two)
    cost = sum((1 + 0.7 * i) * COSTS[place] for i, place in enumerate(places))
    return {"accuracy": gain / 100, "macs": cost, "params": cost * gain}


class Evaluator:
    """Scores as a supernet would, and remembers what it was asked: `batches`, `asked`, `scored`."""

    def __init__(self, searcher: Searcher, of=values) -> None:
        self.searcher, self.of = searcher, of
        self.batches: list[int] = []
        self.scored: list[Scored] = []

    def __call__(self, specs: Sequence[ArchSpec]) -> list[Score]:
        scores = [self.score(spec) for spec in specs]
        self.batches.append(len(specs))
        self.scored += map(Scored, specs, scores)
        return scores

    def score(self, spec: ArchSpec) -> Score:
        found = self.of(spec)
        above = self.searcher.violation(found)
        return Score({k: found[k] for k in found if k in CHEAP}, above) if above else Score(found)

    @property
    def asked(self) -> list[ArchSpec]:
        return [one.spec for one in self.scored]


def ran(searcher: Searcher, seed: int = 0, space: Space | None = None, of=values) -> Evaluator:
    """What a search asked."""
    evaluate = Evaluator(searcher, of)
    searcher.run(problem(seed, space), evaluate)
    return evaluate
