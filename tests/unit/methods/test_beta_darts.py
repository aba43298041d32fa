"""Beta-DARTS: the regulariser's gradient, its strength over the search, other methods that take it."""

import pytest
import torch

from audionas.core.errors import UserError
from audionas.core.registry import resolve
from audionas.methods import Bilevel
from audionas.methods.beta_darts import BetaDarts
from audionas.methods.darts import Darts
from audionas.methods.fair_darts import FairDarts
from audionas.methods.proxyless_nas import ProxylessNas
from tests.invariants._cases import CHAIN, TRAINED, batches, home, made, started, steps


def test_the_gradient_is_lambda_times_the_softmax_over_the_edges():
    method = BetaDarts()
    run = started(method, CHAIN, frames=9, epochs=100)
    for number, alpha in enumerate(run.alphas.values()):
        alpha.data = torch.linspace(-number, 1.0, len(alpha), dtype=torch.float64)
    run.epoch = 30
    found = torch.autograd.grad(method.penalties(method.gates("alpha")), list(run.alphas.values()))
    for gradient, alpha in zip(found, run.alphas.values(), strict=True):
        expected = 15 * alpha.detach().softmax(0) / len(run.alphas)
        torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-15)


@pytest.mark.laws
def test_at_strength_zero_it_is_darts_bit_for_bit_and_else_not():
    told = []
    for method in (Darts(), BetaDarts(beta_decay=0.0), BetaDarts(), Darts(beta_decay=50.0)):
        run = started(method, CHAIN, frames=9, dropout=0.1)
        told.append((steps(method, 0, 4), [a.tolist() for a in run.alphas.values()]))
    assert told[0] == told[1] != told[2] == told[3]
    assert told[0][0][:2] == told[2][0][:2]  # the first epoch has no term


@pytest.mark.laws
def test_both_orders_have_the_term():
    alphas = {}
    for order in (1, 2):
        for strength in (0.0, 50.0):
            method = Darts(order=order, beta_decay=strength)
            run = started(method, CHAIN, frames=9, epochs=2, dropout=0.0)
            run.epoch = 1
            ((train, valid),) = batches(run.io, 1, seed=0, size=4)
            method.alpha_gradient(valid, train)
            alphas[order, strength] = torch.cat([a.grad for a in run.alphas.values()])
    one, two = (alphas[order, 50.0] - alphas[order, 0.0] for order in (1, 2))
    torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)
    assert one.abs().max() > 0.1


OTHERS = (
    "beta_darts",
    "fair_darts",
    "drop_nas",
    "dr_nas",
    "parsec",
)  # the last moves alpha where all is equal
SOFTMAX = [name for name in TRAINED if issubclass(resolve("method", name), Bilevel) and name not in OTHERS]


@pytest.mark.laws
@pytest.mark.parametrize("name", SOFTMAX)
def test_every_softmax_method_takes_it(name):
    """With the task's loss at rest, every logit falls: Adam makes the steps of all options alike."""
    method = made(name, beta_decay=50.0, alpha_weight_decay=0.0)
    space = home(name)
    run = started(method, space, frames=9, dropout=0.0, epochs=400)
    run.criterion = lambda logits, target: 0.0 * logits.sum()
    before = {choice.name: run.alphas[choice.name].detach().clone() for choice in space.choices()}
    ((train, valid),) = batches(run.io, 1, seed=0, size=4)
    for epoch in (0, 60):
        run.epoch = epoch  # within the first stage, where there are stages
        method.step(train, valid if method.halves else train, epoch)
        moved = [bool((run.alphas[n] < alpha).all()) for n, alpha in before.items()]
        assert all(moved) if epoch else not any(moved)


def test_methods_that_would_lose_it_refuse_it():
    with pytest.raises(UserError, match=r"beta_decay has no place in FairDarts: .*sigmoids"):
        FairDarts(beta_decay=1.0)
    with pytest.raises(UserError, match="beta_decay is -1"):
        BetaDarts(beta_decay=-1.0)
    assert ProxylessNas(beta_decay=1.0).beta_decay == 1.0
