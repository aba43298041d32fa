"""PARSEC: importance weights, the score function of the prior, weighted gradients one network at a time."""

import itertools
import math
import weakref
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from audionas.core.arch import Choice, InputSpec
from audionas.core.errors import UserError
from audionas.cost.objective import CostPenalty
from audionas.cost.table import table
from audionas.data.batches import Batch
from audionas.engine.optim import Optim
from audionas.methods import SearchRun
from audionas.methods.parsec import Parsec, importance
from audionas.nn.ops import OpShape
from audionas.spaces import Space
from audionas.spaces.darts_cell import DartsCell
from audionas.spaces.kws_tc_resnet import KwsTcResnet
from audionas.spaces.nas_bench_201 import NasBench201
from tests._close import close
from tests.invariants._cases import batches, started

pytestmark = pytest.mark.numeric

CHAIN, CELLS, BENCH = KwsTcResnet(width=0.25, se="none"), DartsCell(), NasBench201()
ERRORS = 4.0  # standard errors that an estimate may lie off: 1 in 16,000


@dataclass(frozen=True, kw_only=True)
class Toy(Space):
    """Two edges in a row, six networks; without batch norm, so that each has one loss on a batch."""

    def choices(self):
        return (
            Choice("first", ("skip_connect", "avg_pool_3x3", "max_pool_3x3")),
            Choice("second", ("skip_connect", "avg_pool_3x3")),
        )

    def network(self, fill, io, scale):
        return Row([fill(choice, OpShape(io.channels, io.channels)) for choice in self.choices()], io)


class Row(nn.Module):
    """The edges, then a fixed linear layer."""

    def __init__(self, edges, io):
        super().__init__()
        self.edges = nn.ModuleList(edges)
        self.head = nn.Linear(io.channels * io.freq * io.frames, io.classes)

    def forward(self, x, gates=None):
        for edge in self.edges:
            x = edge(x, gates)
        return 3.0 * self.head(x.flatten(1))


def toy(**fields):
    """A search over the six networks and a batch of eight examples."""
    space, io = Toy(), InputSpec(2, 4, 4, 3)
    torch.manual_seed(5)
    method = Parsec(**fields)
    run = SearchRun(
        space=space,
        io=io,
        net=space.supernet(method.fill, io).train(),
        costs=table(space, io),
        optim=Optim(lr=0.1),
        epochs=4,
        seed=0,
        device=torch.device("cpu"),
    )
    nn.init.normal_(run.net.head.weight, std=0.2)
    method.setup(run)
    return method, Batch(torch.randn(8, *io[:3]), torch.arange(8) % 3)


def all_losses(method, batch):
    """The loss of each of the six networks, by the options' numbers."""
    run = method.run
    choices = run.space.choices()
    losses = {}
    for picked in itertools.product(*(range(len(c.options)) for c in choices)):
        spec = run.space.spec({c.name: (c.options[i],) for c, i in zip(choices, picked, strict=True)}, run.io)
        with torch.no_grad():
            losses[picked] = float(run.criterion(run.logits(batch.x, run.space.one_hot(spec)), batch.target))
    return losses


def prepared(space=BENCH, **fields):
    method = Parsec(**{"samples": 3, **fields})
    started(method, space, frames=9, dropout=0.0)
    method.on_epoch(0)
    ((train, valid),) = batches(method.run.io, 1, seed=0, size=4)
    return method, train, valid


def test_the_shares_sum_to_one_and_favour_small_losses():
    losses = torch.tensor([0.3, 2.0, 0.1, 0.9])
    for tempering in (0.1, 1.0, 64.0):
        shares = importance(losses, tempering)
        assert float(shares.sum()) == pytest.approx(1)
        assert shares.argsort().tolist() == losses.argsort(descending=True).tolist()
    by_hand = torch.exp(-2 * losses) / torch.exp(-2 * losses).sum()
    torch.testing.assert_close(importance(losses, 2.0), by_hand)
    assert float(importance(losses + 1000, 64.0).sum()) == pytest.approx(1)
    assert float(importance(losses, 64.0)[2]) > 0.99999  # a batch's likelihood: one network takes it all


def test_the_shares_follow_the_networks_in_any_order():
    rng = torch.Generator().manual_seed(0)
    losses, order = torch.rand(8, generator=rng, dtype=torch.float64), torch.randperm(8, generator=rng)
    torch.testing.assert_close(importance(losses[order], 3.0), importance(losses, 3.0)[order])


def test_networks_are_drawn_from_the_prior():
    method, _ = toy()
    method.run.alphas["first"].data = torch.tensor([1.0, 0.0, -1.0])
    torch.manual_seed(0)
    drawn = method._drawn(20_000)
    assert drawn.shape == (20_000, 2)
    for column, name in ((0, "first"), (1, "second")):
        p = method.run.alphas[name].detach().softmax(0)
        found = torch.bincount(drawn[:, column], minlength=len(p)) / len(drawn)
        assert ((found - p).abs() < ERRORS * (p * (1 - p) / len(drawn)).sqrt()).all()


