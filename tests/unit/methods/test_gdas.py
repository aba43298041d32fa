"""GDAS: one operation an edge runs, its gate is 1, and the gradient of its soft form reaches every logit."""

import math
from collections import Counter

import pytest
import torch

from audionas.core.errors import UserError
from audionas.engine.optim import Optim
from audionas.methods import concrete, rows, sample
from audionas.methods.gdas import Gdas
from audionas.nn.edge import Edge, Gate, Gates
from audionas.spaces.darts_cell import DartsCell
from audionas.spaces.kws_tc_resnet import KwsTcResnet
from audionas.spaces.nas_bench_201 import NasBench201
from tests._close import close
from tests.invariants._cases import batches, started

CHAIN, CELLS, BENCH = KwsTcResnet(width=0.25, se="none"), DartsCell(preset="no_none"), NasBench201()
SPACES = pytest.mark.parametrize("space", [CHAIN, CELLS, BENCH], ids=lambda space: space.name)
ERRORS = 4.0  # standard errors that a frequency may lie off: 1 in 16,000


def prepared(space=BENCH, *, epochs=4, **fields):
    method = Gdas(**fields)
    optim = Optim(lr=0.1, weight_decay=0.01)
    started(method, space, epochs=epochs, frames=9, dropout=0.0, optim=optim)
    method.on_epoch(0)
    return method


def batch_of(method, seed=0):
    ((train, valid),) = batches(method.run.io, 1, seed=seed, size=4)
    return train, valid


@SPACES
def test_every_edge_runs_exactly_the_drawn_operation(space):
    method = prepared(space)
    ran = Counter()
    for path, edge in method.run.net.named_modules():
        if isinstance(edge, Edge):
            for option, op in edge.ops.items():
                op.register_forward_hook(lambda *_, key=(path, edge.choice.name, option): ran.update([key]))
    gates = method.gates("weights")
    method.run.logits(batch_of(method)[0].x, gates)
    expected = {
        (path, edge.choice.name, edge.choice.options[gates[edge.choice.name].active[0]])
        for path, edge in method.run.net.named_modules()
        if isinstance(edge, Edge)
    }
    assert set(ran) == {key for key in expected if key[2] != "none"}  # zeros need no operation
    assert set(ran.values()) == {1}
    assert {type(i) for gate in gates.values() for i in gate.active} == {int}


@SPACES
def test_a_gate_is_one_for_the_drawn_option_and_zero_for_the_others(space):
    method = prepared(space)
    for choice in space.choices():
        gate = method.gates("alpha")[choice.name]
        assert gate.weight.shape == (len(choice.options),)
        hard = torch.zeros(len(choice.options))
        hard[gate.active[0]] = 1.0
        assert torch.equal(gate.weight.detach(), hard)


@SPACES
def test_every_logit_of_an_edge_that_ran_something_learns(space):
    method = prepared(space)
    torch.manual_seed(0)
    drawn = {n: g.active[0] for n, g in method.gates("alpha").items()}
    torch.manual_seed(0)
    method.alpha_gradient(*batch_of(method))
    for choice in space.choices():
        gradient = method.run.alphas[choice.name].grad
        if choice.options[drawn[choice.name]] == "none":
            assert not gradient.any()
        else:
            assert gradient.count_nonzero() == len(choice.options)
    assert all(p.grad is None for p in method.run.net.parameters())


def test_the_gradient_is_that_of_the_drawn_operation_alone():
    """dL / d alpha_j = <dL / dy, op_k(x)> p_k (delta_jk - p_j) / temperature, with the noisy p."""
    method = prepared(CHAIN, temperature=(3.0, 0.1))
    run, (train, valid) = method.run, batch_of(method)
    torch.manual_seed(5)
    soft = concrete(rows(run), 3.0).detach()
    picked = soft.argmax(-1).tolist()
    leaves = {c.name: torch.ones(len(c.options), requires_grad=True) for c in CHAIN.choices()}
    gates = Gates({n: Gate(w, (k,)) for (n, w), k in zip(leaves.items(), picked, strict=True)})
    run.criterion(run.logits(valid.x, gates), valid.target).backward()
    torch.manual_seed(5)
    method.alpha_gradient(valid, train)
    for choice, p, k in zip(CHAIN.choices(), soft, picked, strict=True):
        p = p[: len(choice.options)]
        assert leaves[choice.name].grad.count_nonzero() == 1
        jacobian = -p[k] * p
        jacobian[k] += p[k]
        expected = leaves[choice.name].grad[k] * jacobian / 3.0
        close(run.alphas[choice.name].grad, expected, parts=1e-4)


