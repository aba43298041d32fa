"""Chains of inverted bottlenecks for images: layers, sizes of spaces, counts of published networks."""

import dataclasses

import pytest
import torch

from audionas import zoo
from audionas.core.arch import InputSpec
from audionas.cost.graph import layers
from audionas.spaces import space_of
from audionas.spaces.mobilenet import Mobilenet
from tests._tiers import laws

README = {  # parameters with ten classes, as the official code's counter printed them
    "fairnas_a_se": 5_835_322,
    "fairnas_b_se": 5_603_242,
    "fairnas_c_se": 5_429_530,
    "fairnas_a_se_half": 4_613_730,
    "fairnas_b_se_half": 4_424_850,
    "fairnas_c_se_half": 4_283_586,
}
COUNTS = {  # millions of multiply-adds, parameters
    "fairnas_a": ("388.1", "4.651"),
    "scarlet_a": ("365.3", "6.708"),
    "scarlet_b": ("326.9", "6.532"),
    "scarlet_c": ("280.1", "6.074"),
    "noisy_darts_a": ("446.7", "5.547"),
}
WHOLE = ("efficientnet", "fairnas_se", "fairnas_se_half", "noisy_darts_se")  # SE in every layer


def rows_of(name, classes=1000):
    spec = zoo.load(name)
    spec = dataclasses.replace(spec, io=spec.io._replace(classes=classes))
    with torch.device("meta"):
        return layers(space_of(spec).build(spec), spec.io)


@pytest.mark.parametrize("name", README)
def test_squeeze_and_excitation_has_the_hidden_units_of_the_official_code(name):
    assert sum(row.params for row in rows_of(name, classes=10)) == README[name]


@pytest.mark.parametrize("name", laws(COUNTS))
def test_counts_of_published_layers(name):
    """SCARLET-B's layers as released have 326.9 M, where the paper's table says 329."""
    rows = rows_of(name)
    found = (sum(row.macs for row in rows), sum(row.params for row in rows))
    assert (f"{found[0] / 1e6:.1f}", f"{found[1] / 1e6:.3f}") == COUNTS[name]


def test_the_count_printed_of_mobilenet_v2_leaves_out_its_norms():
    rows = rows_of("mobilenet_v2")
    assert sum(row.params for row in rows if row.kind != "norm") == 3_470_760


@pytest.mark.parametrize(
    ("form", "count", "skips", "size"),
    [
        ("proxyless", 21, 15, 7**15 * 6**6),
        ("mobilenet_v2", 16, 0, 6**16),
        ("efficientnet", 15, 0, 6**15),
        ("fairnas", 19, 0, 6**19),
        ("fairnas_se", 19, 0, 6**19),
        ("noisy_darts", 19, 13, 7**13 * 6**6),
        ("noisy_darts_se", 19, 13, 7**13 * 6**6),
        ("scarlet", 19, 13, 12**6 * 13**13),
    ],
)
def test_layers_and_sizes_of_the_spaces(form, count, skips, size):
    space = Mobilenet(form=form)
    assert len(space.choices()) == count
    assert sum("skip" in c.options for c in space.choices()) == skips
    assert space.size() == size
    most = 13 if form == "scarlet" else 7
    assert {len(c.options) for c in space.choices()} <= {most - 1, most}


@pytest.mark.parametrize("form", ["proxyless", "noisy_darts", "scarlet"])
@pytest.mark.parametrize("width", [1.0, 0.25])
def test_a_skip_stands_exactly_where_the_shape_stays_at_width_1(form, width):
    space = Mobilenet(form=form, width=width, stem_stride=1)
    io = InputSpec(3, 32, 32, 10)
    net = space.build(space.spec({c.name: ("mbs_k3_e3",) for c in space.choices()}, io))
    for choice in space.choices():
        if "skip" in choice.options:
            assert net.edges[choice.name].shape.keeps
        elif width == 1.0:
            assert not net.edges[choice.name].shape.keeps


def test_a_skipped_layer_is_gone():
    space, io = Mobilenet(width=0.25, stem_stride=1), InputSpec(3, 32, 32, 10)
    options = {c.name: ("skip",) if "skip" in c.options else ("mbs_k3_e3",) for c in space.choices()}
    rows = layers(space.build(space.spec(options, io)), io)
    assert {row.name.split(".")[1] for row in rows if row.name.startswith("edges.")} == {
        c.name for c in space.choices() if "skip" not in c.options
    }


