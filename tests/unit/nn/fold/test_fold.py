"""A network is folded once, in evaluation mode, without a trace of its branches."""

import pytest
import torch
from torch import nn

from audionas.nn.fold.branches import Branches
from audionas.nn.fold.fold import folded, folds, in_use
from audionas.nn.ops import OPS, OpShape


def chain() -> nn.Module:
    """Branches within an operation, as an operation, and none."""
    return nn.Sequential(*(OPS[name].make(OpShape(4, 4)) for name in ("mt_k9", "rep_k3", "tc_k3")))


def test_folding_twice_changes_nothing() -> None:
    once = folded(chain().eval())
    assert folded(once) is once
    assert in_use(once) is once
    assert not folds(once)


def test_a_network_without_branches_is_left_alone() -> None:
    net = OPS["tc_k3"].make(OpShape(4, 4))
    assert folded(net) is net
    assert net.training


def test_the_original_stays_whole() -> None:
    net = chain().eval()
    _ = folded(net)
    assert sum(isinstance(part, Branches) for part in net.modules()) == 2


def test_branches_that_train_are_not_folded() -> None:
    net = chain()
    with pytest.raises(RuntimeError, match=r"call eval\(\) first"):
        folded(net)
    net.eval()[1].train()
    with pytest.raises(RuntimeError, match=r"call eval\(\) first"):
        folded(net)


def test_a_network_in_use_is_a_folded_copy_even_of_one_that_trains() -> None:
    net = chain()
    used = in_use(net)
    assert net.training
    assert folds(net)
    assert not folds(used)
    x = torch.randn(2, 4, 1, 20)
    with torch.no_grad():
        torch.testing.assert_close(used(x), net.eval()(x))


def test_nothing_is_computed_on_the_meta_device() -> None:
    with torch.device("meta"):
        used = in_use(chain())
    assert all(tensor.is_meta for tensor in used.state_dict().values())
