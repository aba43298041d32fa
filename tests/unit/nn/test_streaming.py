"""Streaming: a chunked stream says what the network says of the clip, whatever the chunks."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.registry import resolve
from audionas.nn.means import RingMean
from audionas.nn.streaming import Pooling, Step, Stream, hop_of
from audionas.spaces import Space
from tests._tiers import laws
from tests.unit.nn._streams import CHUNKS, causal, features, shaken, told

CAUSAL: dict[str, tuple[str, dict[str, Any], InputSpec]] = {
    "tc": ("kws_tc_resnet", {"width": 0.25}, InputSpec(1, 10, 25, 4)),
    "tc_resnet": ("tc_resnet", {"depth": 8, "width": 0.25}, InputSpec(1, 10, 25, 4)),
    "se": ("kws_mobilenet", {"preset": "sf16", "width": 0.25}, InputSpec(1, 10, 21, 4)),
    "depth": ("kws_mobilenet", {"preset": "depth", "width": 0.25}, InputSpec(1, 10, 25, 4)),
    "mix": ("kws_mobilenet", {"preset": "mix3", "width": 0.25}, InputSpec(1, 10, 25, 4)),
    "asc": ("asc_mobilenet", {"width": 0.25}, InputSpec(1, 16, 64, 4)),
    "tenet": ("tenet", {"filters": 6, "blocks": 2}, InputSpec(1, 10, 25, 4)),
    "bc_resnet": ("bc_resnet", {"tau": 0.5}, InputSpec(1, 40, 15, 4)),
    "sparknet": ("sparknet", {"filters": 6, "gates": 5}, InputSpec(1, 10, 25, 4)),
    "around sparknet": ("kws_sparknet", {"filters": 6}, InputSpec(1, 10, 25, 4)),
    "wide": ("kws_wide", {"width": 0.25, "stages": 1}, InputSpec(1, 24, 25, 4)),
    "matchboxnet": ("matchboxnet", {"filters": 6, "repeat": 2}, InputSpec(1, 10, 25, 4)),
    **{
        f"mixed {pool}": (
            "mixednet",
            {"stem": 6, "filters": 5, "longest": 9, "pool": pool},
            InputSpec(1, 10, 113, 4),
        )
        for pool in ("flatten", "mean", "max")
    },
    "mixed repeated": (
        "mixednet",
        {"stem": 6, "filters": 5, "longest": 3, "depth": 3, "repeat": 2, "frames": 4},
        InputSpec(1, 10, 50, 4),
    ),
    "mixed of any size": ("mixednet_sizes", {"longest": 3, "frames": 6}, InputSpec(1, 10, 50, 4)),
    "mixed whole hops": (
        "mixednet",
        {"stem_kernel": 3, "stride": 3, "longest": 5, "depth": 3},
        InputSpec(1, 10, 63, 4),
    ),
    "mixed every frame": (
        "mixednet",
        {"stem": 5, "stride": 1, "longest": 5, "depth": 3},
        InputSpec(1, 10, 40, 4),
    ),
}


def made(which: str) -> tuple[nn.Module, InputSpec]:
    name, params, io = CAUSAL[which]
    space = causal(name, **params)
    torch.manual_seed(0)
    return shaken(space.build(space.sample(np.random.default_rng(3), io))), io


@pytest.fixture(scope="module", params=laws(CAUSAL, fast=2))
def net_io(request: pytest.FixtureRequest) -> tuple[nn.Module, InputSpec]:
    return made(request.param)


def test_the_stream_ends_as_the_clip(net_io: tuple[nn.Module, InputSpec]) -> None:
    net, io = net_io
    x = features(io, io.frames)
    scores = told(Stream(net, io), x, 1)
    assert len(scores) == -(-io.frames // hop_of(net, io))
    with torch.inference_mode():
        torch.testing.assert_close(scores[-1:], net(x[None]), rtol=0, atol=1e-10)


def test_chunks_of_any_length_say_the_same(net_io: tuple[nn.Module, InputSpec]) -> None:
    net, io = net_io
    x = features(io, 2 * io.frames)
    whole = told(Stream(net, io), x, x.shape[2])
    for chunk in CHUNKS:
        torch.testing.assert_close(told(Stream(net, io), x, chunk), whole, rtol=0, atol=1e-10)


def test_a_reset_stream_is_a_new_one(net_io: tuple[nn.Module, InputSpec]) -> None:
    net, io = net_io
    x, stream = features(io, io.frames), Stream(net, io)
    before = told(stream, x, 7)
    stream.reset()
    assert torch.equal(told(stream, x, 7), before)


def test_steps_say_what_the_stream_says(net_io: tuple[nn.Module, InputSpec]) -> None:
    net, io = net_io
    step = Step(net, io).double()
    if any(isinstance(part, RingMean) for part in net.modules()) and step.hop > 1:
        return  # its blocks begin at its own first frame: their law is in test_finite_memory.py
    settled = step.field // step.hop
    hops = [*range(6), *[settled // 4] * 4]  # so many in one call
    x = features(io, sum(hops) * step.hop + 1)
    wanted = told(Stream(net, io), x, 7 * step.hop)
    x = torch.cat((x.new_zeros(*x.shape[:2], step.lead), x), 2)
    states: tuple[Tensor, ...] = ()
    found, at = [], 0
    with torch.inference_mode():
        for count in filter(None, hops):
            scores, *states_ = step(x[None, ..., at * step.hop : (at + count) * step.hop], *states)
            states = tuple(states_)
            found.append(scores[0])
            at += count
    scores = torch.cat(found)
    assert len(scores) == at > settled
    torch.testing.assert_close(scores[settled:], wanted[settled:at], rtol=0, atol=1e-10)


@pytest.mark.story
def test_a_step_is_exported_with_its_states() -> None:
    net, io = made("tc")
    step = Step(net.float(), io)
    x = torch.randn(1, io.channels, io.freq, step.hop)
    program = torch.export.export(step, (x, *step.start()))
    for mine, theirs in zip(program.module()(x, *step.start()), step(x, *step.start()), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_an_exponential_mean_forgets_as_fast_as_a_window(net_io: tuple[nn.Module, InputSpec]) -> None:
    net, io = net_io
    window, fading = Step(net, io), Step(net, io, "exponential")
    assert sum(map(np.prod, fading.shapes)) <= sum(map(np.prod, window.shapes))  # equal for windows of two
    weights = (1 - 2 / (window.window + 1)) ** np.arange(10_000)
    assert np.average(np.arange(10_000), weights=weights) == pytest.approx((window.window - 1) / 2)
    x = features(io, 1).expand(-1, -1, 20 * io.frames)  # of what never changes both means are the same
    same = told(Stream(net, io, "exponential"), x, 97)[-1]
    torch.testing.assert_close(same, told(Stream(net, io), x, 97)[-1], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["ds_cnn", "darts_cell"])
def test_a_network_that_looks_ahead_is_refused(name: str) -> None:
    io = InputSpec(1, 10, 49, 4) if name == "ds_cnn" else InputSpec(3, 32, 32, 4)
    space: Space = resolve("space", name)()
    spec = space.sample(np.random.default_rng(0), io)
    with pytest.raises(UserError, match="looks ahead"):
        Stream(space.build(spec), io)


@pytest.mark.laws
@pytest.mark.parametrize("pool", ["window", "exponential"])
def test_ten_minutes_later_nothing_has_drifted(pool: Pooling) -> None:
    net, io = made("depth")
    x = features(io, 60_000)  # of 10 ms
    wanted = Stream(net, io, pool).step(x[..., -800:])[-1]  # in float64, long after the receptive field
    late = told(Stream(net.float(), io, pool), x.float(), 800)[-1]
    torch.testing.assert_close(late, wanted.float(), rtol=0, atol=1e-5)


def test_frames_of_another_height_are_refused(net_io: tuple[nn.Module, InputSpec]) -> None:
    net, io = net_io
    with pytest.raises(UserError, match="takes frames of 1x"):
        Stream(net, io).step(torch.zeros(1, 9, 3))
