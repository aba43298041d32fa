"""MoGA's space: its size, its positions, counts of published networks."""

import pytest
import torch

from audionas.core.arch import InputSpec
from audionas.cost.graph import layers
from audionas.spaces.moga_mobilenet import MogaMobilenet

IMAGENET = InputSpec(3, 224, 224, 1000)
SMALL = InputSpec(3, 32, 32, 10)
PUBLISHED = {  # expansion, kernel and SE of each layer; millions of multiply-adds and of parameters
    "A": ("65 67 63 63s 33s 63s 63 67 37s 67 63 63 65s 65s", 304.0, 5.160),
    "B": ("33 33 67 33 65 63s 65s 33 67s 67 35 67s 67s 63s", 248.6, 5.506),
    "C": ("35 33 35 33 35 35 65s 35 35 63 63s 63s 63s 63s", 221.1, 5.488),
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
    space, (words, macs, params) = MogaMobilenet(), PUBLISHED[name]
    taken = [f"mbs_k{word[1]}_e{word[0]}{'_se' * word.endswith('s')}" for word in words.split()]
    spec = space.spec({c.name: (o,) for c, o in zip(space.choices(), taken, strict=True)}, IMAGENET)
    with torch.device("meta"):
        rows = layers(space.build(spec), IMAGENET)
    assert round(sum(row.macs for row in rows) / 1e6, 1) == macs
    assert round(sum(row.params for row in rows) / 1e6, 3) == params


def test_activations_are_those_of_the_position():
    """Those inside squeeze-and-excitation too; the stem has hswish, the separable convolution ReLU."""
    net = built(MogaMobilenet(width=0.25, stem_stride=1), "mbs_k3_e3_se")
    acts = ("ReLU", "Hardswish", "Hardsigmoid", "Sigmoid")
    for number, edge in enumerate(net.edges.values(), 1):
        kinds = [type(m).__name__ for m in edge.modules()]
        found = [kinds.count(act) for act in acts]
        assert found == ([3, 0, 1, 0] if number <= 5 else [0, 3, 1, 0])
    assert [type(m).__name__ for m in net.stem.modules() if type(m).__name__ in acts] == ["Hardswish", "ReLU"]


def test_the_separable_convolution_has_no_shortcut():
    """Unlike MobileNetV3's first block: with weights of zero nothing comes through."""
    net = built(MogaMobilenet(width=0.25), "mbs_k3_e3").eval()
    torch.nn.init.zeros_(net.stem.point.conv.weight)
    assert not net.stem(torch.randn(1, 3, 8, 8)).any()


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
