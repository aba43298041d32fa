"""Averages of weights against their definitions."""

import pytest
import torch
from torch import Tensor, nn

from audionas.engine.averaging import Average


def network(seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        net(torch.randn(8, 3))  # running statistics and a count that differ
        return net


def stacked(nets: list[nn.Module], name: str) -> Tensor:
    return torch.stack([net.state_dict()[name].double() for net in nets])


FLOATS = [name for name, t in network(0).state_dict().items() if t.is_floating_point()]
WHOLE = [name for name, t in network(0).state_dict().items() if not t.is_floating_point()]


@pytest.mark.parametrize("k", [1, 2, 7, 20])
def test_the_mean_is_the_arithmetic_mean_of_all_updates(k: int) -> None:
    nets = [network(seed) for seed in range(k)]
    average = Average(network(99))
    for net in nets:
        average.update(net)
    for name in FLOATS:
        expected = stacked(nets, name).mean(0).float()
        torch.testing.assert_close(average.tensors[name], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("decay", [0.3, 0.9, 0.999])
def test_the_moving_average_follows_its_recurrence(decay: float) -> None:
    average = Average(network(0), decay)
    expected = {name: network(0).state_dict()[name].double() for name in FLOATS}
    for n in range(1, 30):
        net = network(n)
        average.update(net)
        keep = min(decay, (1 + n) / (10 + n))
        for name in FLOATS:
            expected[name] = keep * expected[name] + (1 - keep) * net.state_dict()[name].double()
    for name in FLOATS:
        torch.testing.assert_close(average.tensors[name], expected[name].float(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("decay", [None, 0.9])
def test_counts_are_copied(decay: float | None) -> None:
    net = network(1)
    net[1].num_batches_tracked.fill_(12)
    average = Average(network(0), decay)
    average.update(network(2))
    average.update(net)
    assert WHOLE
    assert all(torch.equal(average.tensors[name], net.state_dict()[name]) for name in WHOLE)


@pytest.mark.parametrize("decay", [None, 0.9])
def test_averages_of_one_network_are_that_network(decay: float | None) -> None:
    average = Average(network(5), decay)
    for _ in range(6):
        average.update(network(5))
    for name, tensor in network(5).state_dict().items():
        torch.testing.assert_close(average.tensors[name], tensor)


@pytest.mark.parametrize("decay", [None, 0.9])
def test_the_network_is_not_touched(decay: float | None) -> None:
    net = network(3)
    Average(net, decay).update(net)
    average = Average(net, decay)
    average.update(network(4))
    assert all(torch.equal(t, network(3).state_dict()[n]) for n, t in net.state_dict().items())


@pytest.mark.parametrize("decay", [None, 0.9])
def test_restored_in_the_middle_it_goes_on_bit_for_bit(decay: float | None) -> None:
    whole, first = Average(network(0), decay), Average(network(0), decay)
    for seed in range(6):
        whole.update(network(seed))
    for seed in range(3):
        first.update(network(seed))
    second = Average(network(50), decay)
    second.restore({n: t.clone() for n, t in first.tensors.items()}, first.updates)
    for seed in range(3, 6):
        second.update(network(seed))
    assert all(torch.equal(t, second.tensors[name]) for name, t in whole.tensors.items())