@pytest.mark.laws
@pytest.mark.parametrize("tempering", [1.0, 10.0])
def test_the_priors_gradient_tends_to_that_of_the_marginal_likelihood(tempering):
    """-grad log sum_a p(a) exp(-tempering * loss_a) by enumeration, within the estimator's own error.

    The error of a self-normalised mean of the scores s_a with shares u_a is, for many draws,
    sum_a p(a) (u_a / U)^2 (s_a - mean)^2 / draws with U = sum_a p(a) u_a.
    """
    draws = 3000
    method, batch = toy(samples=draws, tempering=tempering)
    first, second = method.parameters()
    first.data, second.data = torch.tensor([0.5, 0.0, -0.5]), torch.tensor([-0.3, 0.2])
    losses = all_losses(method, batch)
    logp = [first.log_softmax(0)[i] + second.log_softmax(0)[j] for i, j in losses]
    shares = torch.tensor([math.exp(-tempering * loss) for loss in losses.values()])
    marginal = sum(p.exp() * u for p, u in zip(logp, shares, strict=True))
    exact = -torch.cat(torch.autograd.grad(marginal.log(), [first, second], retain_graph=True))
    scores = torch.stack(
        [torch.cat(torch.autograd.grad(p, [first, second], retain_graph=True)) for p in logp]
    )
    p = torch.stack(logp).detach().exp()
    spread = p * (shares / float(marginal.detach())) ** 2
    error = (spread[:, None] * (-scores - exact) ** 2).sum(0).div(draws).sqrt()
    torch.manual_seed(1)
    method.alpha_gradient(batch, batch)
    found = torch.cat([first.grad, second.grad])
    assert ((found - exact).abs() < ERRORS * error + 1e-6).all()
    assert (exact.abs() > 2 * ERRORS * error).any()


@pytest.mark.laws
def test_the_prior_comes_to_the_best_network():
    method, batch = toy(alpha_lr=0.1, samples=4)
    losses = all_losses(method, batch)
    best = min(losses, key=losses.__getitem__)
    torch.manual_seed(0)
    for _ in range(200):
        method.alpha_step(batch, batch)
    held = [max(options.values()) for options in method.probabilities().values()]
    found = method.derive().choices
    wanted = {c.name: (c.options[i],) for c, i in zip(method.run.space.choices(), best, strict=True)}
    assert found == wanted
    assert min(held) > 0.9


@pytest.mark.parametrize("space", [CHAIN, CELLS, BENCH], ids=lambda space: space.name)
def test_the_weights_follow_the_weighted_sum_of_gradients(space):
    method, train, _ = prepared(space, tempering=20.0)
    run = method.run
    torch.manual_seed(2)
    networks = list(method._networks(method._drawn(3)))
    losses = [run.criterion(run.logits(train.x, gates), train.target) for gates in networks]
    shares = importance(torch.stack(losses).detach(), 20.0)
    weights = dict(run.net.named_parameters())
    expected = torch.autograd.grad(
        sum(s * loss for s, loss in zip(shares, losses, strict=True)), weights.values(), allow_unused=True
    )
    torch.manual_seed(2)
    told = method.weight_gradient(train)
    for weight, gradient in zip(weights.values(), expected, strict=True):
        if gradient is None:
            assert weight.grad is None
        else:
            close(weight.grad, gradient, parts=2e-4)  # of sums over 3 networks and a batch: 2e-5 found
    assert float(told["loss"]) == pytest.approx(float(shares @ torch.stack(losses).detach()), rel=1e-5)
    assert 0.34 < float(shares.max()) < 1


def peak_bytes(work):
    """The most bytes kept for backward at one time during `work`."""
    kept, peak = [0], [0]

    class Held:
        def __init__(self, tensor):
            self.tensor, size = tensor, tensor.nbytes
            kept[0] += size
            peak[0] = max(peak[0], kept[0])
            weakref.finalize(self, lambda: kept.__setitem__(0, kept[0] - size))

    with torch.autograd.graph.saved_tensors_hooks(Held, lambda held: held.tensor):
        work()
    return peak[0]


def test_one_network_lives_at_a_time():
    method, train, valid = prepared(CHAIN, samples=6)
    run = method.run
    torch.manual_seed(3)

    def alone(gates):
        return peak_bytes(lambda: run.criterion(run.logits(train.x, gates), train.target).backward())

    largest = max(alone(gates) for gates in method._networks(method._drawn(6)))
    torch.manual_seed(3)
    together = peak_bytes(lambda: method.weight_gradient(train))
    assert largest <= together < 1.02 * largest  # beside it only the weighing of a number
    prior = peak_bytes(lambda: method.alpha_gradient(valid, train))
    assert prior < 0.05 * largest  # losses alone, no network's graph


def test_the_two_steps_draw_networks_of_their_own():
    method, train, valid = prepared(samples=2)
    torch.manual_seed(4)
    told = method.step(train, valid, 0.0)
    assert set(told) == {"loss", "accuracy", "valid_loss", "valid_accuracy"}
    torch.manual_seed(4)
    assert not torch.equal(method._drawn(2), method._drawn(2))


def test_a_cost_is_paid_for_the_prior():
    method, train, valid = prepared(cost=CostPenalty(weight=0.5))
    price = method.cost.penalty(method.price("macs"))
    own = torch.autograd.grad(price, method.parameters())
    grads = []
    for cost in (method.cost, None):
        other, _, _ = prepared(cost=cost)
        torch.manual_seed(5)
        other.alpha_gradient(valid, train)
        grads.append([a.grad for a in other.parameters()])
    for paid, plain, expected in zip(*grads, own, strict=True):
        close(paid - plain, expected, parts=2e-4)  # what is left of two gradients


@pytest.mark.laws
def test_it_begins_uniform():
    method, _, _ = prepared(CELLS)
    assert {p for options in method.probabilities().values() for p in options.values()} == {1 / 8}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [({"samples": 1}, "samples"), ({"tempering": 0.0}, "tempering"), ({"level": "one"}, "level")],
)
def test_settings_without_a_meaning_are_refused(fields, problem):
    with pytest.raises(UserError, match=problem):
        Parsec(**fields)
