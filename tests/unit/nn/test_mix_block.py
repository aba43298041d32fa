"""Kernels in parallel: which there are, what the block computes, what a shared one gives to each."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from audionas.nn.blocks import MBBlock
from audionas.nn.mix import Mix, MixBlock, SharedMix, mixes
from audionas.nn.ops import KERNELS, OPS, OpShape
from audionas.nn.shadow_norm import ShadowNorm
from tests.invariants._cases import shake

AXES = {"mix": (3,), "mixs": (2, 3)}
MIXED = [name for name, op in OPS.items() if op.mix is not None]
ALL = mixes(KERNELS, 4)


def drawn(*size):
    return torch.randn(*size, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(("most", "count"), [(1, 8), (2, 20), (3, 28), (4, 30)])
def test_the_sets_of_at_most_m_kernels(most, count):
    """The table of 5.2: non-empty sets, each with both expansions."""
    found = mixes(KERNELS, most)
    assert len(set(found)) == len(found) == count
    assert {mix.expansion for mix in found} == {3, 6}
    assert all(list(mix.kernels) == sorted(set(mix.kernels)) for mix in found)
    assert all(1 <= len(mix.kernels) <= most for mix in found)
    assert [len(mix.kernels) for mix in found] == sorted(len(mix.kernels) for mix in found)


def test_every_set_is_an_operation_over_time_and_on_squares():
    assert sorted(MIXED) == sorted(f"{kind}_{mix.name}" for kind in AXES for mix in ALL)
    assert OPS["mix_k359_e6"].mix == Mix((3, 5, 9), 6)
    assert all(OPS[name].axes == AXES[name.split("_")[0]] for name in MIXED)


@pytest.mark.parametrize("stride", [(1, 1), (1, 2), (2, 2)])
@pytest.mark.parametrize("name", ["mix_k3_e3", "mix_k57_e3", "mixs_k359_e6", "mix_k3579_e6"])
def test_a_block_is_what_5_3_says(name, stride):
    """Expansion, branches with norms and activations of their own, their sum, projection, norm, shortcut."""
    torch.manual_seed(0)
    block = shake(OPS[name].make(OpShape(4, 4, stride, act="relu6")), 3.0).eval()
    state, x = block.state_dict(), drawn(2, 4, 9, 11)

    def norm(y, at):
        keys = ("running_mean", "running_var", "weight", "bias")
        return functional.batch_norm(y, *(state[f"{at}.{key}"] for key in keys))

    def layer(y, at, **how):
        return functional.relu6(norm(functional.conv2d(y, state[f"{at}.conv.weight"], **how), f"{at}.bn"))

    wide, total = layer(x, "expand"), 0
    for k in OPS[name].mix.kernels:
        padding = tuple(k // 2 if axis in OPS[name].axes else 0 for axis in (2, 3))
        more = layer(wide, f"branches.k{k}", stride=stride, padding=padding, groups=wide.shape[1])
        assert (more == 6).any()
        total = total + more
    expected = norm(functional.conv2d(total, state["project.weight"]), "norm")
    with torch.no_grad():
        torch.testing.assert_close(block(x), expected + x if stride == (1, 1) else expected)
    assert len(state) == 6 * (2 + len(OPS[name].mix.kernels))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kernel", KERNELS)
def test_one_kernel_is_the_plain_inverted_bottleneck(kernel, training):
    torch.manual_seed(0)
    plain = shake(MBBlock(4, 4, (1, kernel), expansion=3, stride=(1, 1)))
    alone = OPS[f"mix_k{kernel}_e3"].make(OpShape(4, 4))
    names = {"depthwise": f"branches.k{kernel}", "project.conv": "project", "project.bn": "norm"}
    state = {}
    for name, tensor in plain.state_dict().items():
        old = next((old for old in names if name.startswith(f"{old}.")), "")
        state[names.get(old, old) + name[len(old) :]] = tensor
    alone.load_state_dict(state)
    x = drawn(3, 4, 1, 20)
    assert torch.equal(plain.train(training)(x), alone.train(training)(x))


@pytest.mark.parametrize("name", MIXED)
def test_every_branch_is_bounded_where_the_network_asks_for_it(name):
    acts = {
        act: [type(m) for m in OPS[name].make(OpShape(4, 6, act=act)).modules()] for act in ("relu", "relu6")
    }
    count = 1 + len(OPS[name].mix.kernels)
    assert acts["relu6"].count(nn.ReLU6) == acts["relu"].count(nn.ReLU) == count


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_a_shared_block_gives_each_set_its_weights(training, single):
    """Bit for bit, batch statistics too; what is not of the set neither learns nor sees anything."""
    form = dict(axes=(3,), stride=(1, 1))
    norm = ShadowNorm(4, 4, single=single)
    torch.manual_seed(0)
    shared, x = shake(SharedMix(4, 4, Mix(KERNELS, 3), norm=norm, **form)), drawn(3, 4, 1, 20)
    for mix in (mix for mix in ALL if mix.expansion == 3):
        alone = MixBlock(4, 4, mix, **form)
        own = shared.weights_of(mix.kernels)
        alone.load_state_dict(own)
        storages = {tensor.data_ptr() for tensor in own.values()}
        rest = {n: t.clone() for n, t in shared.state_dict().items() if t.data_ptr() not in storages}
        y = shared.train(training)(x, mix.kernels)
        assert torch.equal(y, alone.train(training)(x))
        now = shared.weights_of(mix.kernels)
        assert all(torch.equal(now[name], tensor) for name, tensor in alone.state_dict().items())
        assert all(torch.equal(shared.state_dict()[name], tensor) for name, tensor in rest.items())
        shared.zero_grad(set_to_none=True)
        y.square().sum().backward()
        learnt = {p.data_ptr() for p in shared.parameters() if p.grad is not None}
        assert learnt == {p.data_ptr() for p in shared.parameters()} & storages
