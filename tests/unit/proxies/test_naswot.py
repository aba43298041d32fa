"""NASWOT: the kernel and its log-determinant equal those counted by hand."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from audionas.proxies.naswot import kernel, naswot


class _Two(nn.Module):
    """Two ReLUs on the input as it is, one of them on its opposite's first channel."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x).sum() + torch.relu(-x[:, :1]).sum()


def test_the_kernel_counts_units_that_agree() -> None:
    x = torch.randn(6, 3, 2, 4)
    on = np.concatenate([(x > 0).flatten(1), (-x[:, :1] > 0).flatten(1)], axis=1)
    found = kernel(_Two(), x)
    for a, b in itertools.product(range(6), repeat=2):
        assert float(found[a, b]) == (on[a] == on[b]).sum()
    by_hand = on @ on.T.astype(float) + (~on) @ (~on).T.astype(float)
    assert naswot(_Two(), x) == pytest.approx(np.linalg.slogdet(by_hand)[1])
    assert naswot(_Two(), x) == pytest.approx(math.log(abs(np.linalg.det(by_hand))))


def test_two_examples_that_look_the_same_are_the_worst() -> None:
    x = torch.randn(5, 3, 2, 4)
    x[1] = 2 * x[0]
    assert naswot(_Two(), x[[0, 2, 3, 4]]) > 0
    assert naswot(_Two(), x) == -math.inf
