"""The hand-made networks for keywords: they train, score clips alone, look ahead only where they may."""

import pytest
import torch
from torch.nn import functional

from audionas import zoo
from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.registry import resolve
from audionas.nn.bc_blocks import SubSpectralNorm
from audionas.spaces import space_of

SMALL = ("tc_resnet8", "tc_resnet14", "ds_cnn_s", "bc_resnet1", "sparknet_c16", "matchboxnet_3x1x64")


@pytest.mark.parametrize("name", SMALL)
def test_trains(name):
    """One step reaches every parameter, and evaluation gives one finite score a class and clip."""
    torch.manual_seed(0)
    spec = zoo.load(name)
    net = space_of(spec).build(spec, dropout=0.0)
    x = torch.randn(4, 1, spec.io.freq, spec.io.frames)
    functional.cross_entropy(net(x), torch.arange(4)).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())
    scores = net.eval()(x)
    assert scores.shape == (4, spec.io.classes)
    assert torch.isfinite(scores).all()


@pytest.mark.parametrize("name", SMALL)
def test_a_clip_is_scored_alone(name):
    """In evaluation no clip depends on its neighbours in the batch, and a second clip is not the first."""
    torch.manual_seed(0)
    spec = zoo.load(name)
    net = space_of(spec).build(spec).eval()
    x = torch.randn(3, 1, spec.io.freq, spec.io.frames)
    with torch.no_grad():
        together, alone = net(x), torch.cat([net(x[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(together[0], together[1])


@pytest.mark.parametrize(("name", "conf"), [("tc_resnet", {"depth": 14}), ("bc_resnet", {"tau": 1.0})])
@pytest.mark.parametrize("causal", [True, False])
def test_causal_networks_never_look_ahead(name, conf, causal):
    torch.manual_seed(0)
    space = resolve("space", name)(causal=causal, **conf)
    body = space.build(space.spec({}, InputSpec(1, 40, 96, 12))).eval().stem
    x = torch.randn(1, 1, 40, 96)
    changed = torch.cat([x[..., :64], torch.randn(1, 1, 40, 32)], 3)  # a multiple of every stride
    if name == "tc_resnet":
        x, changed = x.transpose(1, 2), changed.transpose(1, 2)
    with torch.no_grad():
        before, after = body(x), body(changed)
    past = 64 * before.shape[3] // 96
    assert torch.equal(before[..., :past], after[..., :past]) == causal
    assert not torch.equal(before, after)


@pytest.mark.parametrize("training", [True, False])
def test_sub_spectral_norm_is_batch_norm_in_each_band(training):
    torch.manual_seed(0)
    channels, bands = 3, 5
    norm = SubSpectralNorm(channels, bands).train(training)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    x = torch.randn(4, channels, 10, 7) + torch.arange(10.0)[:, None]
    expected = torch.empty_like(x)
    for band in range(bands):
        own = slice(band * channels, (band + 1) * channels)
        rows = slice(2 * band, 2 * band + 2)
        expected[:, :, rows] = functional.batch_norm(
            x[:, :, rows],
            norm.running_mean[own].clone(),
            norm.running_var[own].clone(),
            norm.weight[own],
            norm.bias[own],
            training=training,
        )
    torch.testing.assert_close(norm(x), expected)
    torch.testing.assert_close(norm(x.contiguous(memory_format=torch.channels_last)), expected)


def test_bc_resnet_refuses_bands_that_do_not_divide():
    space = resolve("space", "bc_resnet")()
    with pytest.raises(UserError, match="multiples of 5"):
        space.build(space.spec({}, InputSpec(1, 64, 101, 12)))


@pytest.mark.parametrize("name", ["tc_resnet", "ds_cnn", "bc_resnet"])
def test_only_one_feature_map(name):
    space = resolve("space", name)()
    with pytest.raises(UserError, match="one feature map"):
        space.build(space.spec({}, InputSpec(3, 40, 101, 12)))
