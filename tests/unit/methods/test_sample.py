"""Gumbel noise, hard choices with a soft gradient, the temperature."""

import math

import pytest
import torch

from audionas.methods._sample import anneal, gumbel, straight_through

pytestmark = pytest.mark.numeric


def test_gumbel_noise_has_its_mean_and_variance_and_is_finite():
    torch.manual_seed(0)
    noise = gumbel(400_000, 2)
    assert noise.dtype == torch.float32
    assert noise.isfinite().all()
    count = noise.numel()
    deviation = math.pi / math.sqrt(6)
    assert abs(float(noise.mean()) - 0.577216) < 4 * deviation / math.sqrt(count)
    assert float(noise.std()) == pytest.approx(deviation, rel=0.005)


def test_the_largest_perturbed_logit_is_a_draw_from_the_softmax():
    """The Gumbel-max law: 100,000 draws, four standard errors."""
    torch.manual_seed(1)
    logits = torch.tensor([0.0, 1.0, -1.0, 0.5])
    p, draws = logits.softmax(0), 100_000
    found = (logits + gumbel(draws, 4)).argmax(1).bincount(minlength=4) / draws
    assert ((found - p).abs() < 4 * (p * (1 - p) / draws).sqrt()).all()


def test_straight_through_is_hard_forward_and_soft_backward():
    logits = torch.tensor([0.1, 0.7, 0.2], requires_grad=True)
    soft, hard = logits.softmax(0), torch.tensor([0.0, 1.0, 0.0])
    weight = straight_through(hard, soft)
    assert torch.equal(weight, hard)
    g = torch.tensor([1.0, 2.0, -3.0])
    (found,) = torch.autograd.grad((weight * g).sum(), logits, retain_graph=True)
    (wanted,) = torch.autograd.grad((soft * g).sum(), logits)
    assert torch.equal(found, wanted)


def test_the_temperature_falls_linearly_and_reaches_both_ends():
    assert anneal(10.0, 0.1, 0, 50) == 10.0
    assert anneal(10.0, 0.1, 49, 50) == pytest.approx(0.1)
    assert anneal(10.0, 0.1, 7, 15) == pytest.approx(5.05)
    assert anneal(10.0, 0.1, 60, 50) == pytest.approx(0.1)
    assert anneal(10.0, 0.1, 0, 1) == 10.0
