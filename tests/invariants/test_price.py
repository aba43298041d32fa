"""What every method pays for a network: the cost of the one that it would derive, and which way it pulls."""

import pytest
import torch

from audionas.core.registry import resolve
from audionas.cost.graph import layers
from audionas.cost.objective import CostPenalty
from audionas.methods import Bilevel, value
from tests.invariants._cases import TRAINED, home, made, pairs, started

BILEVEL = [name for name in TRAINED if issubclass(resolve("method", name), Bilevel)]
SMALL = dict(frames=9, dropout=0.0)
# Where an option that enters feeds other nodes, or skips are limited, a price sees the next exchange only.
PRICED = {"fair_darts-darts_cell": 0.6, "p_darts-darts_cell": 0.9, "p_darts-nas_bench_201": 0.7}
spaced = pytest.mark.parametrize(("name", "space"), pairs(BILEVEL))


SPREADS = [pytest.param(*case.values, 1.0, id=case.id, marks=case.marks) for case in pairs(BILEVEL)]
SPREADS += [  # in chains no edges compete: one space shows what far and near logits do
    pytest.param(*case.values, spread, id=f"{case.id}-{spread}", marks=pytest.mark.laws)
    for spread in (0.001, 3.0)
    for case in pairs(BILEVEL)
    if case.values[1].inputs or case.values[1] == home(case.values[0])
]


@pytest.mark.parametrize(("name", "space", "spread"), SPREADS)
def test_the_price_is_that_of_the_derived_network_and_follows_its_exchanges(name, space, spread):
    """Along logits that are drawn, the gradient has the sign of what the price does when one alone wins."""
    method = made(name, cost=CostPenalty())
    run = started(method, space, **SMALL)
    rng = torch.Generator().manual_seed(2)
    for alpha in run.alphas.values():
        alpha.data = spread * torch.randn(alpha.shape, generator=rng)
    price = method.price("macs")
    spec = method.derive()
    built = space.build(spec, io=run.io) if name != "p_darts" else None  # it prices its last depth
    paid = value(run.costs, space, spec, "macs")
    assert built is None or sum(layer.macs for layer in layers(built, run.io)) == paid
    assert float(price.detach()) == float(torch.tensor(paid))
    slopes = torch.autograd.grad(price, list(run.alphas.values()), materialize_grads=True, allow_unused=True)
    places = [(name, i) for name, alpha in run.alphas.items() for i in range(len(alpha))]
    count = 20 if space == home(name) else 60
    signs, top = [], 3 + max(float(alpha.data.max()) for alpha in run.alphas.values())
    for place in torch.randperm(len(places), generator=rng)[:count].tolist():
        parameter, option = places[place]
        alpha = run.alphas[parameter].data
        before = float(alpha[option])
        alpha[option] = top
        change = value(run.costs, space, method.derive(), "macs") - paid
        alpha[option] = before
        if change:
            slope = float(slopes[list(run.alphas).index(parameter)][option])
            signs.append((slope > 0) - (slope < 0) == (change > 0) - (change < 0))
    least = PRICED.get(f"{name}-{space.name}", 0.95)
    assert len(signs) > count / 6
    assert sum(signs) >= least * len(signs)