@pytest.mark.laws
@SPACES
def test_what_is_not_drawn_does_not_even_decay(space):
    method = prepared(space)
    run = method.run
    for seed in range(3):  # momentum everywhere it can be
        method.weight_step(batch_of(method, seed)[0])
    before = {name: p.detach().clone() for name, p in run.net.named_parameters()}
    torch.manual_seed(1)
    gates = method.gates("weights")
    torch.manual_seed(1)
    method.weight_step(batch_of(method, 4)[0])
    frozen = [
        f"{path}.ops.{option}."
        for path, edge in run.net.named_modules()
        if isinstance(edge, Edge)
        for number, option in enumerate(edge.choice.options)
        if number not in gates[edge.choice.name].active
    ]
    rest = [name for name, p in run.net.named_parameters() if torch.equal(p, before[name])]
    still = [name for name in before if name.startswith(tuple(frozen))]
    assert len(still) > 10
    assert set(still) <= set(rest)
    assert len(rest) < len(before)


def test_the_weights_move_first_and_alpha_draws_anew():
    stepped, by_hand = prepared(), prepared()
    train, valid = batch_of(stepped)
    torch.manual_seed(2)
    told = stepped.step(train, valid, 0.0)
    assert set(told) == {"loss", "accuracy", "valid_loss", "valid_accuracy"}
    torch.manual_seed(2)
    by_hand.weight_step(train)
    by_hand.alpha_step(valid, train)
    for mine, other in zip(stepped.run.alphas.values(), by_hand.run.alphas.values(), strict=True):
        assert torch.equal(mine, other)
    torch.manual_seed(2)
    first, second = by_hand.gates("weights"), by_hand.gates("alpha")
    assert any(first[name].active != second[name].active for name in first)


@pytest.mark.parametrize("epoch", [0, 3])
def test_options_are_drawn_by_the_softmax_of_alpha_whatever_the_temperature(epoch):
    method = prepared()
    method.on_epoch(epoch)
    alpha = torch.tensor([1.0, 0.0, -1.0, 0.5, 0.2])
    for own in method.run.alphas.values():
        own.data.copy_(alpha)
    torch.manual_seed(0)
    rounds = 1500
    found = Counter(g.active[0] for _ in range(rounds) for g in method.gates("weights").values())
    draws = rounds * len(method.run.alphas)
    for option, p in enumerate(alpha.softmax(0).tolist()):
        assert abs(found[option] / draws - p) < ERRORS * math.sqrt(p * (1 - p) / draws)


def test_the_temperature_falls_linearly_from_the_first_epoch_to_the_last():
    method = prepared(epochs=5)
    for epoch, expected in enumerate([10, 7.525, 5.05, 2.575, 0.1]):
        method.on_epoch(epoch)
        torch.manual_seed(1)
        gates = method.gates("alpha")
        slopes = torch.autograd.grad(sum(g.weight[g.active[0]] for g in gates.values()), method.parameters())
        torch.manual_seed(1)
        soft = concrete(rows(method.run), expected)
        peaks = sample.gates_of(method.run, soft)
        same = torch.autograd.grad(
            sum(p.weight[g.active[0]] for p, g in zip(peaks.values(), gates.values(), strict=True)),
            method.parameters(),
        )
        torch.testing.assert_close(slopes, same)


def test_a_network_of_nothing_but_none_still_takes_its_step():
    method = prepared(BENCH, temperature=(1e-4, 1e-4))
    for alpha in method.run.alphas.values():
        alpha.data.zero_()[0] = 100.0
    told = method.step(*batch_of(method), 0.0)
    assert all(math.isfinite(float(torch.as_tensor(v).detach())) for v in told.values())


@pytest.mark.parametrize("temperature", [(0.0, 0.1), (10.0, -0.1), (math.nan, 0.1)])
def test_a_temperature_must_be_positive(temperature):
    with pytest.raises(UserError, match="temperature"):
        Gdas(temperature=temperature)


def test_the_settings_are_those_of_the_paper():
    method = Gdas()
    assert (method.alpha_lr, method.alpha_betas, method.alpha_weight_decay) == (3e-4, (0.5, 0.999), 1e-3)
    assert method.temperature == (10.0, 0.1)
