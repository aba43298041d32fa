"""MixedNet is microWakeWord's: exact counts, the function of the unpadded network, and clips that fit."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from audionas import zoo
from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import UserError
from audionas.core.registry import resolve
from audionas.cost.streams import stream_cost
from audionas.nn.edge import MixedEdge
from audionas.spaces import space_of
from tests.unit.nn._streams import shaken

ALEXA = ("5", "9", "13", "21")
# multiply-adds an inference, parameters in the file, trainable, reach in frames, bytes of the rings in int8
PUBLISHED = {
    "mixednet_alexa": (23_968, 24_481, 24_705, 149, 3_024),
    "mixednet_hey_jarvis": (21_630, 22_111, 22_321, 149, 2_840),
    "mixednet_hey_mycroft": (24_608, 25_121, 25_345, 179, 3_664),
    "mixednet_okay_nabu": (36_480, 37_185, 37_441 + 64, 161, 3_408),  # its file alone has biases in the stem
}
VAD = {"mixednet_vad": (13_760, 14_065, 13_760 + 128 + 2 * 144 + 1, 74, 80 + 4 * 32 + 7 * 48 + 12 * 48)}
OTHERS: list[tuple[dict[str, Any], tuple[str, ...], int, int, int]] = [  # not in the wheel
    ({"frames": 6}, ("5", "7_11", "9_15", "23"), 24_096, 170, 3_472),
    ({"frames": 17}, ("5", "7_11", "9_15", "23"), 24_800, 203, 4_176),
]


def spec_of(kernels: tuple[str, ...], io: InputSpec, **params: Any) -> ArchSpec:
    space = resolve("space", "mixednet")(depth=len(kernels), **params)
    choices = {f"block{i}": (f"mixdw_k{k}",) for i, k in enumerate(kernels, 1)}
    found: ArchSpec = space.spec(choices, io)
    return found


def biases(net: nn.Module) -> int:
    """The biases of a file whose norms are folded: one for each channel that a convolution makes."""
    convs = [part for part in net.modules() if isinstance(part, (nn.Conv2d, nn.Linear))]
    return sum(len(part.weight) for part in convs)


@pytest.mark.parametrize("name", [*PUBLISHED, *VAD])
def test_a_published_network_has_its_exact_counts(name: str) -> None:
    macs, params, trainable, reach, rings = (PUBLISHED | VAD)[name]
    spec = zoo.load(name)
    net = space_of(spec).build(spec)
    cost = stream_cost(net, spec.io)
    assert cost.hop_macs == macs
    assert macs + biases(net) == params
    assert sum(p.numel() for p in net.parameters()) == trainable
    assert spec.io == (1, 40, reach, 1)
    assert cost.field == reach
    assert cost.state_bytes == 4 * rings  # in float here
    assert (cost.hop, cost.states) == (3, 6 if name in PUBLISHED else 4)


@pytest.mark.parametrize(("params", "kernels", "macs", "reach", "rings"), OTHERS)
def test_networks_beside_the_wheel(
    params: dict[str, Any], kernels: tuple[str, ...], macs: int, reach: int, rings: int
) -> None:
    spec = spec_of(kernels, InputSpec(1, 40, reach, 1), **params)
    cost = stream_cost(space_of(spec).build(spec), spec.io)
    assert (cost.hop_macs, cost.field, cost.state_bytes) == (macs, reach, 4 * rings)


def unpadded(net: nn.Module, x: Tensor) -> Tensor:
    """microWakeWord's graph with the weights of `net`: nothing is padded, oldest frames are dropped."""
    y = functional.relu(functional.conv2d(x.transpose(1, 2), net.stem.conv.weight, None, (1, 3)))
    for edge in net.edges.values():
        (block,) = edge.ops.values()
        past = None if block.shortcut is None else block.shortcut(y)
        for part in (block, *block.again):
            parts = y.split(part.depthwise.sizes, 1)
            outs = [nn.Conv2d.forward(b, p) for b, p in zip(part.depthwise.branches, parts, strict=True)]
            left = min(out.shape[3] for out in outs)
            z = part.point(torch.cat([out[..., -left:] for out in outs], 1))
            y = functional.relu(z if past is None else z + past[..., -left:])
    frames = net.head.pool.frames
    return functional.linear(y[..., -frames:].flatten(1), net.head.linear.weight, net.head.linear.bias)


