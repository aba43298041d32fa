"""Batch-norm statistics of a path: means over batches, and nothing left behind."""

import pytest
import torch
from torch import nn

from audionas.data.batches import Batch
from audionas.engine.recalibrate import recalibrated


def network() -> nn.Sequential:
    """A network that has been trained on something else, and drops out."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3, affine=False), nn.Dropout(0.5), nn.Conv2d(3, 4, 1)
    )
    net.append(nn.BatchNorm2d(4))
    for _ in range(3):
        net(7 + torch.randn(5, 2, 4, 4))
    return net


def batches(count: int = 4) -> list[Batch]:
    rng = torch.Generator().manual_seed(1)
    return [Batch(torch.randn(6, 2, 3, 3, generator=rng), torch.zeros(6)) for _ in range(count)]


def test_statistics_are_means_over_the_batches() -> None:
    net = network()
    with recalibrated(net, lambda batch: net(batch.x), batches()):
        first, second = net[1], net[4]
        with torch.no_grad():
            each = [net[0](batch.x) for batch in batches()]
            mean = torch.stack([y.mean((0, 2, 3)) for y in each]).mean(0)
            variance = torch.stack([y.var((0, 2, 3)) for y in each]).mean(0)
            assert torch.allclose(first.running_mean, mean, atol=1e-6)
            assert torch.allclose(first.running_var, variance, atol=1e-6)
            # behind the first batch norm as it worked in training, without dropout
            each = [
                net[3]((y - y.mean((0, 2, 3), True)) / (y.var((0, 2, 3), False, keepdim=True) + 1e-5).sqrt())
                for y in each
            ]
            assert torch.allclose(
                second.running_mean, torch.stack([y.mean((0, 2, 3)) for y in each]).mean(0), atol=1e-5
            )
        assert not any(module.training for module in net.modules())


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_left_behind(fails: bool) -> None:
    net = network()
    net[2].eval()
    before = {name: t.clone() for name, t in net.state_dict().items()}
    modes = [module.training for module in net.modules()]
    momentum, state = net[1].momentum, torch.random.get_rng_state()
    try:
        with recalibrated(net, lambda batch: net(batch.x), batches()):
            assert not torch.equal(net[1].running_mean, before["1.running_mean"])
            if fails:
                raise RuntimeError("while scoring")
    except RuntimeError:
        assert fails
    assert {name: t.tolist() for name, t in net.state_dict().items()} == {
        n: t.tolist() for n, t in before.items()
    }
    assert [module.training for module in net.modules()] == modes
    assert net[1].momentum == momentum
    assert torch.equal(torch.random.get_rng_state(), state), "measuring drew random numbers"
