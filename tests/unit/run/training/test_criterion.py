"""The loss of a batch: weights multiply each example's loss, and ones change no bit."""

import pytest
import torch
from torch.nn import functional

from audionas.engine.max_pool import max_pool
from audionas.run.training.criterion import Criterion

LOGITS = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
TARGET = torch.tensor([0, 2, 1, 1, 0, 2])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_each_example_counts_by_its_weight(smoothing: float) -> None:
    each = functional.cross_entropy(LOGITS, TARGET, label_smoothing=smoothing, reduction="none")
    weights = torch.tensor([1.0, 0.0, 20.0, 1.0, 0.5, 2.0])
    wanted = sum(float(w) * float(loss) for w, loss in zip(weights, each, strict=True)) / 6
    assert float(Criterion(smoothing, weights)(LOGITS, TARGET)) == pytest.approx(wanted)
    twice = Criterion(smoothing, 2 * weights)(LOGITS, TARGET)
    assert float(twice) == pytest.approx(2 * wanted)


def test_without_weights_it_is_the_usual_loss_to_the_bit() -> None:
    usual = torch.nn.CrossEntropyLoss(label_smoothing=0.1)(LOGITS, TARGET)
    assert torch.equal(Criterion(0.1)(LOGITS, TARGET), usual)


def test_the_pooled_loss_has_the_weights_of_its_clips() -> None:
    hops = torch.randn(6, 4, 3, generator=torch.Generator().manual_seed(1))
    only = torch.tensor([0.0, 0.0, 0.0, 1.0, 0.0, 0.0])
    found = max_pool(hops, TARGET, [1], criterion=Criterion(0.0, only))
    assert float(found) == pytest.approx(float(max_pool(hops[3:4], TARGET[3:4], [1])) / 6)
