"""Every candidate operation: the shape law, causality, gradients, and the skip as identity."""

import pytest
import torch

from audionas.nn.ops import FREE, OPS, OpShape
from tests.invariants._cases import shake

STRIDES = (1, 2)
CELL = [n for n in OPS if n.endswith(("3x3", "5x5", "7x7", "1x1")) or n in ("none", "noise", "skip_connect")]
AUDIO = [name for name in OPS if name not in CELL]  # of chains: causal where asked
CONVS = [name for name in OPS if OPS[name].kind == "conv"]


FAST = {
    "mt_k9",
    "rep_k5",
    "mixdw_k5_9_res",
    "skip",
    "tc_k3",
    "tc_k9_se",
    "mb_k3_e3_se",
    "mix_k35_e3",
    "cp_k3_e15",
}
FAST |= {"none", "noise", "skip_connect", "max_pool_3x3", "sep_conv_3x3", "dil_conv_5x5", "nor_conv_3x3"}


def every(names):
    """A test of operations: fast for one of each kind, of the laws for the others."""
    cases = [pytest.param(n, marks=() if n in FAST else pytest.mark.laws, id=n) for n in names]
    return pytest.mark.parametrize("name", cases)


def made(name, c_in=4, c_out=6, stride=1, causal=False, search=False):
    torch.manual_seed(0)
    both = (stride, stride) if 2 in OPS[name].axes or name in CELL else (1, stride)
    return shake(OPS[name].make(OpShape(c_in, c_out, both, causal, bare=search, pool_norm=search))).eval()


def channels_of(name, stride=1):
    """A skip_connect that keeps the resolution keeps the channels."""
    return (4, 4) if name in CELL and stride == 1 else (4, 6)


def clip(frames=41, channels=4, batch=1, high=1):
    return torch.randn(batch, channels, high, frames, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("stride", STRIDES)
@every(AUDIO)
def test_it_keeps_every_position_that_the_stride_leaves(name, stride, causal):
    op = made(name, stride=stride, causal=causal)
    high = 5 if 2 in OPS[name].axes else 1
    with torch.no_grad():
        for frames in range(97, 102):
            across = -(-high // stride) if high > 1 else 1
            assert op(clip(frames, batch=2, high=high)).shape == (2, 6, across, -(-frames // stride))


@pytest.mark.parametrize("search", [False, True])
@pytest.mark.parametrize("stride", STRIDES)
@every(CELL)
def test_an_operation_of_cells_keeps_or_halves_an_image(name, stride, search):
    c_in, c_out = channels_of(name, stride)
    op = made(name, c_in, c_out, stride, search=search)
    with torch.no_grad():
        assert op(clip(12, batch=2, high=8)).shape == (2, c_out, 8 // stride, 12 // stride)
    norms = [m for m in op.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert all(norm.affine != search for norm in norms)
    assert bool(norms) == (OPS[name].kind == "conv" or (search and OPS[name].kind == "pool")) or c_in != c_out


@pytest.mark.parametrize("channels", [(4, 6), (4, 4)])
@pytest.mark.parametrize("stride", STRIDES)
@every(AUDIO)
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
@every([n for n in AUDIO if OPS[n].kernel > 1 and 3 in OPS[n].axes])
def test_an_operation_that_is_not_causal_sees_the_future(name, stride):
    op = made(name, stride=stride)
    x = clip()
    changed = x.clone()
    changed[..., 21:] += 5
    with torch.no_grad():
        assert not torch.equal(op(changed)[..., 20 // stride], op(x)[..., 20 // stride])


@pytest.mark.parametrize("stride", STRIDES)
@every([n for n in OPS if OPS[n].kind not in ("none", "noise")])
def test_gradients_reach_the_input_and_every_parameter(name, stride):
    c_in, c_out = channels_of(name, stride)
    op = made(name, c_in, c_out, stride=stride).train()
    x = clip(12, batch=4, high=8).requires_grad_()
    y = op(x)
    (y * clip(y.shape[3], c_out, 4, y.shape[2])).sum().backward()
    reached = {key: p.grad is not None and bool(p.grad.ne(0).any()) for key, p in op.named_parameters()}
    assert all(reached.values()), reached
    assert x.grad[..., ::stride].ne(0).any(dim=(0, 1, 2)).all()


@pytest.mark.parametrize("name", ["none", "noise"])
def test_what_ignores_its_input_passes_nothing_on(name):
    op = made(name)
    broken = torch.full((2, 4, 8, 8), float("nan"))
    assert torch.isfinite(op(broken)).all()
    assert not op(broken.requires_grad_()).requires_grad
    assert op(broken).ne(0).any() == (name == "noise")


@every([name for name, op in OPS.items() if op.kind == "skip"])
@pytest.mark.parametrize("causal", [False, True])
def test_a_skip_is_the_identity_where_the_shape_stays(name, causal):
    x = clip()
    kept = made(name, 4, 4, causal=causal)
    assert torch.equal(kept(x), x)
    assert not list(kept.parameters())
    assert list(made(name, 4, 4, stride=2).parameters())


@every(OPS)
def test_name_says_kernel_and_every_operation_has_a_summary(name):
    op = OPS[name]
    assert op.summary
    kernels = op.mix.kernels if op.mix else op.split or op.branches or (op.kernel,)
    assert op.kernel == max(kernels)
    said = (op.kernel,) if op.branches else kernels
    told = f"{op.kernel}x{op.kernel}" if name in CELL else f"k{('_' * bool(op.split)).join(map(str, said))}"
    assert f"_{told}_" in f"_{name}_" if op.kernel else True
    reach = {(k if 2 in op.axes else 1, k if 3 in op.axes else 1) for k in kernels}
    convs = [m for m in made(name, 4, 4).modules() if isinstance(m, torch.nn.Conv2d)]
    wide = {m.kernel_size for m in convs if m.kernel_size != (1, 1)}
    assert wide == (reach - {(1, 1)} if name in CONVS and op.kernel > 1 else set())
    assert {m.dilation for m in convs if m.kernel_size != (1, 1)} <= {
        (op.dilation, op.dilation),
        (1, op.dilation),
    }
    assert bool(list(made(name, 4, 4).parameters())) == (op.kind not in FREE)
