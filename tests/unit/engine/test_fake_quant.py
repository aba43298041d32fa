"""Fake quantisation: its levels and gradients, why batch norms do not matter, how it is taken off again."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from audionas.core.arch import InputSpec
from audionas.core.registry import resolve
from audionas.core.rng import numpy_rng, seed_torch
from audionas.engine.fake_quant import Range, Weight, attach, hold_norms, settle
from audionas.nn.blocks import ConvBN

pytestmark = pytest.mark.numeric


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        seed_torch("fake quant")
        yield


def weights() -> Tensor:
    return torch.randn(6, 5, 1, 3) * torch.logspace(-3, 2, 6).reshape(-1, 1, 1, 1)


def test_a_weight_lies_on_its_channels_own_levels_and_the_largest_stays() -> None:
    given, scale = weights(), weights().flatten(1)
    given[3] = 0
    found, scale = Weight()(given), given.flatten(1).abs().amax(1) / 127
    assert torch.equal(found[3], given[3])
    for channel in (0, 1, 2, 4, 5):
        levels = found[channel] / scale[channel]
        torch.testing.assert_close(levels, levels.round(), atol=1e-3, rtol=0)
        assert levels.abs().max().round() == 127
        assert (found[channel] - given[channel]).abs().max() <= 0.5001 * scale[channel]


def test_rounding_weights_twice_is_rounding_once() -> None:
    once = Weight()(weights())
    torch.testing.assert_close(Weight()(once), once, rtol=1e-6, atol=0)


@pytest.mark.parametrize("factor", [-3.0, 0.01, 7.7])
def test_a_channels_factor_commutes_with_rounding(factor: float) -> None:
    """So a batch norm's scale may stay outside, whatever its sign."""
    given = weights()
    torch.testing.assert_close(Weight()(factor * given), factor * Weight()(given), rtol=1e-4, atol=1e-7)


def test_gradients_of_weights_pass_straight_through() -> None:
    given = weights().requires_grad_()
    toward = torch.randn_like(given)
    (Weight()(given) * toward).sum().backward()
    assert torch.equal(given.grad, toward)


def test_an_activation_has_256_levels_with_zero_among_them() -> None:
    part = Range()
    part(torch.tensor([-1.0, 3.0]))
    part.eval()
    found = part(torch.linspace(-5, 5, 10_001))
    assert len(found.unique()) == 256
    assert part(torch.zeros(1)) == 0
    step = 4 / 255
    assert found.min() == pytest.approx(-1, abs=step)
    assert found.max() == pytest.approx(3, abs=step)
    inside = torch.linspace(-0.98, 2.98, 1000)
    assert (part(inside) - inside).abs().max() <= 0.5001 * step


def test_gradients_of_activations_end_where_the_range_does() -> None:
    part = Range()
    part(torch.tensor([-1.0, 3.0]))
    x = torch.tensor([-2.0, -0.5, 0.0, 2.9, 3.2], requires_grad=True)
    part.eval()(x).sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 0]


def test_ranges_follow_in_training_and_stay_in_evaluation() -> None:
    part = Range()
    part(torch.tensor([0.5, 1.0]))
    assert (part.low, part.high) == (0, 1), "0 is always inside"
    part(torch.tensor([-1.0, 2.0]))
    assert part.low == pytest.approx(-0.05)
    assert part.high == pytest.approx(1.05)
    part.eval()(torch.tensor([-9.0, 9.0]))
    assert part.high == pytest.approx(1.05)


def test_networks_stay_close_and_come_back_under_their_own_names() -> None:
    io = InputSpec(1, 40, 98, 3)
    space = resolve("space", "kws_tc_resnet")(width=0.5, causal=True)
    net = space.build(space.sample(numpy_rng("fake quant"), io)).train()
    x = torch.randn(8, *io[:3])
    for _ in range(20):
        net(x)  # statistics for the batch norms
    net.eval()
    plain, before = net(x), copy.deepcopy(net.state_dict())
    attach(net)
    net.train()
    hold_norms(net)
    felt = net(x)
    felt.sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.eval()
    again = net(x)
    assert 0 < (again - plain).abs().max() < 0.1 * plain.abs().max()
    settle(net)
    after = net.state_dict()
    assert set(after) == set(before)
    assert not any(part._forward_pre_hooks for part in net.modules())
    moved = [name for name in before if not torch.equal(before[name], after[name])]
    assert moved == [name for name, p in net.named_parameters() if p.ndim > 1], (
        "the weights alone are rounded"
    )
    only_weights = net(x)
    assert 0 < (only_weights - plain).abs().max() < 0.1 * plain.abs().max()


def left(number: int) -> float:
    """What training leaves of the error that rounding brings to a network of its own, as a share."""
    seed_torch("fake quant", number)
    part = nn.Sequential(ConvBN(4, 4, (1, 3)), nn.Flatten(), nn.Linear(4 * 6, 2)).eval()
    x = torch.randn(64, 4, 1, 6)
    with torch.no_grad():
        part[2].weight[0, 0] = 30.0  # one large weight takes all levels from the others of its row
        target = part(x)
    attach(part)
    part.train()
    hold_norms(part)
    start = (part(x) - target).square().mean().item()
    steps, adam = 150, torch.optim.Adam(part.parameters(), 0.003)
    for step in range(steps):
        adam.param_groups[0]["lr"] = 0.003 * (1 - step / steps)
        loss = (part(x) - target).square().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    part.eval()
    return (part(x) - target).square().mean().item() / start


def test_training_moves_networks_to_weights_that_int8_holds_well() -> None:
    """To what they said in float: with its weights rounded, a trained network is nearer than before.

    Where a single one ends is chance, since a weight between two levels falls on either of them: shares from
    0.12 to 1.7 were seen, and another processor's last bits draw anew. So the law is that of the middle one.
    """
    shares = [left(number) for number in range(12)]
    assert np.median(shares) < 0.9, (
        shares
    )  # 0.35 (AVX-512 and AVX2) and 0.33 (SSE4.1); 1 without any training
