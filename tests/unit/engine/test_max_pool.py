"""The max-pooling loss: which hop of a clip is taught."""

import math

import pytest
import torch
from torch.nn import functional

from audionas.core.errors import UserError
from audionas.engine.conf import Train
from audionas.engine.max_pool import chosen, keywords, max_pool

pytestmark = pytest.mark.numeric

# (2 clips, 4 hops, 3 classes) posteriors of two keywords and _other_
POSTERIORS = torch.tensor(
    [
        [[0.5, 0.1, 0.4], [0.2, 0.7, 0.1], [0.3, 0.3, 0.4], [0.4, 0.5, 0.1]],
        [[0.5, 0.1, 0.4], [0.2, 0.7, 0.1], [0.3, 0.3, 0.4], [0.4, 0.5, 0.1]],
    ]
)
TARGET = torch.tensor([0, 2])


def test_a_keyword_is_taught_at_its_own_peak_and_the_rest_where_it_is_most_like_any_keyword() -> None:
    assert chosen(POSTERIORS.log(), TARGET, [0, 1]).tolist() == [0, 1]
    loss = max_pool(POSTERIORS.log(), TARGET, [0, 1])
    assert float(loss) == pytest.approx((-math.log(0.5) - math.log(0.1)) / 2, rel=1e-5)


def test_hops_that_heard_too_little_are_left_out_but_never_the_last() -> None:
    assert chosen(POSTERIORS.log(), TARGET, [0, 1], after=2).tolist() == [3, 3]
    assert chosen(POSTERIORS.log(), TARGET, [0, 1], after=99).tolist() == [3, 3]


def test_only_the_taught_hops_have_a_gradient() -> None:
    logits = POSTERIORS.log().requires_grad_()
    max_pool(logits, TARGET, [0, 1]).backward()
    assert logits.grad is not None
    assert logits.grad.abs().sum(2).nonzero().tolist() == [[0, 0], [1, 1]]


def test_with_one_hop_it_is_cross_entropy() -> None:
    logits = torch.randn(5, 1, 2)
    target = torch.tensor([0, 1, 1, 0, 1])
    for smoothing in (0.0, 0.1):
        wanted = functional.cross_entropy(logits[:, 0], target, label_smoothing=smoothing)
        torch.testing.assert_close(
            max_pool(logits, target, [0], criterion=torch.nn.CrossEntropyLoss(label_smoothing=smoothing)),
            wanted,
        )


def test_what_is_impossible_is_said() -> None:
    assert keywords(["_other_", "computer"]) == [1]
    for labels in (["yes", "no"], ["_other_", "_silence_"]):
        with pytest.raises(UserError, match="max_pool needs a keyword and another label"):
            keywords(labels)
    with pytest.raises(UserError) as caught:
        Train(pool_weight=0, pool_after=-1, loss="max_pool", auxiliary=0.4)
    assert len(caught.value.problems) == 3