@pytest.mark.laws
@pytest.mark.parametrize(("stem_stride", "size", "left"), [(2, 224, 7), (2, 33, 2), (1, 32, 2), (1, 16, 1)])
def test_the_network_divides_the_size_by_32_or_by_16(stem_stride, size, left):
    space, io = Mobilenet(width=0.25, stem_stride=stem_stride), InputSpec(3, size, size, 10)
    spec = space.spec({c.name: ("mbs_k3_e3",) for c in space.choices()}, io)
    with torch.device("meta"):
        rows = layers(space.build(spec), io)
    assert {row.name: row.output for row in rows}["head.conv.conv"][1:] == (left, left)


@pytest.mark.parametrize(
    ("width", "expected"),
    [(1.0, [32, 16, 24, 40, 80, 96, 192, 320]), (0.5, [16, 8, 16, 24, 40, 48, 96, 160])],
)
def test_channels_are_multiples_of_eight(width, expected):
    """Half a multiple is rounded upwards: 12 to 16, 20 to 24."""
    space, io = Mobilenet(width=width), InputSpec(3, 32, 32, 10)
    net = space.build(space.spec({c.name: ("mbs_k3_e3",) for c in space.choices()}, io))
    found = [net.stem.conv.conv.out_channels, net.stem.first.project.conv.out_channels]
    found += [net.edges[f"layer{n}"].shape.c_out for n in (1, 5, 9, 13, 17, 21)]
    assert found == expected
    assert net.head.conv.conv.out_channels == 1280 * width


def test_channels_never_fall_more_than_a_tenth_below_what_was_asked():
    net_of = {}
    for width in (0.35, 0.75, 1.4):
        space, io = Mobilenet(width=width), InputSpec(3, 32, 32, 10)
        net = space.build(space.spec({c.name: ("mbs_k3_e3",) for c in space.choices()}, io))
        net_of[width] = net.stem.conv.conv.out_channels
    assert net_of == {0.35: 16, 0.75: 24, 1.4: 48}  # of 11.2, 24 and 44.8


def test_every_activation_is_bounded_at_six():
    space, io = Mobilenet(width=0.25, stem_stride=1), InputSpec(3, 32, 32, 10)
    net = space.build(space.spec({c.name: ("mbs_k3_e3",) for c in space.choices()}, io))
    assert not any(isinstance(m, torch.nn.ReLU) for m in net.modules())
    assert sum(isinstance(m, torch.nn.ReLU6) for m in net.modules()) == 1 + 1 + 2 * 21 + 1


def test_layers_with_squeeze_and_excitation_have_hswish_and_stem_and_head_stay_as_they_are():
    space, io = Mobilenet(form="scarlet", width=0.25, stem_stride=1), InputSpec(3, 32, 32, 10)
    net = space.build(space.spec({c.name: ("mbs_k3_e3_se",) for c in space.choices()}, io))
    for part, bounded in ((net.stem, 2), (net.head, 1)):
        assert sum(isinstance(m, torch.nn.ReLU6) for m in part.modules()) == bounded
    for edge in net.edges.values():
        kinds = [type(m).__name__ for m in edge.modules()]
        assert kinds.count("Hardswish") == 2
        assert (kinds.count("ReLU"), kinds.count("Hardsigmoid"), kinds.count("ReLU6")) == (1, 1, 0)


@pytest.mark.parametrize("form", WHOLE)
def test_swish_in_the_layers_and_what_the_ends_have(form):
    """EfficientNet has swish from stem to head, the others ReLU there."""
    space, io = Mobilenet(form=form, width=0.25, stem_stride=1), InputSpec(3, 32, 32, 10)
    net = space.build(space.spec({c.name: ("mbs_k3_e6_se",) for c in space.choices()}, io))
    for edge in net.edges.values():
        kinds = [type(m).__name__ for m in edge.modules()]
        assert (kinds.count("SiLU"), kinds.count("Sigmoid"), kinds.count("ReLU")) == (3, 1, 0)
    ends = [type(m).__name__ for part in (net.stem, net.head) for m in part.modules()]
    swish = form == "efficientnet"
    assert (ends.count("SiLU"), ends.count("ReLU")) == ((4, 0) if swish else (0, 3))
    assert ("SE" in ends) == swish
