"""SWAP: the number of different patterns of the units over a batch."""

import pytest
import torch
from torch import nn

from audionas.core.errors import UserError
from audionas.proxies.swap import swap


def batch(patterns: list[int], examples: int = 16) -> torch.Tensor:
    """Inputs (B, units, 1, 1) whose unit u is on in the examples that are the bits of `patterns[u]`."""
    on = torch.tensor([[bool(p >> e & 1) for p in patterns] for e in range(examples)])
    return torch.where(on, 1.0, -1.0)[..., None, None]


def test_equal_patterns_count_once_within_and_across_activations() -> None:
    assert swap(nn.ReLU(), batch([0, 1, 5, 5, 65535])) == 4
    twice = nn.Sequential(nn.ReLU(), nn.ReLU())  # the second sees the same signs
    assert swap(twice, batch([1, 5, 5, 65535])) == 3
    assert swap(nn.ReLU(), batch([1 << 60, 1 << 61, 1], examples=62)) == 3


def test_more_different_units_score_higher_and_no_more_than_all() -> None:
    torch.manual_seed(0)
    x = torch.randn(16, 8, 1, 1)
    few, many = (swap(nn.Sequential(nn.Conv2d(8, n, 1), nn.ReLU()), x) for n in (4, 4096))
    assert 1 <= few <= 4 < many <= 4096


@pytest.mark.parametrize("examples", [15, 63])
def test_too_small_and_too_large_batches_are_refused(examples: int) -> None:
    with pytest.raises(UserError, match=f"needs 16 to 62 different training examples, and got {examples}"):
        swap(nn.ReLU(), torch.randn(examples, 2, 1, 1))
