"""What a step costs: bytes kept for backward are counted exactly, and released ones no longer."""

import pytest
import torch
from torch import nn

from audionas.data.batches import Batch
from audionas.engine.optim import Optim
from audionas.study.step_cost import BackwardBytes, Measured, method_costs, network_step, step_costs
from tests._tiers import laws
from tests.invariants._cases import DEFAULTS, batches, made, started

CPU = torch.device("cpu")


def kept(function, owned=()):
    meter = BackwardBytes(owned)
    with meter.watching():
        function()
    return meter.most


def test_a_storage_counts_once_and_owned_ones_not_at_all():
    x, w = torch.randn(10, requires_grad=True), torch.randn(10, requires_grad=True)
    assert kept(lambda: (x * w).sum().backward()) == 80
    assert kept(lambda: (x * w).sum().backward(), owned=[w]) == 40
    assert kept(lambda: (x * x[:]).sum().backward()) == 40
    y = x.detach()
    assert kept(lambda: (w * y[:5].sum() + y).square().sum().backward(), owned=[w]) == 4 + 40


def test_two_graphs_one_after_the_other_count_as_the_larger():
    w, x, z = torch.randn(6, requires_grad=True), torch.randn(6), torch.randn(6)

    def both():
        (w * x).sum().backward()
        ((w * x).sum() + (w * z).sum()).backward()

    assert kept(both, owned=[w]) == 48


def test_counting_changes_no_gradient_not_even_a_second_one():
    x = torch.randn(5, dtype=torch.float64, requires_grad=True)

    def second():
        (first,) = torch.autograd.grad(x.exp().sin().sum(), x, create_graph=True)
        return torch.autograd.grad(first.square().sum(), x)[0]

    meter = BackwardBytes([])
    with meter.watching():
        counted = second()
    assert torch.equal(counted, second())
    assert meter.now == 0


def test_costs_stand_beside_the_first():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2))
    batch = Batch(torch.randn(2, 3, 8, 8), torch.tensor([0, 1]))
    costs = step_costs([network_step(net, Optim(), batch)] * 2, CPU, rounds=3, warmup=1)
    assert costs[0].time_ratio == costs[0].memory_ratio == costs[1].memory_ratio == 1.0
    assert all(cost.seconds > 0 for cost in costs)
    nothing = step_costs([Measured(lambda: None, list)], CPU, rounds=1, warmup=1)
    assert nothing[0].saved_bytes == 0


@pytest.mark.story
@pytest.mark.parametrize(
    ("name", "fields"),
    laws([("darts", {"warmup": 0.25}), ("noisy_darts", {"warmup": 0.25}), ("p_darts", {})]),
)
def test_a_methods_step_is_measured_with_alphas_that_move(name, fields):
    """P-DARTS' rest at the beginning of a stage, which is no warm-up by name."""
    space = next(s for s in DEFAULTS if s.name == "nas_bench_201")
    methods = [made("darts"), made(name, **fields)]
    runs = [started(method, space, epochs=9) for method in methods]
    before = {n: a.detach().clone() for n, a in runs[1].alphas.items()}
    rng = torch.get_rng_state()
    ((train, valid),) = batches(runs[0].io, 1, seed=0, size=4)
    plain, costs = method_costs(methods, train, valid, rounds=1, warmup=1)
    assert plain.saved_bytes > 0
    assert costs.memory_ratio >= 1.0
    assert all(not torch.equal(before[n], a) for n, a in runs[1].alphas.items())
    assert torch.equal(rng, torch.get_rng_state())
