"""The gates of SparkNet: noise in training alone, and the penalty of its closed form."""

import copy
import math

import pytest
import torch
from torch.nn import functional

from audionas.nn.separable.gate import NOISE, PENALTY, GateHead, open_share, opened
from audionas.nn.separable.penalties import penalised


def head(*, training: bool) -> GateHead:
    torch.manual_seed(0)
    return GateHead(3, 4, 2).train(training)


def test_the_penalty_is_the_mean_probability_of_an_open_gate() -> None:
    mu = torch.tensor([[-0.9, -0.5], [0.0, 0.7]], dtype=torch.float64)
    closed = [0.5 * (1 + math.erf((m + 0.5) / 0.5 / math.sqrt(2))) for m in mu.flatten().tolist()]
    assert float(open_share(mu)) == pytest.approx(sum(closed) / 4, abs=1e-15)
    draws = mu[..., None] + 0.5 + 0.5 * torch.randn(2, 2, 100_000, generator=torch.manual_seed(0))
    assert float((draws > 0).double().mean()) == pytest.approx(sum(closed) / 4, abs=3e-3)


def test_the_loss_has_the_penalty_of_the_gates_that_acted() -> None:
    net, x = head(training=True), torch.randn(5, 3, 1, 9, generator=torch.manual_seed(1))
    logits = net(x)
    mu = torch.tanh(copy.deepcopy(net.bn)(net.gate(x)))
    loss = functional.cross_entropy(logits, torch.zeros(5, dtype=torch.long))
    told = penalised(loss, net)
    torch.testing.assert_close(told - loss, PENALTY * open_share(mu))
    told.backward()
    assert net.gate.weight.grad is not None
    assert net.gate.weight.grad.abs().max() > 0


@pytest.mark.parametrize("place", [-3.0, 0.0, 0.2])
def test_opened_is_a_clamp(place: float) -> None:
    mu = torch.linspace(-2, 2, 101) + place
    assert torch.equal(opened(mu), (mu + 0.5).clamp(0, 1))


def test_training_adds_noise_of_mean_0_and_deviation_a_half() -> None:
    net, seen = head(training=True), []
    x = torch.randn(8, 3, 1, 2000, generator=torch.manual_seed(1))
    net.pool.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.no_grad():
        net.gate.weight.zero_()
        net.bn.bias.zero_()
        net(x)  # mu is 0: 0.5 + noise, clamped at one deviation on either side
    (z,) = seen
    assert float(z.mean()) == pytest.approx(0.5, abs=0.01)
    assert [float((z == end).float().mean()) for end in (0.0, 1.0)] == pytest.approx([0.1587] * 2, abs=0.01)
    quartile = NOISE * float(torch.special.ndtri(torch.tensor(0.75)))
    assert float(z.flatten().sort().values[z.numel() * 3 // 4]) == pytest.approx(0.5 + quartile, abs=0.01)


def test_noise_comes_from_torchs_generator() -> None:
    net, x = head(training=True), torch.randn(2, 3, 1, 9, generator=torch.manual_seed(1))
    torch.manual_seed(3)
    state, first, second = torch.get_rng_state(), net(x), net(x)
    torch.set_rng_state(state)
    assert torch.equal(net(x), first)
    assert not torch.equal(first, second)


def test_evaluation_is_deterministic_and_draws_nothing() -> None:
    net, x = head(training=False), torch.randn(2, 3, 1, 9, generator=torch.manual_seed(1))
    state = torch.get_rng_state()
    first = net(x)
    assert torch.equal(net(x), first)
    assert torch.equal(torch.get_rng_state(), state)
    assert net.penalties() is None
    z = (torch.tanh(net.bn(net.gate(x))) + 0.5).clamp(0, 1)
    torch.testing.assert_close(first, net.linear(z.mean((2, 3))))
