"""The loss of a supernet without an option or an edge, and the order in which that is asked."""

from collections.abc import Collection, Iterable
from typing import Literal

import torch

from audionas.core.arch import Choice
from audionas.core.rng import numpy_rng
from audionas.methods import _edge_weights
from audionas.methods._base import SearchRun
from audionas.methods._bilevel import Bilevel
from audionas.methods._score import score_gates
from audionas.nn.edge import Gate, Gates
from audionas.spaces._base import present

Criterion = Literal["accuracy", "loss"]


def order(run: SearchRun) -> list[list[Choice]]:
    """Every choice alone, in an order drawn from the seed, then the edges of each node that has too many."""
    rng, few = numpy_rng(run.seed, "perturbation"), run.space.inputs
    nodes = [edges for edges in run.space.nodes() if 0 < few < len(edges)]
    groups = ([[choice] for choice in run.space.choices()], nodes)
    return [group[number] for group in groups for number in rng.permutation(len(group))]


@torch.no_grad()
def mean_gates(method: Bilevel, absent: Iterable[str] = ()) -> Gates:
    """The gates with the weights that decide, whatever a step would draw, without `absent` edges."""
    run, relax = method.run, method.relax
    gates = {
        choice.name: Gate(relax(run.living(choice)).to(run.device), run.left(choice))
        for choice in run.space.choices()
    }
    found = Gates(gates, method.extra())
    return cut(_edge_weights.scaled(run, found) if method.edge_normalization else found, absent)


def decide(run: SearchRun, gates: Gates, item: list[Choice], criterion: Criterion) -> list[str]:
    """Keep one option of an edge; or return the edges of a node that go."""
    if len(item) > 1:
        return idle_inputs(run, gates, [choice.name for choice in item], run.space.inputs, criterion)
    run.keep({item[0].name: [needed(run, gates, item[0], criterion)]})
    return []


def kept(run: SearchRun, absent: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The options of each choice that are left after all decisions."""
    return {c.name: () if c.name in absent else run.alive[c.name] for c in run.space.choices()}


def needed(run: SearchRun, gates: Gates, choice: Choice, criterion: Criterion) -> str:
    """The option without whose weight the supernet is worst, the first among equals.

    Its weight becomes 0, the others stay as they are. Options that an edge cannot have are never needed.
    """
    gate, left = gates[choice.name], run.alive.get(choice.name, choice.options)

    def without(option: str) -> tuple[float, ...]:
        weight = gate.weight.clone()
        weight[choice.options.index(option)] = 0
        return worth(run, Gates({**gates, choice.name: gate._replace(weight=weight)}, gates.extra), criterion)

    return min((option for option in present(choice) if option in left), key=without)


def idle_inputs(
    run: SearchRun, gates: Gates, edges: Collection[str], keep: int, criterion: Criterion
) -> list[str]:
    """All but `keep` edges of a node: those without which, one at a time, the supernet is best."""
    alone = {edge: worth(run, cut(gates, [edge]), criterion) for edge in edges}
    return sorted(edges, key=alone.__getitem__, reverse=True)[: max(len(edges) - keep, 0)]


def cut(gates: Gates, edges: Iterable[str]) -> Gates:
    """The gates, with these edges absent."""
    return Gates({**gates, **{edge: gates[edge]._replace(active=()) for edge in edges}}, gates.extra)


def worth(run: SearchRun, gates: Gates, criterion: Criterion) -> tuple[float, ...]:
    """The validation score with each batch's statistics, more is better; the loss decides among equals."""
    told = score_gates(run, gates, run.valid(), "batch")
    return (told["accuracy"], -told["loss"]) if criterion == "accuracy" else (-told["loss"],)
