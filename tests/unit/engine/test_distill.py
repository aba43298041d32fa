"""Laws of distillation: the divergence's gradient by formula, its size by temperature, its zero."""

import pytest
import torch
from torch import Tensor

from audionas.engine.distill import distilled, divergence

pytestmark = pytest.mark.numeric


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gradient(logits: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    logits = logits.clone().requires_grad_()
    divergence(logits, teacher, temperature).backward()
    assert logits.grad is not None
    return logits.grad


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0, 30.0])
def test_the_gradient_is_the_difference_of_the_softened_answers_times_t(temperature: float) -> None:
    own, other = drawn(5, 7), drawn(5, 7, seed=1)
    expected = temperature * ((own / temperature).softmax(1) - (other / temperature).softmax(1)) / 5
    torch.testing.assert_close(gradient(own, other, temperature), expected)


def test_at_high_temperatures_the_gradient_no_longer_depends_on_it() -> None:
    """Hinton et al., eq. 4: it is the difference of the centred logits, divided by the classes."""
    own, other = drawn(5, 7), drawn(5, 7, seed=1)
    centred = (own - own.mean(1, keepdim=True)) - (other - other.mean(1, keepdim=True))
    for temperature in (1e3, 1e4):
        found = gradient(own, other, temperature)
        torch.testing.assert_close(found, centred / (5 * 7), rtol=0, atol=5 / temperature)


def test_a_teacher_that_says_the_same_teaches_nothing() -> None:
    own = drawn(5, 7)
    shifted = own + drawn(5, 1, seed=2)  # the same distribution
    assert gradient(own, shifted, 4.0).abs().max() < 1e-14
    assert abs(float(divergence(own, shifted, 4.0))) < 1e-12
    assert float(divergence(own, drawn(5, 7, seed=1), 4.0)) > 0


def test_it_is_the_mean_over_examples_of_the_textbook_divergence() -> None:
    own, other = drawn(3, 4), drawn(3, 4, seed=1)
    p, q = (other / 2).softmax(1), (own / 2).softmax(1)
    expected = 4 * (p * (p / q).log()).sum(1).mean()
    torch.testing.assert_close(divergence(own, other, 2.0), expected)


def test_the_weight_mixes_two_losses() -> None:
    loss, distance = drawn(2).exp().float()
    assert torch.equal(distilled(loss, distance, 0.0), loss)
    assert torch.equal(distilled(loss, distance, 1.0), distance)
    torch.testing.assert_close(distilled(loss, distance, 0.25), 0.75 * loss + 0.25 * distance)
