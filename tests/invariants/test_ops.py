"""Every candidate operation: the shape law, causality, gradients, and the skip as identity."""

import pytest
import torch

from audionas.nn.ops import OPS, OpShape
from tests.invariants._cases import shake

STRIDES = (1, 2)


def made(name, c_in=4, c_out=6, stride=1, causal=False):
    torch.manual_seed(0)
    return shake(OPS[name].make(OpShape(c_in, c_out, (1, stride), causal))).eval()


def clip(frames=41, channels=4, batch=1):
    return torch.randn(batch, channels, 1, frames, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("name", OPS)
def test_it_keeps_every_position_that_the_stride_leaves(name, stride, causal):
    op = made(name, stride=stride, causal=causal)
    with torch.no_grad():
        for frames in range(97, 102):
            assert op(clip(frames, batch=2)).shape == (2, 6, 1, -(-frames // stride))


@pytest.mark.parametrize("channels", [(4, 6), (4, 4)])
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("name", OPS)
def test_a_causal_operation_ignores_the_future(name, stride, channels):
    """Position p reads frames up to p * stride, and does read that one."""
    op = made(name, *channels, stride=stride, causal=True)
    x = clip()
    with torch.no_grad():
        before = op(x)
        for t in (0, 1, 16, 17, 39):
            changed = x.clone()
            changed[..., t + 1 :] = clip(41)[..., : 40 - t] + 5
            after = op(changed)
            told = t // stride + 1  # positions whose frame is not later than t
            assert torch.equal(after[..., :told], before[..., :told])
            assert not torch.equal(after[..., told], before[..., told])


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("name", [name for name, op in OPS.items() if op.kernel > 1])
def test_an_operation_that_is_not_causal_sees_the_future(name, stride):
    op = made(name, stride=stride)
    x = clip()
    changed = x.clone()
    changed[..., 21:] += 5
    with torch.no_grad():
        assert not torch.equal(op(changed)[..., 20 // stride], op(x)[..., 20 // stride])


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("name", OPS)
def test_gradients_reach_the_input_and_every_parameter(name, stride):
    op = made(name, stride=stride).train()
    x = clip(batch=4).requires_grad_()
    (op(x) * clip(-(-41 // stride), 6, 4)).sum().backward()
    reached = {key: p.grad is not None and bool(p.grad.ne(0).any()) for key, p in op.named_parameters()}
    assert all(reached.values()), reached
    assert x.grad[..., ::stride].ne(0).any(dim=(0, 1, 2)).all()


@pytest.mark.parametrize("name", [name for name, op in OPS.items() if op.kind == "skip"])
@pytest.mark.parametrize("causal", [False, True])
def test_a_skip_is_the_identity_where_the_shape_stays(name, causal):
    x = clip()
    kept = made(name, 4, 4, causal=causal)
    assert torch.equal(kept(x), x)
    assert not list(kept.parameters())
    assert list(made(name, 4, 4, stride=2).parameters())
    assert list(made(name, 4, 6).parameters())


@pytest.mark.parametrize("name", OPS)
def test_name_says_kernel_and_every_operation_has_a_summary(name):
    op = OPS[name]
    assert op.summary
    assert f"k{op.kernel}" in name.split("_") if op.kernel else True
    wide = [m for m in made(name).modules() if isinstance(m, torch.nn.Conv2d) and m.kernel_size[1] > 1]
    assert {m.kernel_size for m in wide} <= {(1, op.kernel)}
    assert bool(wide) == (op.kernel > 1)
