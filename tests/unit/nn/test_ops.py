"""Candidate operations along both axes: shapes, what their names promise, the axis that a kernel lies on."""

import itertools

import pytest
import torch

from audionas.nn.ops import OPS, OpShape

BOTTLENECKS = [n for n in OPS if n.split("_")[0] in ("mb", "mbf", "mbs")]
EXPECTED = {"mb": (3,), "mbf": (2,), "mbs": (2, 3)}


def made(name, c_in=4, c_out=6, **options):
    torch.manual_seed(0)
    return OPS[name].make(OpShape(c_in, c_out, **options)).eval()


def test_there_is_each_kernel_with_each_expansion_and_with_or_without_squeeze():
    for kind, kernels in {"mb": (3, 5, 7, 9), "mbf": (3, 5, 7), "mbs": (3, 5, 7)}.items():
        wanted = {f"{kind}_k{k}_e{e}{s}" for k in kernels for e in (3, 6) for s in ("", "_se")}
        wanted |= {f"mbs_k3_e{e}" for e in ("2_3", "2_5", "4") if kind == "mbs"}  # MobileNetV3's
        assert {n for n in BOTTLENECKS if n.startswith(f"{kind}_")} == wanted


@pytest.mark.parametrize("stride", list(itertools.product((1, 2), (1, 2))))
@pytest.mark.parametrize("name", BOTTLENECKS)
def test_both_axes_keep_every_position_that_the_stride_leaves(name, stride):
    op = made(name, stride=stride)
    with torch.no_grad():
        for freq, frames in ((1, 8), (4, 7), (5, 9)):
            shape = op(torch.randn(2, 4, freq, frames)).shape
            assert shape == (2, 6, -(-freq // stride[0]), -(-frames // stride[1]))


@pytest.mark.parametrize("name", BOTTLENECKS)
def test_the_kernel_lies_along_the_axes_that_the_operation_names(name):
    kind, kernel, *expansion = name.removesuffix("_se").split("_")
    op, built = OPS[name], made(name)
    assert op.axes == EXPECTED[kind]
    assert f"k{op.kernel}" == kernel
    assert built.depthwise.conv.kernel_size == tuple(op.kernel if axis in op.axes else 1 for axis in (2, 3))
    assert built.depthwise.conv.out_channels == round(4 * float(".".join(expansion)[1:]))
    assert (sum("squeeze" in n for n, _ in built.named_modules()) > 0) == name.endswith("_se")


@pytest.mark.parametrize("name", [n for n in BOTTLENECKS if not n.endswith("_se")])
def test_a_kernel_reaches_half_its_size_along_its_axes_and_nowhere_else(name):
    op, half = OPS[name], OPS[name].kernel // 2
    net, x = made(name), torch.randn(1, 4, 21, 21)
    changed = x.clone()
    changed[:, :, 10, 10] += 5
    with torch.no_grad():
        moved = (net(x) != net(changed)).any(dim=1)[0].nonzero()
    reach = [half if axis in op.axes else 0 for axis in (2, 3)]
    assert moved.min(0).values.tolist() == [10 - r for r in reach]
    assert moved.max(0).values.tolist() == [10 + r for r in reach]


@pytest.mark.parametrize("name", BOTTLENECKS)
def test_a_causal_bottleneck_ignores_the_future_at_every_frequency(name):
    net, x = made(name, causal=True), torch.randn(1, 4, 6, 12)
    changed = x.clone()
    changed[..., 7:] += 5
    with torch.no_grad():
        before, after = net(x), net(changed)
    assert torch.equal(before[..., :7], after[..., :7])
    assert not torch.equal(before[..., 7:], after[..., 7:])


@pytest.mark.parametrize("name", BOTTLENECKS)
def test_relu6_is_taken_where_the_network_asks_for_it(name):
    bounded, free = made(name, act="relu6"), made(name)
    assert sum(isinstance(m, torch.nn.ReLU6) for m in bounded.modules()) == 2
    assert not any(isinstance(m, torch.nn.ReLU6) for m in free.modules())
    bounded.load_state_dict(free.state_dict())
    x = torch.randn(1, 4, 5, 6)
    with torch.no_grad():
        torch.testing.assert_close(bounded(x), free(x))
        assert not torch.allclose(bounded(100 * x), free(100 * x))


@pytest.mark.parametrize("name", [n for n, op in OPS.items() if "3x3" in n or "5x5" in n or "7x7" in n])
def test_the_operations_of_cells_have_square_kernels(name):
    assert OPS[name].axes == (2, 3)
    convs = [m for m in made(name).modules() if isinstance(m, torch.nn.Conv2d) and m.kernel_size != (1, 1)]
    assert all(m.kernel_size == (OPS[name].kernel, OPS[name].kernel) for m in convs)
