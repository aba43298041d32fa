"""Edge normalisation: the edges into a node are weighted too, by a softmax over logits `beta/<node>`.

Xu et al., ICLR 2020, arXiv:1907.05737. The weight scales the whole output of an edge, and edges are compared
by it when the architecture is derived. Where no edges compete, in chains, there is none.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from audionas.core.arch import Choice
from audionas.core.rng import torch_rng
from audionas.cost.table import What
from audionas.methods._base import SearchRun
from audionas.methods._derive import Scores
from audionas.methods._price import displaced, price_of, slope_of
from audionas.nn.edge import Gates
from audionas.spaces._base import Space, present


def joined(space: Space) -> dict[str, list[Choice]]:
    """The edges that are weighted against each other, by the name of their logits."""
    return {f"beta/{edges[0].node}": edges for edges in space.nodes() if edges[0].node}


def begun(run: SearchRun) -> dict[str, Tensor]:
    """Initial logits 1e-3 N(0, 1), (edges,) per node, in the order of its edges."""
    return {
        name: 1e-3 * torch.randn(len(edges), generator=torch_rng(run.seed, *name.split("/", 1)))
        for name, edges in joined(run.space).items()
    }


def shares(run: SearchRun, device: torch.device | None = None) -> dict[str, Tensor]:
    """Each edge's share of its node, by the choice's name, as a scalar differentiable in beta."""
    found: dict[str, Tensor] = {}
    for name, edges in joined(run.space).items():
        parts = run.alphas[name].softmax(-1).to(device)
        found |= dict(zip((choice.name for choice in edges), parts.unbind(), strict=True))
    return found


def scaled(run: SearchRun, gates: Gates) -> Gates:
    """The gates, each with its edge's share as scale."""
    found = shares(run, run.device)
    return Gates({n: gate._replace(scale=found.get(n)) for n, gate in gates.items()}, gates.extra)


def weighed(run: SearchRun, scores: Scores) -> dict[str, dict[str, float]]:
    """The scores, each times its edge's share."""
    with torch.no_grad():
        found = {name: float(share) for name, share in shares(run).items()}
    return {
        name: {option: p * found.get(name, 1.0) for option, p in options.items()}
        for name, options in scores.items()
    }


def slopes(run: SearchRun, scores: Scores, what: What) -> Mapping[str, Tensor]:
    """The slopes of the price along beta, as edges enter and leave, by the name of the logits."""
    found = {}
    for name, edges in joined(run.space).items() if run.space.inputs else ():
        best = {c.name: max(present(c), key=scores[c.name].__getitem__) for c in edges}
        paid = [price_of(run.costs, *pair, what) for pair in best.items()]
        strength = torch.tensor([scores[edge][option] for edge, option in best.items()])
        change = displaced(torch.tensor(paid, dtype=torch.float64), strength, run.space.inputs)
        found[name] = slope_of(run.alphas[name].detach().softmax(0).tolist()) * change
    return found
