"""Mixup: what is mixed, the loss of both labels, and that nothing is drawn where it is off."""

import pytest
import torch
from torch.nn import functional

from audionas.core.errors import UserError
from audionas.data.batches import Batch
from audionas.engine.conf import Train
from audionas.engine.distill import Distill
from audionas.run.training import mixup

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0], [0.0, 0.0, 3.0], [1.0, -2.0, 0.0]])
TARGET = torch.tensor([0, 1, 2, 1])


def test_a_mix_is_the_shares_of_two_examples() -> None:
    mix = mixup.Mix(0.75, torch.tensor([1, 2, 3, 0]))
    x = torch.tensor([[4.0], [8.0], [0.0], [12.0]])
    assert mix.of(x).flatten().tolist() == [5.0, 6.0, 3.0, 10.0]
    sound, pixels = Batch(x, TARGET), Batch(torch.zeros(4, 2, 2, 3, dtype=torch.uint8), TARGET)
    assert torch.equal(mix.sound(sound).x, mix.of(x))
    assert torch.equal(mix.pixels(mix.sound(sound), x), x)  # once is enough
    assert mix.sound(pixels) is pixels
    assert torch.equal(mix.pixels(pixels, x), mix.of(x))


@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 2.0, 0.0, 5.0])])
def test_the_loss_is_that_of_soft_labels(weights: torch.Tensor | None) -> None:
    mix = mixup.Mix(0.7, torch.tensor([2, 0, 3, 1]))
    each = functional.cross_entropy(LOGITS, TARGET, reduction="none")
    theirs = functional.cross_entropy(LOGITS, TARGET[mix.order], reduction="none")
    one = torch.ones(4) if weights is None else weights
    expected = (0.7 * one * each + 0.3 * one[mix.order] * theirs).mean()
    assert mixup.criterion(0.0, weights, mix)(LOGITS, TARGET) == pytest.approx(expected)
    if weights is None:
        soft = 0.7 * functional.one_hot(TARGET, 3) + 0.3 * functional.one_hot(TARGET[mix.order], 3)
        assert expected == pytest.approx(functional.cross_entropy(LOGITS, soft))
    whole = mixup.criterion(0.1, weights, mixup.Mix(1.0, mix.order))(LOGITS, TARGET)
    assert whole == pytest.approx(mixup.criterion(0.1, weights, None)(LOGITS, TARGET))


def test_shares_have_their_distribution_and_off_draws_nothing() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    assert mixup.draw(8, 0.0) is None
    assert torch.equal(torch.get_rng_state(), before)
    drawn = [mixup.draw(8, 0.5) for _ in range(400)]
    shares = torch.tensor([mix.share for mix in drawn if mix])
    assert shares.mean() == pytest.approx(0.5, abs=0.06)
    assert shares.var() == pytest.approx(0.125, abs=0.02)  # of Beta(a, a): 1 / (8 a + 4)
    assert all(sorted(mix.order.tolist()) == list(range(8)) for mix in drawn if mix)


def test_what_contradicts_mixup_is_refused() -> None:
    for text, given in (
        ("train.mixup is -1", {"mixup": -1.0}),
        ("max_pool excludes train.mixup", {"mixup": 0.2, "loss": "max_pool"}),
        ("excludes train.distill.cache", {"mixup": 0.2, "distill": Distill(teacher=("exp/t",), cache=True)}),
    ):
        with pytest.raises(UserError, match=text):
            Train(**given)
