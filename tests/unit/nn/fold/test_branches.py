"""The fold of parallel branches is one convolution with their function in evaluation mode."""

import itertools

import pytest
import torch
from torch import Tensor, nn

from audionas.nn.blocks import ConvBN
from audionas.nn.fold.branches import Branches
from audionas.nn.fold.fold import folded
from audionas.nn.ops import OPS, OpShape
from tests._tiers import laws

FOLDING = sorted(name for name, op in OPS.items() if op.branches)
SHAPES = [
    ((4, 4), 1, False, False),
    ((4, 6), 2, True, True),
    *itertools.product(((4, 4), (4, 6)), (1, 2), (False, True), (False, True)),
]
LIMITS = {torch.float64: 1e-12, torch.float32: 1e-6}  # of the largest output


def sound(frames: int, kind: torch.dtype, seed: int = 3) -> Tensor:
    return torch.randn(6, 4, 1, frames, generator=torch.Generator().manual_seed(seed)).to(kind) * 2 + 1


def trained(op: nn.Module, kind: torch.dtype) -> nn.Module:
    """After 20 steps along random gradients; in evaluation mode."""
    op = op.to(kind)
    optimizer = torch.optim.SGD(op.parameters(), 0.1)
    for seed in range(20):
        y = op(sound(20, kind, seed))
        optimizer.zero_grad()
        (y * torch.randn(y.shape, generator=torch.Generator().manual_seed(seed)).to(kind)).mean().backward()
        optimizer.step()
    return op.eval()


@pytest.mark.parametrize("kind", LIMITS)
@pytest.mark.parametrize("name", FOLDING)
@pytest.mark.parametrize(("channels", "stride", "causal", "bare"), laws(dict.fromkeys(SHAPES), fast=2))
def test_a_trained_operation_is_its_fold(
    name: str, channels: tuple[int, int], stride: int, causal: bool, bare: bool, kind: torch.dtype
) -> None:
    torch.manual_seed(0)
    op = trained(OPS[name].make(OpShape(*channels, (1, stride), causal, bare=bare)), kind)
    one = folded(op)
    assert not any(isinstance(part, Branches) for part in one.modules())
    with torch.no_grad():
        for frames in (41, 42, 1):
            wanted, found = op(sound(frames, kind)), one(sound(frames, kind))
            assert found.shape == wanted.shape
            assert (found - wanted).abs().max() <= LIMITS[kind] * wanted.abs().max()
            assert wanted.std() > 0.01


@pytest.mark.parametrize("causal", [False, True])
def test_taps_lie_in_the_middle_or_at_the_end(causal: bool) -> None:
    branches = Branches(2, 2, (5, 3, 1), causal=causal, identity=True).double().eval()
    for branch, value in zip(branches.sums.values(), (1.0, 10.0, 100.0), strict=True):
        nn.init.constant_(branch.conv.weight, value)
    for norm in (part for part in branches.modules() if isinstance(part, nn.BatchNorm2d)):
        norm.running_var.fill_(1 - norm.eps)
    kernel = branches.folded().conv.weight
    line = [1, 1, 11, 11, 111] if causal else [1, 11, 111, 11, 1]
    own = [*line[:4], 112] if causal else [1, 11, 112, 11, 1]  # with the identity
    assert torch.allclose(kernel[0, 1, 0], torch.tensor(line).double(), rtol=1e-12)
    assert torch.allclose(kernel[1, 1, 0], torch.tensor(own).double(), rtol=1e-12)


@pytest.mark.parametrize("groups", [1, 4])
def test_the_fold_is_the_plain_operation(groups: int) -> None:
    """Same names, shapes, form and activation: everything that treats one treats the other."""
    options = {"groups": groups, "causal": True}
    one = Branches(4, 4, (5, 1), stride=2, act="relu6", eps=1e-3, **options).eval().folded()
    plain = ConvBN(4, 4, (1, 5), stride=(1, 2), act="relu6", eps=1e-3, **options)
    assert {n: t.shape for n, t in one.state_dict().items()} == {
        n: t.shape for n, t in plain.state_dict().items()
    }
    assert str(one) == str(plain)
    assert one.conv.past == plain.conv.past == 4


def test_the_input_is_added_only_where_the_shape_stays() -> None:
    assert Branches(4, 4, (3, 1), identity=True).identity is not None
    assert Branches(4, 6, (3, 1), identity=True).identity is None
    assert Branches(4, 4, (3, 1), identity=True, stride=2).identity is None


def test_a_fold_draws_nothing_and_keeps_the_branches() -> None:
    op = Branches(4, 4, (3, 1), identity=True).eval()
    before, state = {n: t.clone() for n, t in op.state_dict().items()}, torch.get_rng_state()
    _ = op.folded()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(tensor, before[name]) for name, tensor in op.state_dict().items())
