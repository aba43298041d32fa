"""The signs at activations: every kind of activation is seen, and nothing is changed by looking."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from audionas.core.errors import UserError
from audionas.nn.blocks import ACTS
from audionas.proxies.signs import signs


class _Called(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x)


@pytest.mark.parametrize("act", [*ACTS.values(), _Called, lambda: nn.ReLU(inplace=True)])
def test_each_activation_is_seen_with_the_signs_that_enter_it(act) -> None:
    x = torch.randn(4, 2, 3, 5)
    found: list[Tensor] = []
    signs(act(), x.clone(), found.append)
    assert [one.tolist() for one in found] == [(x > 0).flatten(1).tolist()]


def test_norms_use_the_batch_and_keep_their_statistics() -> None:
    net = nn.Sequential(nn.BatchNorm2d(2), nn.ReLU()).eval()
    x = torch.randn(64, 2, 3, 3) + 100
    found: list[Tensor] = []
    signs(net, x, found.append)
    assert 0.3 < float(found[0].float().mean()) < 0.7  # with running statistics all would be on
    assert float(net[0].running_mean.abs().sum()) == 0
    assert not net.training


def test_a_network_without_activations_is_refused() -> None:
    with pytest.raises(UserError, match="this one has none"):
        signs(nn.Conv2d(1, 1, 1), torch.randn(2, 1, 3, 3), lambda on: None)
