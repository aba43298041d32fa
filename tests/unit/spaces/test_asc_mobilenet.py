"""The scene classification space: its table of shapes and costs, axes in turn, baselines, causality."""

import pytest
import torch

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.cost.graph import layers
from audionas.spaces.asc_mobilenet import AscMobilenet

IO = InputSpec(1, 40, 500, 9)

# width, kernel, expansion, SE, parameters and multiply-adds in millions as printed
COSTS = [
    (1.0, 3, 3, "", "0.761", "122.3"),
    (1.0, 5, 6, "", "1.422", "231.2"),
    (1.0, 7, 6, "_se", "3.237", "236.8"),
    (0.5, 3, 3, "", "0.200", "35.1"),
    (0.5, 5, 6, "", "0.375", "67.1"),
    (0.5, 7, 6, "_se", "0.838", "69.6"),
    (0.25, 3, 3, "", "0.054", "11.7"),
    (0.25, 5, 6, "", "0.103", "22.4"),
    (0.25, 7, 6, "_se", "0.222", "23.7"),
]


def uniform(space, ending, io=IO):
    """The network that takes the option of this ending in every layer."""
    return space.spec(
        {c.name: tuple(o for o in c.options if o.endswith(ending)) for c in space.choices()}, io
    )


def measured(space, ending, io=IO):
    with torch.device("meta"):
        net = space.build(uniform(space, ending, io))
    return layers(net, io)


@pytest.mark.parametrize(("width", "kernel", "expansion", "se", "params", "macs"), COSTS)
def test_costs_of_uniform_networks(width, kernel, expansion, se, params, macs):
    preset = "sf6_se" if se else "sf6"
    space = AscMobilenet(width=width, preset=preset, first_kernel=kernel)
    rows = measured(space, f"_k{kernel}_e{expansion}{se}")
    assert f"{sum(r.params for r in rows) / 1e6:.3f}" == params
    assert f"{sum(r.macs for r in rows) / 1e6:.1f}" == macs


@pytest.mark.parametrize(
    ("frames", "sizes"),
    [
        (500, [(40, 250), (20, 125), (10, 63), (5, 32), (5, 32), (5, 16)]),
        (501, [(40, 251), (20, 126), (10, 63), (5, 32), (5, 32), (5, 16)]),
    ],
)
def test_sizes_after_each_stage(frames, sizes):
    rows = measured(AscMobilenet(width=0.25), "_k3_e3", IO._replace(frames=frames))
    after = {row.name: row.output[1:] for row in rows}
    ends = ["stem.first", *(f"edges.layer{n}.ops.mb{'f' * (n % 2)}_k3_e3" for n in (2, 5, 9, 12, 15))]
    assert [after[f"{end}.project.bn"] for end in ends] == sizes


def test_kernels_lie_along_both_axes_in_turn():
    kinds = [choice.options[0].split("_")[0] for choice in AscMobilenet().choices()]
    assert kinds == ["mbf", "mb"] * 7 + ["mbf"]
    first = AscMobilenet().build(uniform(AscMobilenet(), "_k3_e3")).stem.first
    assert first.depthwise.conv.kernel_size == (1, 3)


@pytest.mark.parametrize(
    ("kernels", "kind", "first"),
    [("time", "mb", (1, 3)), ("frequency", "mbf", (3, 1)), ("square", "mbs", (3, 3))],
)
def test_baselines_have_one_form_everywhere(kernels, kind, first):
    space = AscMobilenet(kernels=kernels, width=0.25)
    assert {o.split("_")[0] for c in space.choices() for o in c.options} == {kind}
    net = space.build(uniform(space, "_k3_e3"))
    assert net.stem.first.depthwise.conv.kernel_size == first


def test_square_kernels_cost_more_only_in_the_depthwise_convolutions():
    """k x k for k weights: at kernel 3 three times the depthwise multiply-adds, the rest is equal."""
    unidirectional, square = (measured(AscMobilenet(kernels=k), "_k3_e3") for k in ("alternating", "square"))
    for a, b in zip(unidirectional, square, strict=True):
        assert b.macs == a.macs * (3 if a.kind == "depthwise" else 1)


def test_sizes_of_the_presets():
    sizes = {p: AscMobilenet(preset=p).size() for p in ("sf6", "sf6_se", "depth", "axis")}
    assert sizes == {"sf6": 6**15, "sf6_se": 12**15, "depth": 6**5 * 7**10, "axis": 12**15}


@pytest.mark.parametrize("width", [1.0, 0.25])
def test_a_layer_can_be_skipped_exactly_where_the_shape_stays(width):
    space = AscMobilenet(preset="depth", width=width)
    net = space.build(uniform(space, "_k3_e3"))
    for choice in space.choices():
        if "skip" in choice.options:
            assert net.edges[choice.name].shape.keeps
    assert sum("skip" in c.options for c in space.choices()) == 10


def test_the_axis_is_searched_or_given():
    assert {len(c.options) for c in AscMobilenet(preset="axis").choices()} == {12}
    with pytest.raises(UserError, match="axis"):
        AscMobilenet(preset="axis", kernels="square")


@pytest.mark.parametrize("kernels", ["alternating", "time", "frequency", "square"])
def test_a_causal_network_reads_no_later_frame(kernels):
    """Position p before the head reads frames up to 32 p; without causality it reads the next as well."""
    x = torch.randn(1, 1, 40, 97, generator=torch.Generator().manual_seed(0))
    changed = x.clone()
    changed[..., 33:] += 3
    for causal in (True, False):
        torch.manual_seed(0)
        space = AscMobilenet(kernels=kernels, width=0.25, causal=causal)
        net = space.build(uniform(space, "_k3_e3")).eval()
        seen = []
        net.head.register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(inputs[0]))
        with torch.no_grad():
            net(x), net(changed)
        before, after = seen
        assert torch.equal(before[..., :2], after[..., :2]) == causal
        assert not torch.equal(before[..., 2:], after[..., 2:])
