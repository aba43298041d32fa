"""The second-order gradient of DARTS: exact as its finite difference shrinks, around w, over 2 R."""

import copy

import pytest
import torch

from audionas.cost.objective import CostPenalty
from audionas.engine.optim import Optim, set_rate
from audionas.methods import step_ahead
from audionas.methods.darts import Darts
from audionas.spaces.kws_tc_resnet import KwsTcResnet
from audionas.spaces.nas_bench_201 import NasBench201
from tests.invariants._cases import batches, started

CHAIN, BENCH = KwsTcResnet(width=0.25, se="none"), NasBench201()
SMALL = 1e-6  # a finite difference so short that few rectifiers switch within it
RATE = 0.025


def prepared(space=BENCH, *, dropout=0.0, nesterov=False, steps=2, seed=0, **fields):
    """A double precision search after a few weight steps, so that momentum is there; and two batches."""
    method = Darts(order=2, **fields)
    optim = Optim(lr=RATE, weight_decay=0.05, nesterov=nesterov)
    run = started(method, space, frames=25, dropout=dropout, optim=optim, seed=seed)
    run.net.double()
    for alpha in run.alphas.values():
        rng = torch.Generator().manual_seed(4)
        alpha.data = alpha.data.double() + 0.3 * torch.randn(alpha.shape, generator=rng)
    pairs = [
        tuple(batch._replace(x=batch.x.double()) for batch in pair)
        for pair in batches(run.io, steps + 1, seed=seed, size=8)
    ]
    for train, _ in pairs[:-1]:
        method.weight_step(train)
    run.weight_optimizer.zero_grad(set_to_none=True)
    train, valid = pairs[-1]
    return method, valid, train


def gradient(method, valid, train, **fields):
    """All of alpha's gradient as one vector, from the same random state."""
    torch.manual_seed(7)
    asked = copy.copy(method)
    for name, value in fields.items():
        setattr(asked, name, value)
    asked.alpha_gradient(valid, train)
    return torch.cat([alpha.grad for alpha in method.run.alphas.values()]).clone()


def off(found, exact):
    return float((found - exact).norm() / exact.norm())


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("space", [CHAIN, BENCH], ids=lambda space: space.name)
def test_it_equals_double_backward(space, nesterov):
    method, valid, train = prepared(space, nesterov=nesterov)
    exact = gradient(method, valid, train, eps=None)
    assert off(gradient(method, valid, train, eps=SMALL), exact) < 1e-9
    assert off(gradient(method, valid, train, order=1), exact) > 1e-3


def test_the_papers_step_is_not_exact():
    method, valid, train = prepared()
    exact = gradient(method, valid, train, eps=None)
    assert off(gradient(method, valid, train), exact) > 1e-4


def by_hand(method, valid, train, *, around="w", over=lambda difference, radius: difference / (2 * radius)):
    """The formula once more, moving the weights of a copy of the network in place."""
    net, run = copy.deepcopy(method.run.net), method.run
    weights, alphas = list(net.parameters()), list(run.alphas.values())
    start = [w.detach().clone() for w in weights]

    def grads(batch, of):
        loss = run.criterion(net(batch.x, method.gates("alpha")), batch.target)
        return torch.autograd.grad(loss, of, materialize_grads=True, allow_unused=True)

    def put(values):
        for weight, value in zip(weights, values, strict=True):
            weight.data.copy_(value)

    states = [run.weight_optimizer.state[p]["momentum_buffer"] for p in run.net.parameters()]
    slopes = grads(train, weights)
    ahead = [w - RATE * (0.9 * m + g + 0.05 * w) for w, m, g in zip(start, states, slopes, strict=True)]
    put(ahead)
    direct, v = grads(valid, alphas), grads(valid, weights)
    radius = SMALL / torch.cat([t.flatten() for t in v]).norm()
    middle = start if around == "w" else ahead
    sides = []
    for sign in (1, -1):
        put([w + sign * radius * t for w, t in zip(middle, v, strict=True)])
        sides.append(grads(train, alphas))
    products = [over(p - n, radius) for p, n in zip(*sides, strict=True)]
    return torch.cat([d - RATE * h for d, h in zip(direct, products, strict=True)])


@pytest.mark.laws
def test_the_difference_is_taken_around_the_weights_and_over_twice_the_radius():
    """Around w' (early official code) or over 2 * R by precedence (many ports) it is another gradient."""
    method, valid, train = prepared()
    found = gradient(method, valid, train, eps=SMALL)
    assert off(by_hand(method, valid, train), found) < 1e-9
    assert off(by_hand(method, valid, train, around="ahead"), found) > 1e-4
    assert off(by_hand(method, valid, train, over=lambda d, radius: d / 2 * radius), found) > 1e-4


@pytest.mark.parametrize("eps", [SMALL, None])
def test_at_rate_zero_without_a_step_it_is_the_first_order(eps):
    method, valid, train = prepared()
    set_rate(method.run.weight_optimizer, 0.0)
    first = gradient(method, valid, train, order=1)
    assert off(gradient(method, valid, train, eps=eps), first) < 1e-12


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("steps", [0, 2])
def test_thestep_ahead_is_the_one_that_the_weights_take_next(steps, nesterov):
    method, _, train = prepared(CHAIN, dropout=0.5, steps=steps, nesterov=nesterov)
    run = method.run
    torch.manual_seed(3)
    logits = run.logits(train.x, method.gates("alpha"))
    weights = dict(run.net.named_parameters())
    slopes = torch.autograd.grad(run.criterion(logits, train.target), weights.values())
    ahead = step_ahead(run, weights, slopes)
    torch.manual_seed(3)
    method.weight_step(train)
    for name, weight in run.net.named_parameters():
        torch.testing.assert_close(ahead[name], weight.detach(), rtol=1e-12, atol=1e-14)


def test_all_passes_draw_what_the_weight_step_draws_next():
    """Dropout would drown a difference of passes with draws of their own."""
    method, valid, train = prepared(CHAIN, dropout=0.5)
    exact = gradient(method, valid, train, eps=None)
    state = torch.get_rng_state()
    assert off(gradient(method, valid, train, eps=SMALL), exact) < 1e-9
    torch.manual_seed(7)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("eps", [SMALL, None])
def test_it_changes_neither_weights_nor_statistics(eps):
    method, valid, train = prepared()
    run = method.run
    before = {name: t.clone() for name, t in run.net.state_dict().items()}
    momentum = [s["momentum_buffer"].clone() for s in run.weight_optimizer.state.values()]
    gradient(method, valid, train, eps=eps)
    after = run.net.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert any("running_mean" in name for name in before)
    assert all(p.grad is None for p in run.net.parameters())
    states = run.weight_optimizer.state.values()
    assert all(torch.equal(m, s["momentum_buffer"]) for m, s in zip(momentum, states, strict=True))


@pytest.mark.laws
def test_a_cost_adds_its_own_gradient():
    plain, valid, train = prepared()
    paid, _, _ = prepared(cost=CostPenalty(weight=0.5))
    price = paid.cost.penalty(paid.price("macs"))
    own = torch.cat(torch.autograd.grad(price, paid.parameters()))
    added = gradient(paid, valid, train) - gradient(plain, valid, train)
    torch.testing.assert_close(added, own, rtol=1e-6, atol=1e-9)
    assert own.norm() > 1e-3
