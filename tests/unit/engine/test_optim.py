"""Laws of the learning rate, and an optimiser that goes on bit for bit after a pause."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from audionas.core.errors import UserError
from audionas.engine.optim import Optim, pack, set_rate, unpack

EPOCHS = 30


def grid(first: float = 0.0) -> np.ndarray:
    return np.linspace(first, EPOCHS, 301)


@pytest.mark.parametrize("warmup", [0.0, 1.5, 10.0])
@pytest.mark.parametrize("final", [0.0, 0.001])
def test_cosine_falls_from_the_rate_to_the_final_one(warmup: float, final: float) -> None:
    optim = Optim(lr=0.2, final_lr=final, warmup_epochs=warmup)
    assert optim.rate(warmup, EPOCHS) == pytest.approx(0.2)
    assert optim.rate(EPOCHS, EPOCHS) == pytest.approx(final)
    assert optim.rate((warmup + EPOCHS) / 2, EPOCHS) == pytest.approx((0.2 + final) / 2)
    rates = [optim.rate(e, EPOCHS) for e in grid(warmup)]
    assert all(a > b for a, b in pairwise(rates))


@pytest.mark.parametrize("warmup", [0.0, 5.0])
def test_linear_falls_evenly_to_the_final_rate(warmup: float) -> None:
    optim = Optim(lr=0.5, final_lr=0.1, schedule="linear", warmup_epochs=warmup)
    rates = [optim.rate(e, EPOCHS) for e in grid(warmup)]
    np.testing.assert_allclose(rates, np.linspace(0.5, 0.1, len(rates)), rtol=1e-9)


def test_exponential_multiplies_after_every_whole_epoch() -> None:
    optim = Optim(lr=0.1, schedule="exponential", gamma=0.97)
    for epoch, times in ((0, 0), (0.99, 0), (1, 1), (7.5, 7), (29, 29)):
        assert optim.rate(epoch, EPOCHS) == pytest.approx(0.1 * 0.97**times)


def test_exponential_multiplies_after_a_given_number_of_epochs() -> None:
    """MnasNet's: times 0.97 every 2.4 epochs, counted from the beginning of the warm-up."""
    optim = Optim(lr=0.064, schedule="exponential", gamma=0.97, gamma_epochs=2.4, warmup_epochs=5)
    for epoch, times in ((5, 2), (7.19, 2), (7.21, 3), (24.1, 10)):
        assert optim.rate(epoch, EPOCHS) == pytest.approx(0.064 * 0.97**times)


SCHEDULES = ["cosine", "linear", "step", "exponential", "constant"]


@pytest.mark.parametrize("schedule", [s for s in SCHEDULES if s != "exponential"])
def test_the_warm_up_is_a_line_from_nothing(schedule: Any) -> None:
    optim = Optim(lr=0.4, schedule=schedule, warmup_epochs=4, milestones=(20,))
    assert [optim.rate(e, EPOCHS) for e in (0, 1, 2, 3, 4)] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_steps_multiply_at_each_milestone() -> None:
    optim = Optim(lr=1.0, schedule="step", milestones=(10, 20.5), gamma=0.25)
    expected = {0: 1.0, 9.99: 1.0, 10: 0.25, 20.4: 0.25, 20.5: 0.0625, 29: 0.0625}
    assert {e: optim.rate(e, EPOCHS) for e in expected} == expected


def test_constant_is_constant() -> None:
    assert {Optim(lr=0.3, schedule="constant").rate(e, EPOCHS) for e in grid()} == {0.3}


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("warmup", [0.0, 3.0, float(EPOCHS), 2.0 * EPOCHS])
def test_rates_stay_between_nothing_and_the_rate(schedule: Any, warmup: float) -> None:
    optim = Optim(lr=0.1, schedule=schedule, warmup_epochs=warmup, milestones=(5,))
    assert all(0 <= optim.rate(e, EPOCHS) <= 0.1 for e in grid())


def test_the_rate_reaches_every_group() -> None:
    optimizer = torch.optim.SGD(
        [{"params": nn.Linear(2, 2).parameters()}, {"params": nn.Linear(2, 2).parameters()}], lr=1
    )
    set_rate(optimizer, 0.125)
    assert [group["lr"] for group in optimizer.param_groups] == [0.125, 0.125]


