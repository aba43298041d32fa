"""Blocks of temporal networks and MobileNets against their formulas."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from audionas.nn.blocks import SE, Conv, Head, LateHead, MBBlock, SEForm, TCBlock, WideHead, init_weights

pytestmark = pytest.mark.numeric

ACTS = {
    "relu": functional.relu,
    "relu6": functional.relu6,
    "hswish": lambda x: x * functional.relu6(x + 3) / 6,
}


def clip(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dilation", [1, 2, 4])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 3, 9])
def test_a_convolution_keeps_ceil_of_size_over_stride(kernel, stride, dilation, causal):
    conv = Conv(2, 3, (3, kernel), stride=(stride, stride), dilation=(1, dilation), causal=causal)
    for frames in (1, 7, 8, 9):
        assert conv(clip(1, 2, 5, frames)).shape == (1, 3, math.ceil(5 / stride), math.ceil(frames / stride))


@pytest.mark.parametrize("dilation", [1, 3])
def test_a_causal_convolution_is_the_sum_over_past_frames(dilation):
    conv = Conv(1, 1, (1, 3), dilation=(1, dilation), causal=True).double()
    x = clip(1, 1, 1, 12).double()
    w, past = conv.weight[0, 0, 0], functional.pad(x[0, 0, 0], (2 * dilation, 0))
    expected = [sum(w[k] * past[t + k * dilation] for k in range(3)) for t in range(12)]
    torch.testing.assert_close(conv(x)[0, 0, 0], torch.stack(expected))


def test_squeeze_and_excitation_scales_channels_by_the_mean_over_the_clip():
    se, x = SE(16), clip(2, 16, 1, 9)
    pooled = x.mean((2, 3))
    first = functional.relu(pooled @ se.squeeze.weight[:, :, 0, 0].T + se.squeeze.bias)
    scale = torch.sigmoid(first @ se.excite.weight[:, :, 0, 0].T + se.excite.bias)
    torch.testing.assert_close(se(x), x * scale[:, :, None, None])


@pytest.mark.parametrize("act", ACTS)
def test_a_squeeze_with_another_activation_and_the_hard_sigmoid(act):
    se, x = SE(16, form=SEForm(act, hard=True)), 20 * clip(2, 16, 1, 9)
    first = ACTS[act](x.mean((2, 3)) @ se.squeeze.weight[:, :, 0, 0].T + se.squeeze.bias)
    scale = functional.relu6(first @ se.excite.weight[:, :, 0, 0].T + se.excite.bias + 3) / 6
    torch.testing.assert_close(se(x), x * scale[:, :, None, None])


@pytest.mark.parametrize(("channels", "hidden"), [(8, 8), (32, 8), (36, 9), (192, 48)])
def test_squeeze_has_a_quarter_of_the_channels_but_at_least_eight(channels, hidden):
    assert SE(channels).squeeze.out_channels == hidden


def test_causal_squeeze_is_that_of_the_clip_up_to_each_frame():
    """Frame t is scaled as in a clip that ends there; the last frame as without causality."""
    se, x = SE(8), clip(2, 8, 3, 11)
    causal = SE(8, causal=True)
    causal.load_state_dict(se.state_dict())
    for t in range(11):
        torch.testing.assert_close(causal(x)[..., t], se(x[..., : t + 1])[..., t])


@pytest.mark.parametrize("wide", [False, True])
def test_the_residual_block_of_tc_resnet(wide):
    block = TCBlock(3, 4, 5, stride=2, wide_shortcut=wide).eval()
    x = clip(2, 3, 1, 10)
    y = functional.relu(functional.conv2d(x, block.first.conv.weight, stride=(1, 2), padding=(0, 2)) / norm())
    y = functional.conv2d(y, block.second.conv.weight, padding=(0, 2)) / norm()
    z = functional.conv2d(x, block.shortcut.conv.weight, stride=(1, 2), padding=(0, 2 * wide)) / norm()
    torch.testing.assert_close(block(x), functional.relu(y + functional.relu(z)))
    assert block.shortcut.conv.kernel_size == (1, 5 if wide else 1)


def test_the_residual_block_keeps_its_input_where_the_shape_stays():
    block = TCBlock(3, 3, 5, stride=1).eval()
    nn.init.zeros_(block.second.conv.weight)
    x = clip(2, 3, 1, 10)
    assert torch.equal(block(x), functional.relu(x))


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.parametrize("kernel", [(1, 5), (5, 1), (3, 3)])
def test_the_inverted_bottleneck(kernel, name):
    block = MBBlock(3, 3, kernel, expansion=6, stride=(1, 1), act=name).eval()
    x, act = 20 * clip(2, 3, 6, 10), ACTS[name]
    y = act(functional.conv2d(x, block.expand.conv.weight) / norm())
    padding = tuple(k // 2 for k in kernel)
    y = act(functional.conv2d(y, block.depthwise.conv.weight, padding=padding, groups=18) / norm())
    torch.testing.assert_close(block(x), x + functional.conv2d(y, block.project.conv.weight) / norm())


def test_an_inverted_bottleneck_that_does_not_expand_has_no_first_convolution():
    block = MBBlock(3, 4, (3, 3), expansion=1, stride=(1, 1)).eval()
    x = clip(2, 3, 6, 10)
    y = functional.relu(functional.conv2d(x, block.depthwise.conv.weight, padding=1, groups=3) / norm())
    torch.testing.assert_close(block(x), functional.conv2d(y, block.project.conv.weight) / norm())


SHAPES = [(3, (1, 1), True), (4, (1, 1), False), (3, (1, 2), False), (3, (2, 1), False)]


@pytest.mark.parametrize(("c_out", "stride", "residual"), SHAPES)
def test_the_inverted_bottleneck_adds_its_input_where_the_shape_stays(c_out, stride, residual):
    block = MBBlock(3, c_out, (1, 3), expansion=3, stride=stride).eval()
    nn.init.zeros_(block.project.conv.weight)
    x = clip(1, 3, 4, 6)
    expected = x if residual else torch.zeros(1, c_out, 4 // stride[0], 6 // stride[1])
    assert torch.equal(block(x), expected)


def test_a_kernel_over_one_axis_subsamples_the_other():
    """At stride 2 along an axis of kernel size 1 every second position is read and no other."""
    block = MBBlock(2, 2, (1, 3), expansion=3, stride=(2, 1)).eval()
    x = clip(1, 2, 5, 6)
    changed = x.clone()
    changed[:, :, 1::2] += 3
    assert torch.equal(block(x), block(changed))
    assert block(x).shape == (1, 2, 3, 6)


def norm():
    """What a fresh batch norm divides by in evaluation."""
    return math.sqrt(1 + 1e-5)


def test_the_head_averages_then_drops_out_while_training_only():
    head, x = Head(6, 4, dropout=0.5).eval(), clip(3, 6, 2, 5)
    torch.testing.assert_close(
        head(x), functional.linear(x.mean((2, 3)), head.linear.weight, head.linear.bias)
    )
    torch.manual_seed(0)
    assert not torch.equal(head.train()(x), head.eval()(x))


@pytest.mark.parametrize("act", ACTS)
def test_the_wide_head_widens_before_it_averages(act):
    head, x = WideHead(3, 8, 4, act=act).eval(), 20 * clip(2, 3, 4, 5)
    pooled = ACTS[act](functional.conv2d(x, head.conv.conv.weight) / norm()).mean((2, 3))
    torch.testing.assert_close(head(x), functional.linear(pooled, head.linear.weight, head.linear.bias))


def test_the_late_head_widens_once_more_after_it_has_averaged():
    head, x = LateHead(3, 8, 10, 4).eval(), 20 * clip(2, 3, 4, 5)
    pooled = ACTS["hswish"](functional.conv2d(x, head.conv.conv.weight) / norm()).mean((2, 3), keepdim=True)
    last = ACTS["hswish"](functional.conv2d(pooled, head.late.weight))[:, :, 0, 0]
    torch.testing.assert_close(head(x), functional.linear(last, head.linear.weight, head.linear.bias))


def test_weights_begin_with_the_deviation_of_he():
    net = nn.Sequential(nn.Conv2d(50, 80, (1, 5)), nn.Linear(4, 4))
    linear = net[1].weight.clone()
    init_weights(net)
    assert net[0].weight.std().item() == pytest.approx(math.sqrt(2 / (80 * 5)), rel=0.02)
    assert not net[0].bias.any()
    assert torch.equal(net[1].weight, linear)
