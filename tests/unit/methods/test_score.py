"""Scores of networks inside a supernet: what they depend on, what they leave as it was."""

import copy

import pytest
import torch

from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.methods import Method, Scoring, gates_of, score, score_gates
from audionas.methods.spos import Spos
from audionas.spaces.kws_mobilenet import KwsMobilenet
from tests.invariants._cases import started, steps

SPACE = KwsMobilenet(preset="sf6", width=0.25)


@pytest.fixture(scope="module")
def method():
    method = Spos()
    started(method, SPACE, frames=9)
    steps(method, 0, 6)
    return method


def specs(method, count):
    rng = numpy_rng("specs")
    return [SPACE.sample(rng, method.run.io) for _ in range(count)]


@pytest.mark.parametrize("statistics", ["recalibrated", "running"])
def test_a_score_depends_neither_on_those_before_nor_on_the_random_state(method, statistics):
    scoring = Scoring(statistics=statistics)
    few = specs(method, 3)
    told = [score(method.run, spec, scoring) for spec in few]
    torch.rand(7)
    assert [score(method.run, spec, scoring) for spec in reversed(few)] == told[::-1]


@pytest.mark.parametrize("statistics", ["recalibrated", "running"])
def test_scoring_changes_nothing(method, statistics):
    before = {name: t.clone() for name, t in method.run.net.state_dict().items()}
    random, training = torch.get_rng_state(), method.run.net.training
    score(method.run, specs(method, 1)[0], Scoring(statistics=statistics))
    assert all(torch.equal(t, before[name]) for name, t in method.run.net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert method.run.net.training is training


def test_recalibrated_statistics_are_those_of_the_network_alone(method):
    """As of the derived network with inherited weights, whose norms saw the same batches."""
    (spec,) = specs(method, 1)
    spec = method.spec_of(spec.choices)
    net = SPACE.build(spec, search=True)
    net.load_state_dict(SPACE.inherit(method.run.net, spec))
    for norm in (m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        norm.reset_running_stats()
        norm.momentum = None
    net.eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.train()
    with torch.no_grad():
        for batch in method.run.train():
            net(batch.x)
        net.eval()
        pairs = [(net(batch.x), batch.target) for batch in method.run.valid()]
    right = torch.cat([logits.argmax(1) == target for logits, target in pairs]).double().mean()
    loss = torch.nn.functional.cross_entropy(
        torch.cat([p for p, _ in pairs]), torch.cat([t for _, t in pairs])
    )
    told = score(method.run, spec, Scoring())
    assert told["accuracy"] == float(right)
    assert told["loss"] == pytest.approx(float(loss), rel=1e-5)


def test_only_so_many_batches_are_scored(method):
    (spec,) = specs(method, 1)
    few = score(method.run, spec, Scoring(batches=1))
    assert few["accuracy"] * 4 == round(few["accuracy"] * 4)  # of 4 examples
    assert few != score(method.run, spec, Scoring())


def test_a_network_that_overflows_is_the_worst(method):
    (spec,) = specs(method, 1)
    weight = method.run.net.head.linear.weight
    kept = weight.detach().clone()
    with torch.no_grad():
        weight.fill_(float("inf"))
    told = score(method.run, spec, Scoring())
    with torch.no_grad():
        weight.copy_(kept)
    assert told["loss"] == 1e9


def test_nothing_to_score_on_and_impossible_settings_are_refused(method):
    kept, method.run.valid = method.run.valid, tuple
    with pytest.raises(UserError, match="no held-out examples"):
        score(method.run, specs(method, 1)[0], Scoring())
    method.run.valid = kept
    with pytest.raises(UserError, match="calibration"):
        Scoring(calibration=0)
    with pytest.raises(UserError, match="batches"):
        Scoring(batches=-1)


def test_gates_that_are_one_hot_score_as_their_network(method):
    (spec,) = specs(method, 1)
    for statistics in ("recalibrated", "running"):
        gates = gates_of(method.run, spec)
        told = score_gates(method.run, gates, method.run.valid(), statistics, draws=spec.id)
        assert told == score(method.run, spec, Scoring(statistics=statistics))


def test_with_each_batchs_own_statistics_it_is_training_without_dropout(method):
    """Soft gates: the loss of a forward pass in training mode, and everything is afterwards as it was."""
    run = method.run
    gates = Method.gates(method, "weights")
    before = {name: t.clone() for name, t in run.net.state_dict().items()}
    told = score_gates(run, gates, run.valid(), "batch")
    assert all(torch.equal(t, before[name]) for name, t in run.net.state_dict().items())
    assert run.net.training
    net = copy.deepcopy(run.net)
    for module in net.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    with torch.no_grad():
        losses = [float(run.criterion(net(b.x, gates), b.target)) for b in run.valid()]
    assert told["loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-5)
    assert told["loss"] != pytest.approx(score_gates(run, gates, run.valid(), "running")["loss"], rel=1e-3)