OPTIMISERS = [
    Optim(name="sgd", momentum=0.9, weight_decay=1e-3),
    Optim(name="sgd", momentum=0.9, nesterov=True),
    Optim(name="sgd", momentum=0.0),
    Optim(name="adam", lr=1e-2),
    Optim(name="adamw", lr=1e-2, weight_decay=0.1),
    Optim(name="rmsprop", lr=1e-2, weight_decay=0.1),
    Optim(name="rmsprop", lr=1e-2, weight_decay=0.1, decay_norms=False),
]


def fresh(optim: Optim) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))
    return net, optim.build(net.parameters())


def steps(net: nn.Module, optimizer: torch.optim.Optimizer, optim: Optim, which: range) -> None:
    for i in which:
        x = torch.randn(4, 5, generator=torch.Generator().manual_seed(i))
        set_rate(optimizer, optim.rate(i, 10))
        optimizer.zero_grad(set_to_none=True)
        net(x).square().sum().backward()
        optimizer.step()


def copied(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in tensors.items()}


@pytest.mark.parametrize(
    "optim", OPTIMISERS, ids=lambda o: f"{o.name}-{o.momentum}-{o.nesterov}-{o.decay_norms}"
)
@pytest.mark.parametrize("pause", [0, 1, 5])
def test_packed_and_unpacked_goes_on_bit_for_bit(optim: Optim, pause: int) -> None:
    with torch.random.fork_rng(devices=[]):
        whole, optimizer = fresh(optim)
        steps(whole, optimizer, optim, range(10))
        first, optimizer = fresh(optim)
        steps(first, optimizer, optim, range(pause))
        weights, state = copied(first.state_dict()), copied(pack(optimizer))
        second, optimizer = fresh(optim)
        second.load_state_dict(weights)
        unpack(optimizer, state)
        steps(second, optimizer, optim, range(pause, 10))
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), second.parameters(), strict=True))


def test_forgetting_the_state_would_be_noticed() -> None:
    """The test above can fail: momentum and Adam's moments matter."""
    for optim in (OPTIMISERS[0], OPTIMISERS[3]):
        with torch.random.fork_rng(devices=[]):
            whole, optimizer = fresh(optim)
            steps(whole, optimizer, optim, range(10))
            other, optimizer = fresh(optim)
            steps(other, optimizer, optim, range(5))
            steps(other, optim.build(other.parameters()), optim, range(5, 10))
        assert not all(torch.equal(a, b) for a, b in zip(whole.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "rmsprop"])
@pytest.mark.parametrize("everywhere", [True, False])
def test_norms_and_biases_decay_only_where_asked(name: Any, everywhere: bool) -> None:
    """Without a gradient's pull, decay alone moves a weight."""
    net = nn.Sequential(nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2))
    for weight in net.parameters():
        nn.init.ones_(weight)
    optimizer = Optim(name=name, weight_decay=0.1, decay_norms=everywhere).build(net.parameters())
    for weight in net.parameters():
        weight.grad = torch.zeros_like(weight)
    optimizer.step()
    for weight in net.parameters():
        assert bool((weight < 1).all()) is (everywhere or weight.ndim > 1)


def test_rmsprop_is_the_formula_of_tensorflow() -> None:
    """Mean square from 1, epsilon under the root, the rate inside the momentum; three steps, one weight."""
    weight = nn.Parameter(torch.tensor([2.0]))
    optim = Optim(name="rmsprop", lr=0.1, momentum=0.9, weight_decay=0.01)
    optimizer = optim.build([weight])
    w, square, momentum = 2.0, 1.0, 0.0
    for rate, gradient in ((0.1, 3.0), (0.05, -1.0), (0.02, 0.5)):
        set_rate(optimizer, rate)
        weight.grad = torch.tensor([gradient])
        optimizer.step()
        total = gradient + 0.01 * w
        square = 0.9 * square + 0.1 * total**2
        momentum = 0.9 * momentum + rate * total / math.sqrt(square + 1e-3)
        w -= momentum
        assert weight.item() == pytest.approx(w, rel=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        {"lr": 0.0},
        {"lr": -1.0},
        {"lr": math.nan},
        {"lr": math.inf},
        {"weight_decay": -1e-3},
        {"weight_decay": math.nan},
        {"momentum": -0.5},
        {"nesterov": True, "momentum": 0.0},
        {"clip": 0.0},
        {"clip": -1.0},
        {"warmup_epochs": -1.0},
        {"final_lr": -0.1},
        {"gamma": -0.1, "schedule": "step", "milestones": (3,)},
        {"gamma_epochs": 0.0},
        {"schedule": "step", "milestones": ()},
    ],
    ids=str,
)
def test_impossible_values_are_refused_at_once(values: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="optim"):
        Optim(**values)
