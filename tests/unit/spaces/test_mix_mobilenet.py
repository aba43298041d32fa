"""MixPath's chain: the official channels and strides, counted by hand."""

import pytest
import torch

from audionas.core.arch import InputSpec
from audionas.cost.graph import layers
from audionas.nn.ops import OPS
from audionas.spaces.kws_mobilenet import KwsMobilenet
from audionas.spaces.mix_mobilenet import MixMobilenet

CIFAR = InputSpec(3, 32, 32, 10)
CHANNELS = [48, 48, 96, 96, 96, 192, 192, 192, 256, 256, 320, 320]


def built(space, option, io=CIFAR):
    return space.build(space.spec({c.name: (option,) for c in space.choices()}, io))


@pytest.mark.parametrize(("most", "options"), [(2, 20), (3, 28), (4, 30)])
def test_layers_and_options(most, options):
    for space in (MixMobilenet(most=most), KwsMobilenet(preset=f"mix{most}")):
        assert {len(c.options) for c in space.choices()} == {options}
        assert {c.max_active for c in space.choices()} == {1}
        assert max(len(OPS[o].mix.kernels) for c in space.choices() for o in c.options) == most


def test_the_channels_and_the_resolutions_of_the_official_code():
    with torch.device("meta"):
        net = built(MixMobilenet(), "mixs_k35_e3")
        rows = {row.name: row.output for row in layers(net, CIFAR)}
    assert rows["stem.conv"] == (32, 32, 32)
    sizes = [32] * 2 + [16] * 3 + [8] * 7
    found = [rows[f"edges.layer{i}.ops.mixs_k35_e3.norm"] for i in range(1, 13)]
    assert found == [(c, s, s) for c, s in zip(CHANNELS, sizes, strict=True)]
    assert rows["head.conv.conv"] == (1280, 8, 8)


@pytest.mark.parametrize("kernels", [(3,), (5, 9), (3, 5, 7, 9)])
@pytest.mark.parametrize("expansion", [3, 6])
def test_parameters_and_multiply_adds_by_hand(kernels, expansion):
    option = f"mixs_k{''.join(map(str, kernels))}_e{expansion}"
    with torch.device("meta"):
        rows = layers(built(MixMobilenet(most=4), option), CIFAR)
    params, macs, c_in, size = 3 * 9 * 32 + 64, 3 * 9 * 32 * 32**2, 32, 32
    area = sum(k**2 for k in kernels)
    for i, c_out in enumerate(CHANNELS):
        wide, before = expansion * c_in, size**2
        size //= 2 if i in (2, 5) else 1
        params += wide * (c_in + area + c_out + 2 + 2 * len(kernels)) + 2 * c_out
        macs += wide * (before * c_in + size**2 * (area + c_out))
        c_in = c_out
    params += 320 * 1280 + 2 * 1280 + 1280 * 10 + 10
    macs += 320 * 1280 * size**2 + 1280 * 10
    assert sum(row.params for row in rows) == params
    assert sum(row.macs for row in rows) == macs


def test_every_activation_is_bounded_at_six():
    net = built(MixMobilenet(width=0.25), "mixs_k35_e3")
    assert not any(isinstance(m, torch.nn.ReLU) for m in net.modules())
    assert sum(isinstance(m, torch.nn.ReLU6) for m in net.modules()) == 1 + 3 * 12 + 1


@pytest.mark.parametrize("expansion", [3, 6])
@pytest.mark.parametrize("kernel", [3, 5, 7, 9])
def test_one_kernel_for_keywords_costs_what_the_usual_bottleneck_costs(kernel, expansion):
    io, suffix = InputSpec(1, 40, 98, 12), f"k{kernel}_e{expansion}"
    with torch.device("meta"):
        both = [
            layers(built(KwsMobilenet(preset=preset), f"{kind}_{suffix}", io), io)
            for preset, kind in (("mix2", "mix"), ("sf8", "mb"))
        ]
    for what in ("params", "macs"):
        assert len({sum(getattr(row, what) for row in rows) for rows in both}) == 1