@pytest.mark.parametrize("more", [0, 3, 12])
@pytest.mark.parametrize("kernels", [("5", "9", "13"), ("3_res", "5_9_res", "7_11")])
def test_it_is_the_network_without_padding_from_its_reach_on(kernels: tuple[str, ...], more: int) -> None:
    reach = {"5": 5 + 3 * 28, "3_res": 5 + 3 * 24}[kernels[0]]
    torch.manual_seed(0)
    spec = spec_of(kernels, InputSpec(1, 10, reach + more, 2), filters=12, stem=9)
    net = shaken(space_of(spec).build(spec))
    x = torch.randn(2, 1, 10, reach + more, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(net(x), unpadded(net, x), rtol=0, atol=1e-6)
        first = x.clone()
        first[..., more] += 1  # the first frame that the head reaches
        assert not torch.equal(net(first), net(x))
        first = x.clone()
        first[..., :more] += 1
        assert torch.equal(net(first), net(x))


@pytest.mark.parametrize("repeat", [2, 3])
def test_repeated_blocks_lose_frames_each_time_and_add_one_shortcut(repeat: int) -> None:
    """Frames lost, counts, and the function of the network without padding from its reach on."""
    reach = 5 + 3 * repeat * (2 + 8 + 10)
    torch.manual_seed(0)
    spec = spec_of(
        ("3_res", "5_9", "7_11_res"), InputSpec(1, 10, reach, 2), filters=12, stem=9, repeat=repeat, frames=1
    )
    net = shaken(space_of(spec).build(spec))
    cost = stream_cost(net, spec.io)
    first, more = 9 * 3 + 2 * 9 * 12, 12 * 3 + 12 * 12  # of the first block, and of each of its repetitions
    second, third = (5 + 9) * 6 + 12 * 12, (7 + 11) * 6 + 12 * 12
    macs = 10 * 5 * 9 + first + (repeat - 1) * more + repeat * (second + third) + 12 * 12 + 12 * 2
    assert (cost.field, cost.hop_macs) == (reach, macs)
    x = torch.randn(2, 1, 10, reach, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(net(x), unpadded(net, x), rtol=0, atol=1e-6)


def test_later_parameters_leave_identities_as_they_were() -> None:
    spec = zoo.load("mixednet_alexa")
    kernels = spec_of(ALEXA, spec.io)
    assert kernels.id == spec.id
    assert "repeat" not in kernels.params
    assert spec_of(ALEXA, spec.io._replace(frames=287), repeat=2).params["repeat"] == 2


@pytest.mark.parametrize(
    ("frames", "why", "seconds"),
    [
        (98, "reads 149 frames, but clips have 98", "data.seconds=1.51"),
        (148, "reads 149 frames, but clips have 148", "data.seconds=1.51"),
        (150, "takes 5 frames and then 3 at a time, which leaves 1 of 150", "data.seconds=1.54"),
    ],
)
def test_clips_that_do_not_fit_are_refused_with_their_length(frames: int, why: str, seconds: str) -> None:
    spec = spec_of(ALEXA, InputSpec(1, 40, frames, 2))
    with pytest.raises(UserError, match=why) as error:
        space_of(spec).build(spec)
    assert error.value.hint.endswith(seconds)


def test_a_supernet_that_reads_more_is_offered_shorter_kernels() -> None:
    space = resolve("space", "mixednet")()
    with pytest.raises(UserError, match="reads 281 frames, but clips have 149") as error:
        space.supernet(MixedEdge, InputSpec(1, 40, 149, 2))
    assert error.value.hint.endswith("data.seconds=2.83, or offer shorter kernels: space.longest=11")
    resolve("space", "mixednet")(longest=11).supernet(MixedEdge, InputSpec(1, 40, 149, 2))


def test_a_supernet_needs_clips_for_its_longest_network() -> None:
    space = resolve("space", "mixednet")(longest=9, depth=3)
    fits = space.fitting(1)
    assert fits == 5 + 3 * (3 * 8 + 4)
    assert space.fitting(fits + 1) == fits + 3
    with pytest.raises(UserError, match=f"reads {fits} frames"):
        space.supernet(MixedEdge, InputSpec(1, 40, fits - 3, 2))


def test_kernels_longer_than_the_longest_are_not_offered() -> None:
    space = resolve("space", "mixednet")(longest=9)
    assert space.choices()[0].options == (
        *("mixdw_k3", "mixdw_k3_res", "mixdw_k5", "mixdw_k5_res"),
        *("mixdw_k9", "mixdw_k9_res", "mixdw_k5_9", "mixdw_k5_9_res"),
    )


def test_an_even_kernel_that_nothing_can_use_is_refused() -> None:
    with pytest.raises(UserError, match=r"mixednet\.even adds a kernel of 8, which needs longest=8 at least"):
        resolve("space", "mixednet")(longest=7, even=True)
    assert "mixdw_k8" in resolve("space", "mixednet")(longest=8, even=True).choices()[0].options


def test_every_impossible_count_is_told_at_once() -> None:
    with pytest.raises(UserError) as error:
        resolve("space", "mixednet")(stem=1, filters=0, longest=2, frames=0, repeat=0)
    assert [problem.split(" ")[0] for problem in error.value.problems] == [
        *("mixednet.stem", "mixednet.filters", "mixednet.longest", "mixednet.frames"),
        "mixednet.repeat",
    ]
