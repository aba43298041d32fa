"""DrNAS: the Dirichlet draws and their gradient, both regularisers, two stages, channels that widen."""

import pytest
import torch
from torch.distributions import Dirichlet
from torch.nn import functional

from audionas.core.errors import UserError
from audionas.engine import checkpoint
from audionas.methods import concentration, dirichlet
from audionas.methods.dr_nas import DrNas
from audionas.nn.edge import MixedEdge
from audionas.nn.partial import narrows
from tests.invariants._cases import CHAIN, batches, started, steps, variants

ALPHA = torch.tensor([-2.0, -0.3, 0.0, 0.4, 1.5])
CELL = variants("nas_bench_201")[0]


def test_the_mean_of_many_draws_is_b_over_its_sum():
    torch.manual_seed(0)
    b = concentration(ALPHA)
    torch.testing.assert_close(b, (functional.elu(ALPHA) + 1).double(), atol=1e-6, rtol=0)
    drawn = Dirichlet(b.expand(200_000, -1)).rsample()
    assert (drawn.mean(0) - b / b.sum()).abs().max() < 1e-3
    few = torch.stack([dirichlet(ALPHA) for _ in range(500)])
    assert (few.mean(0) - b / b.sum()).abs().max() < 0.05
    assert few.std(0).min() > 0.05


def test_draws_and_gradients_are_finite_where_b_is_small():
    torch.manual_seed(0)
    for low in (-5.0, -50.0):
        alpha = torch.tensor([low, low, 0.1, -torch.inf], requires_grad=True)
        for number in range(20):
            weight = dirichlet(alpha)
            (gradient,) = torch.autograd.grad(weight[number % 3], alpha)
            assert weight[3] == gradient[3] == 0
            assert float(weight.detach().sum()) == pytest.approx(1)
            assert gradient.isfinite().all()


def test_one_option_that_is_left_has_all_the_weight():
    assert dirichlet(torch.tensor([-torch.inf, 0.3])).tolist() == [0, 1]


def test_the_gradient_of_a_draw_is_that_of_the_expectation():
    """The mean of an entry is b_i / sum b: so is the mean of its gradient, within the draws' error."""
    torch.manual_seed(0)
    alpha = ALPHA.clone().requires_grad_()
    share = concentration(alpha)[3] / concentration(alpha).sum()
    (expected,) = torch.autograd.grad(share, alpha)
    draws = Dirichlet(concentration(alpha).expand(20_000, -1)).rsample()[:, 3].mean()
    (found,) = torch.autograd.grad(draws, alpha)
    torch.testing.assert_close(found, expected, atol=5e-3, rtol=0)


@pytest.mark.laws
def test_the_divergence_is_that_of_the_paper_and_pulls_b_to_one():
    method = DrNas(kl=1e-3, alpha_weight_decay=0.0)
    run = started(method, CHAIN, frames=9)
    for alpha in run.alphas.values():
        alpha.data = torch.linspace(-1.0, 1.0, len(alpha))
    found = method.penalty(method.gates("alpha"))
    expected = 0.0
    for alpha in run.alphas.values():
        b, n = concentration(alpha.detach()), len(alpha)
        own = torch.lgamma(b.sum()) - torch.lgamma(b).sum() - torch.lgamma(torch.tensor(float(n)))
        expected += 1e-3 * (own + ((b - 1) * (torch.digamma(b) - torch.digamma(b.sum()))).sum())
    assert float(found.detach()) == pytest.approx(float(expected), rel=1e-6)
    for slope in torch.autograd.grad(found, list(run.alphas.values())):
        assert slope[0] < 0 < slope[-1]  # alpha rises from -1 and falls from 1
    plain = DrNas()
    plain.run = run
    assert float(plain.penalty(method.gates("alpha"))) == 0


