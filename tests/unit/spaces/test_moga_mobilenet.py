"""MoGA's space: its size, its positions, counts of published networks."""

import pytest
import torch

from audionas import zoo
from audionas.core.arch import InputSpec
from audionas.cost.graph import layers
from audionas.spaces import space_of
from audionas.spaces.moga_mobilenet import MogaMobilenet

SMALL = InputSpec(3, 32, 32, 10)
PUBLISHED = {  # millions of multiply-adds and of parameters
    "moga_a": (304.0, 5.160),
    "moga_b": (248.6, 5.506),
    "moga_c": (221.1, 5.488),
    "mobilenet_v3_large": (216.6, 5.483),
}
NAMES = [f"mbs_k{k}_e{e}{s}" for k in (3, 5, 7) for e in (3, 6) for s in ("", "_se")]


def built(space, option, io=SMALL):
    return space.build(space.spec({c.name: (option,) for c in space.choices()}, io))


def test_twelve_options_in_each_of_fourteen_layers():
    space = MogaMobilenet()
    assert space.size() == 12**14
    assert {c.options for c in space.choices()} == {tuple(NAMES)}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_multiply_adds_and_parameters(name):
    spec = zoo.load(name)
    with torch.device("meta"):
        rows = layers(space_of(spec).build(spec), spec.io)
    macs, params = PUBLISHED[name]
    assert round(sum(row.macs for row in rows) / 1e6, 1) == macs
    assert round(sum(row.params for row in rows) / 1e6, 3) == params


def test_mobilenet_v3_adds_its_own_expansions_in_four_layers():
    found = [c.options for c in MogaMobilenet(form="mobilenet_v3").choices()]
    extra = {n: options[12:] for n, options in enumerate(found, 1) if len(options) > 12}
    assert extra == {1: ("mbs_k3_e4",), 7: ("mbs_k3_e2_5",), 8: ("mbs_k3_e2_3",), 9: ("mbs_k3_e2_3",)}
    assert {options[:12] for options in found} == {tuple(NAMES)}


def test_hidden_units_of_mobilenet_v3_are_multiples_of_eight():
    """MoGA's are a quarter: 18 of 72, where MobileNetV3 has 24."""
    units = {}
    for form in ("moga", "mobilenet_v3"):
        net = built(MogaMobilenet(form=form), "mbs_k3_e3_se")
        units[form] = [e.ops["mbs_k3_e3_se"].se.squeeze.out_channels for e in net.edges.values()]
    assert units["moga"][:3] == [12, 18, 18]
    assert units["mobilenet_v3"][:3] == [16, 24, 24]
    assert all(n % 8 == 0 for n in units["mobilenet_v3"])


def test_activations_are_those_of_the_position():
    """Those inside squeeze-and-excitation too; the stem has hswish, the separable convolution ReLU."""
    net = built(MogaMobilenet(width=0.25, stem_stride=1), "mbs_k3_e3_se")
    acts = ("ReLU", "Hardswish", "Hardsigmoid", "Sigmoid")
    for number, edge in enumerate(net.edges.values(), 1):
        kinds = [type(m).__name__ for m in edge.modules()]
        found = [kinds.count(act) for act in acts]
        assert found == ([3, 0, 1, 0] if number <= 5 else [0, 3, 1, 0])
    assert [type(m).__name__ for m in net.stem.modules() if type(m).__name__ in acts] == ["Hardswish", "ReLU"]


@pytest.mark.parametrize("form", ["moga", "mobilenet_v3"])
def test_only_mobilenet_v3_has_a_shortcut_around_the_separable_convolution(form):
    """With weights of zero behind it nothing comes through MoGA's."""
    net = built(MogaMobilenet(form=form, width=0.25), "mbs_k3_e3").eval()
    point = net.stem.point if form == "moga" else net.stem.first.project
    torch.nn.init.zeros_(point.conv.weight)
    assert bool(net.stem(torch.randn(1, 3, 8, 8)).any()) == (form == "mobilenet_v3")


@pytest.mark.parametrize(
    ("width", "expected"), [(1.0, [16, 24, 40, 80, 112, 160]), (0.5, [8, 16, 24, 40, 56, 80])]
)
def test_channels_and_strides(width, expected):
    net = built(MogaMobilenet(width=width), "mbs_k3_e3")
    shapes = [edge.shape for edge in net.edges.values()]
    assert [shapes[0].c_in, *(shapes[n].c_out for n in (1, 4, 8, 10, 13))] == expected
    assert [n for n, shape in enumerate(shapes, 1) if shape.stride == (2, 2)] == [1, 3, 6, 12]
    assert (net.head.conv.conv.out_channels, net.head.late.out_channels) == (960 * width, 1280 * width)


@pytest.mark.parametrize(("stem_stride", "size", "left"), [(2, 224, 7), (1, 32, 2)])
def test_the_network_divides_the_size_by_32_or_by_16(stem_stride, size, left):
    io = InputSpec(3, size, size, 10)
    with torch.device("meta"):
        rows = layers(built(MogaMobilenet(width=0.25, stem_stride=stem_stride), "mbs_k3_e3", io), io)
    outputs = {row.name: row.output for row in rows}
    assert outputs["head.conv.conv"][1:] == (left, left)
    assert outputs["head.late"][1:] == (1, 1)


@pytest.mark.parametrize(("form", "eps"), [("moga", 1e-5), ("mobilenet_v3", 1e-3)])
def test_every_norm_of_mobilenet_v3_has_the_published_epsilon(form, eps):
    with torch.device("meta"):
        net = built(MogaMobilenet(form=form, width=0.25), "mbs_k3_e3_se")
    assert {m.eps for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)} == {eps}
