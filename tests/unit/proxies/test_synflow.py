"""SynFlow: flow is conserved from layer to layer, no data count, and norms neither stop nor scale it."""

import math

import pytest
import torch
from torch import nn

from audionas.core.arch import InputSpec
from audionas.nn.blocks import Conv
from audionas.proxies.synflow import flows, synflow
from audionas.spaces.nas_bench_201 import NasBench201

IO = InputSpec(3, 16, 16, 10)
X = torch.zeros(2, 3, 8, 8)


def plain() -> nn.Sequential:
    """Layers in sequence, without biases, with norms and a ReLU6 that positive weights saturate."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU6(),
        Conv(8, 8, (3, 3), groups=8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 1, bias=False),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 9, 5, bias=False),
    )


def test_flow_is_conserved_in_every_layer_and_equals_the_output() -> None:
    out = torch.ones(1, 3, 8, 8, dtype=torch.float64)
    for layer in plain().double().requires_grad_(False):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.weight.abs_()
        out = out if isinstance(layer, nn.BatchNorm2d | nn.ReLU6) else layer(out)
    found = flows(plain(), X)
    assert list(found) == ["0.weight", "3.weight", "5.weight", "8.weight"]
    assert list(found.values()) == pytest.approx([float(out.sum())] * 4, rel=1e-12)
    assert synflow(plain(), X) == pytest.approx(math.log1p(4 * float(out.sum())), rel=1e-12)


def test_neither_data_nor_signs_nor_statistics_count() -> None:
    net = plain()
    first = synflow(net, X)
    assert synflow(net, torch.randn(7, 3, 8, 8)) == first
    with torch.no_grad():
        net[0].weight.neg_()
        net[1].running_var.fill_(9.0)
        net[1].weight.fill_(0.1)
    assert synflow(net, X) == first
    with torch.no_grad():
        net[0].weight.mul_(2)
    assert synflow(net, X) == pytest.approx(math.log1p(2 * math.expm1(first)))


def test_a_network_is_left_as_it_was() -> None:
    net = plain().eval()
    x, before = torch.randn(2, 3, 8, 8), {name: t.clone() for name, t in plain().state_dict().items()}
    told = net(x)
    synflow(net, X)
    assert torch.equal(net(x), told)
    assert all(torch.equal(t, before[name]) for name, t in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize(("op", "flowing"), [("none", False), ("skip_connect", True)])
def test_a_cell_without_a_path_scores_zero(op: str, flowing: bool) -> None:
    space = NasBench201()
    spec = space.spec({c.name: (op,) for c in space.choices()}, IO, sizes={"layers": 1, "channels": 4})
    assert (synflow(space.build(spec), torch.zeros(1, 3, 16, 16)) > 0) == flowing
