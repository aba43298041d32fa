"""The separable block: the sum of its branches before the last ReLU, with strides and sub-blocks."""

import pytest
import torch

from audionas.nn.separable.blocks import TCSBlock

X = torch.randn(2, 6, 1, 20, generator=torch.manual_seed(0))


def test_the_shortcut_is_added_before_the_last_relu() -> None:
    torch.manual_seed(0)
    plain = TCSBlock(6, 5, 3).eval()
    block = TCSBlock(6, 5, 3, residual=True).eval()
    block.load_state_dict(plain.state_dict(), strict=False)
    torch.testing.assert_close(plain(X), plain.body(X).relu())
    torch.testing.assert_close(block(X), (plain.body(X) + block.shortcut(X)).relu())
    assert (plain.body(X) < 0).any()


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("repeat", [1, 2])
@pytest.mark.parametrize("causal", [True, False])
def test_shapes_and_counts(stride: int, repeat: int, causal: bool) -> None:
    block = TCSBlock(6, 4, 5, repeat=repeat, residual=True, stride=stride, dilation=2, causal=causal)
    assert block(X).shape == (2, 4, 1, -(-20 // stride))
    first, again, shortcut = 6 * 5 + 6 * 4 + 8, 4 * 5 + 4 * 4 + 8, 6 * 4 + 8
    assert sum(p.numel() for p in block.parameters()) == first + (repeat - 1) * again + shortcut
    assert all(m.eps == 1e-3 for m in block.modules() if isinstance(m, torch.nn.BatchNorm2d))


def test_bare_norms_end_branches() -> None:
    block = TCSBlock(6, 4, 5, repeat=2, residual=True, bare=True)
    norms = {n: m.affine for n, m in block.named_modules() if isinstance(m, torch.nn.BatchNorm2d)}
    assert norms == {"body.point1.bn": True, "body.point2.bn": False, "shortcut.bn": False}
