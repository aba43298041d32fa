"""The chains of ProxylessNAS, FairNAS and SCARLET: layers, sizes of spaces, counts of published networks."""

import pytest
import torch

from audionas.core.arch import InputSpec
from audionas.cost.graph import layers
from audionas.spaces.mobilenet import Mobilenet

IMAGENET = InputSpec(3, 224, 224, 1000)
FAIRNAS = {  # expansion and kernel of each layer; multiply-adds in millions
    "A": ("37 33 37 63 67 33 33 67 67 35 63 35 35 63 63 67 63 67 65", 388),
    "B": ("35 33 35 33 63 35 37 33 63 35 33 63 37 33 67 65 67 63 65", 345),
    "C": ("35 33 37 33 33 33 33 33 33 63 33 33 33 33 67 67 63 63 65", 321),
}
SCARLET = {  # expansion, kernel and SE of each layer, "-" left out; millions of multiply-adds, parameters
    "A": ("37 65 35 37s 63s 35s 63s 33 37s 37 35 37s 33 37s 63s 65s 33s 63s 67s", 365.3, 6.708),
    "B": ("33s 35s 33s 67s 33 35 67s 33s - 35 33s 33s 67s 33s 65s 65s - 67s 65s", 326.9, 6.532),
    "C": ("35s 33s 35s - - 33 67s 33s 33s 35 37s 37 33s 37s 33s - 63s 67s 65s", 280.1, 6.074),
}


def option(word):
    """The option that "37s" stands for: expansion 3, kernel 7, SE."""
    return "skip" if word == "-" else f"mbs_k{word[1]}_e{word[0]}{'_se' * word.endswith('s')}"


@pytest.mark.parametrize("name", SCARLET)
def test_published_networks_with_squeeze_and_excitation(name):
    """B's layers as released have 326.9 M, where the paper's table says 329."""
    space, (words, macs, params) = Mobilenet(form="scarlet"), SCARLET[name]
    taken = [option(word) for word in words.split()]
    spec = space.spec({c.name: (o,) for c, o in zip(space.choices(), taken, strict=True)}, IMAGENET)
    with torch.device("meta"):
        rows = layers(space.build(spec), IMAGENET)
    assert round(sum(row.macs for row in rows) / 1e6, 1) == macs
    assert round(sum(row.params for row in rows) / 1e6, 3) == params


def fairnas(name):
    space = Mobilenet(form="fairnas")
    taken = [f"mbs_k{kernel}_e{expansion}" for expansion, kernel in FAIRNAS[name][0].split()]
    pairs = zip(space.choices(), taken, strict=True)
    spec = space.spec({choice.name: (option,) for choice, option in pairs}, IMAGENET)
    with torch.device("meta"):
        return layers(space.build(spec), IMAGENET)


@pytest.mark.parametrize("name", FAIRNAS)
def test_published_multiply_adds(name):
    assert round(sum(row.macs for row in fairnas(name)) / 1e6) == FAIRNAS[name][1]


def test_published_parameters():
    assert sum(row.params for row in fairnas("A")) == pytest.approx(4.651e6, abs=500)


@pytest.mark.parametrize(
    ("form", "count", "skips", "size"),
    [
        ("proxyless", 21, 15, 7**15 * 6**6),
        ("fairnas", 19, 0, 6**19),
        ("noisy_darts", 19, 13, 7**13 * 6**6),
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
