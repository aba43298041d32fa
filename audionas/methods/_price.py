"""The price of a search: the cost of the network that would be derived now, with a gradient to follow.

A relaxed network costs nothing that anyone pays: the sum over all 28 edges of a cell of DARTS is 1.4 times
the cost of the 16 that stay. So the value is the derived network's, which changes only where another one
would be derived; there it has no gradient. The gradient is a surrogate's: along each logit the change of the
cost when its option enters or leaves, times the slope of its share, times the chance that its edge stays.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from audionas.core.arch import ArchSpec
from audionas.cost.graph import layers
from audionas.cost.table import CostTable, Tally, What
from audionas.methods._derive import Scores
from audionas.spaces._base import Space, present

Kept = Mapping[str, tuple[str, ...]]  # the options that stay, by choice


def inclusion(p: Tensor, keep: int) -> Tensor:
    """P(i is among `keep` draws without replacement), with chances in proportion to p; (..., n) to (..., n).

    The first draw is i, or it is some j and i is among keep - 1 draws from the others: two draws give
    p_i + sum over j != i of p_j p_i / (1 - p_j), here without the cancellation of 1 - p_j.
    """
    first = p / p.sum(-1, keepdim=True).clamp_min(torch.finfo(p.dtype).tiny)
    if keep == 1:
        return first
    others = p.unsqueeze(-2) * (1 - torch.eye(p.shape[-1], dtype=p.dtype, device=p.device))
    return first + (first.unsqueeze(-1) * inclusion(others, keep - 1)).sum(-2)


def value(costs: CostTable, space: Space, spec: ArchSpec, what: What) -> float:
    """The cost of the network of `spec`: from the table, which adds up unless a node has no input.

    There the cell's output is narrower; parameters and multiply-adds are then counted on the network itself.
    """
    full = all(any(spec.choices[choice.name] for choice in edges) for edges in space.nodes())
    if full or what == "latency_ms":
        return float(costs.of(spec, what))
    with torch.device("meta"):
        net = space.build(spec)
    total = Tally()
    for layer in layers(net, spec.io):
        total = total.plus(layer)
    return float(getattr(total, what))


def slope_of(shares: Iterable[float]) -> Tensor:
    """p (1 - p), the slope of a softmax or a sigmoid along its own logit, (options,) in double precision."""
    p = torch.tensor(list(shares), dtype=torch.float64)
    return p * (1 - p)


def exchanged(
    costs: CostTable, space: Space, kept: Kept, scores: Scores, what: What, *, inputs: int
) -> dict[str, Tensor]:
    """The change of the cost when an option enters in place of what it displaces, (options,) by choice.

    On an edge that stays it displaces the edge's option, on another one the weakest edge of the node. An
    option that no edge can have (`none`) weakens its edge, for which the next one comes. If nodes keep all
    `inputs` (0), an option displaces nothing on an edge that is absent, and `none` may win.
    """
    found = {}
    for edges in space.nodes():
        best = {c.name: max(present(c), key=scores[c.name].__getitem__) for c in edges}
        taken = {c.name: kept[c.name][0] for c in edges if kept[c.name]}
        paid = {name: price_of(costs, name, option, what) for name, option in (best | taken).items()}
        ranked = sorted(paid, key=lambda name: -scores[name][best[name]])
        weakest = next((paid[name] for name in reversed(ranked) if name in taken), 0.0)
        follows = next((paid[name] for name in ranked if name not in taken), None)
        for choice in edges:
            stays = choice.name in taken
            leaving = paid[choice.name] if stays else weakest if inputs else 0.0
            known = present(choice) if inputs else choice.options
            drained = follows - leaving if stays and follows is not None else 0.0
            change = [
                price_of(costs, choice.name, o, what) - leaving if o in known else drained
                for o in choice.options
            ]
            found[choice.name] = torch.tensor(change, dtype=torch.float64)
    return found


def displaced(costs: Tensor, strength: Tensor, keep: int) -> Tensor:
    """The change of the cost when one of n things enters among the `keep` strongest, or leaves them, (n,)."""
    order = strength.argsort(descending=True, stable=True)
    if keep >= len(order):
        return torch.zeros_like(costs)
    change = costs - costs[order[keep - 1]]
    change[order[:keep]] = costs[order[:keep]] - costs[order[keep]]
    return change


def price_of(costs: CostTable, choice: str, option: str, what: What) -> float:
    """The cost of an option at its choice; nothing if the edge is absent ("")."""
    return float(getattr(costs.options[choice][option], what)) if option else 0.0


def chances(space: Space, scores: Scores) -> dict[str, float]:
    """The probability that an edge stays, where a node keeps few: drawn by the scores of its best options."""
    found = {choice.name: 1.0 for choice in space.choices()}
    for edges in space.nodes() if space.inputs else []:
        best = torch.tensor([max(scores[choice.name].values()) for choice in edges]).clamp_min(0)
        drawn = inclusion(best, space.inputs).tolist()
        found |= {choice.name: p for choice, p in zip(edges, drawn, strict=True)}
    return found
