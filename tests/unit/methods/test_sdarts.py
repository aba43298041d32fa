"""SDARTS: where the weight step's gates may be, the adversary's loss, DARTS at radius zero."""

from dataclasses import dataclass

import pytest
import torch

from audionas.core.errors import UserError
from audionas.methods.darts import Darts
from audionas.methods.fair_darts import FairDarts
from audionas.methods.sdarts import Sdarts, near
from tests.invariants._cases import CHAIN, batches, started, steps


@pytest.mark.parametrize("eps", [0.03, 0.3, 1.0])
def test_rows_are_on_the_simplex_and_near_before_they_are_divided(eps):
    p = (3 * torch.randn(200, 5, generator=torch.Generator().manual_seed(0))).softmax(-1)
    live = torch.ones(200, 5, dtype=torch.bool)
    live[:100, 4] = False
    p = p * live / (p * live).sum(-1, keepdim=True)
    moved = near(
        p, p + 10 * torch.randn(200, 5, generator=torch.Generator().manual_seed(1)), eps=eps, live=live
    )
    torch.testing.assert_close(moved.sum(-1), torch.ones(200))
    assert moved.min() >= 0
    assert (moved[~live] == 0).all()
    inside = p + eps * (2 * torch.rand(200, 5, generator=torch.Generator().manual_seed(2)) - 1)
    found = near(p, inside, eps=eps, live=live)
    held = inside.clamp(0, 1) * live
    torch.testing.assert_close(found * held.sum(-1, keepdim=True), held, atol=1e-6, rtol=0)
    assert ((held - p).abs() <= eps + 1e-6).all()


def test_a_row_of_zeros_becomes_its_largest_entry():
    p = torch.full((1, 4), 0.25)
    moved = torch.tensor([[-0.4, -0.1, -0.2, -0.3]])
    assert near(p, moved, eps=0.5, live=torch.ones(1, 4, dtype=torch.bool)).tolist() == [[0, 1, 0, 0]]
    dropped = torch.tensor([[True, False, True, True]])
    assert near(p, moved, eps=0.5, live=dropped).tolist() == [[0, 0, 1, 0]]


@pytest.mark.laws
def test_the_radius_grows_and_alpha_stays():
    method = Sdarts()
    run = started(method, CHAIN, frames=9, epochs=10)
    ((train, _),) = batches(run.io, 1, seed=0, size=4)
    far = []
    for epoch in (0, 9):
        method.on_epoch(epoch)
        torch.manual_seed(0)
        gates, clean = method.weight_gates(train), method.gates("alpha")
        far.append(max(float((gates[n].weight - clean[n].weight.detach()).abs().max()) for n in gates))
        assert not any(gate.weight.requires_grad for gate in gates.values())
        assert all(float(gate.weight.sum()) == pytest.approx(1, abs=1e-6) for gate in gates.values())
    assert 0 < far[0] < 0.1 < far[1]


@pytest.mark.laws
@pytest.mark.parametrize("smoothing", ["random", "adversarial"])
def test_at_radius_zero_it_is_darts_bit_for_bit_and_else_not(smoothing):
    told = []
    for method in (Darts(), Sdarts(radius=(0.0, 0.0), smoothing=smoothing), Sdarts(smoothing=smoothing)):
        run = started(method, CHAIN, frames=9, dropout=0.1)
        told.append((steps(method, 0, 3), [a.tolist() for a in run.alphas.values()]))
    assert told[0] == told[1] != told[2]


@pytest.mark.laws
def test_the_adversary_raises_the_loss_more_than_chance_and_changes_nothing_else():
    method, other = Sdarts(smoothing="adversarial", radius=(0.3, 0.3)), Sdarts(radius=(0.3, 0.3))
    run = started(method, CHAIN, frames=9, dropout=0.0)
    other.run = run
    steps(method, 0, 2)
    before = {name: tensor.clone() for name, tensor in run.net.state_dict().items()}
    losses = []
    for train, _ in batches(run.io, 5, seed=7, size=8):
        found = [kind.weight_gates(train) for kind in (method, other)] + [method.gates("weights")]
        assert run.net.training
        assert all(weight.requires_grad for weight in run.net.parameters())
        run.net.eval()
        with torch.no_grad():
            losses.append([float(run.criterion(run.logits(train.x, g), train.target)) for g in found])
        run.net.train()
    assert all(torch.equal(before[name], tensor) for name, tensor in run.net.state_dict().items())
    worst, drawn, clean = torch.tensor(losses).T
    assert (worst >= clean).all()
    assert worst.sum() > drawn.sum()
    assert (worst > clean).any()


@pytest.mark.laws
def test_options_that_were_dropped_and_partial_channels_have_their_place():
    method = Sdarts(smoothing="adversarial")
    run = started(method, CHAIN, frames=9)
    first = CHAIN.choices()[0]
    run.keep({first.name: first.options[:2]})
    ((train, valid),) = batches(run.io, 1, seed=0, size=4)
    gate = method.weight_gates(train)[first.name]
    assert gate.active == (0, 1)
    assert float(gate.weight[:2].sum()) == pytest.approx(1, abs=1e-6)
    assert set(method.step(train, valid, 0.0)) == {"loss", "accuracy", "valid_loss", "valid_accuracy"}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"radius": (0.1, 2.0)}, "radius"),
        ({"level": "one"}, "level two"),
    ],
)
def test_impossible_settings_are_refused(fields, problem):
    with pytest.raises(UserError, match=problem):
        Sdarts(**fields)


def test_it_refuses_weights_that_are_no_softmax():
    @dataclass(kw_only=True)
    class Both(Sdarts, FairDarts):
        pass

    with pytest.raises(UserError, match="no softmax"):
        Both()