def moved(method, run, epoch):
    """Whether alpha and the weights move in a step of an epoch."""
    before = [a.detach().clone() for a in (*run.alphas.values(), next(iter(run.net.parameters())))]
    ((train, valid),) = batches(run.io, 1, seed=epoch, size=4)
    method.on_epoch(epoch)
    before[-1] = next(iter(run.net.parameters())).detach().clone()  # of the second stage's network
    method.step(train, valid, epoch)
    after = [*run.alphas.values(), next(iter(run.net.parameters()))]
    same = [torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    return not any(same[:-1]), not same[-1]


@pytest.mark.laws
def test_alpha_rests_in_the_first_share_of_each_stage():
    method = DrNas(rest=0.5)
    run = started(method, CHAIN, frames=9, dropout=0.0, epochs=9)  # stages of 5 and 4 epochs
    told = [moved(method, run, epoch) for epoch in range(9)]
    assert told == [(a, True) for a in (False, False, True, True, True, False, False, True, True)]


@pytest.mark.laws
@pytest.mark.parametrize("space", [CHAIN, CELL], ids=lambda space: space.name)
def test_halfway_options_thin_out_and_channels_widen(space):
    method = DrNas(rest=0.0)
    run = started(method, space, frames=9, dropout=0.0, epochs=4)
    steps(method, 0, 4)
    assert run.k == 4
    assert not run.alive
    held = {name: alpha.detach().clone() for name, alpha in run.alphas.items()}
    method.on_epoch(2)
    assert run.k == (1 if narrows(started(DrNas(), space, frames=9).net, 2) else 2)
    for choice in space.choices():
        left = run.alive[choice.name]
        assert len(left) == -(-len(choice.options) // 2)
        strongest = {choice.options[i] for i in held[choice.name].topk(len(left)).indices.tolist()}
        assert set(left) == strongest
        assert torch.equal(held[choice.name], run.alphas[choice.name])
        gate = method.gates("weights")[choice.name]
        assert {choice.options[i] for i in gate.active} == set(left)
        assert float(gate.weight.detach().sum()) == pytest.approx(1, abs=1e-6)
    assert method.run.told() == {"k": run.k}


@pytest.mark.laws
def test_widening_keeps_the_function_where_new_channels_are_copies():
    """Every option of an edge, in evaluation mode: copies of its input give copies of its output."""
    method = DrNas(keep=1.0, rest=0.0)
    run = started(method, CELL, dropout=0.0, epochs=2)
    steps(method, 0, 2)
    old = run.net.eval()
    method.on_epoch(1)
    new, grown = run.net.eval(), 0
    for name, one in old.named_modules():
        if isinstance(one, MixedEdge):
            two, x = new.get_submodule(name), torch.randn(2, one.shape.c_in, 4, 4)
            copies = two.shape.c_in // one.shape.c_in
            grown += copies == 2
            for option, op in one.ops.items():
                y = two.ops[option](x.repeat_interleave(copies, 1))
                torch.testing.assert_close(y, op(x).repeat_interleave(copies, 1))
    assert grown


@pytest.mark.laws
def test_a_search_resumes_in_its_second_stage_bit_for_bit(tmp_path):
    ends = []
    for stop in (0, 2, 3):
        method = DrNas()
        run = started(method, CELL, dropout=0.1, epochs=4)
        if stop:
            steps(method, 0, 2 * stop)
            checkpoint.save(tmp_path / str(stop), 1, method.state())
            method = DrNas()
            run = started(method, CELL, dropout=0.1, epochs=4)
            method.restore(checkpoint.load(tmp_path / str(stop)))
        told = steps(method, 2 * stop, 8)
        ends.append((told[-2:], [a.tolist() for a in run.alphas.values()], method.derive(), run.k))
    assert ends[0] == ends[1] == ends[2]
    assert ends[0][-1] == 2


def test_impossible_settings_are_refused_together():
    with pytest.raises(UserError, match="beta_decay has no place in DrNas"):
        DrNas(beta_decay=1.0)
    problems = {"last_k": 8, "keep": 0.0, "rest": 1.0, "kl": -1.0}
    with pytest.raises(UserError) as told:
        DrNas(**problems)
    assert all(name in str(told.value) for name in problems)
