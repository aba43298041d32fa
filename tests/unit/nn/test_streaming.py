"""Streaming: a chunked stream says what the network says of the clip, whatever the chunks."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.registry import resolve
from audionas.nn.blocks import SE
from audionas.nn.streaming import Step, Stream, hop_of
from audionas.spaces._base import Space

CAUSAL: dict[str, tuple[str, dict[str, Any], InputSpec]] = {
    "tc": ("kws_tc_resnet", {}, InputSpec(1, 40, 50, 4)),
    "tc_resnet": ("tc_resnet", {"depth": 8}, InputSpec(1, 40, 50, 4)),
    "se": ("kws_mobilenet", {"preset": "sf16", "width": 0.25}, InputSpec(1, 40, 37, 4)),
    "depth": ("kws_mobilenet", {"preset": "depth", "width": 0.25}, InputSpec(1, 40, 50, 4)),
    "mix": ("kws_mobilenet", {"preset": "mix3", "width": 0.25}, InputSpec(1, 40, 50, 4)),
    "asc": ("asc_mobilenet", {"width": 0.25}, InputSpec(1, 40, 64, 4)),
    "bc_resnet": ("bc_resnet", {"tau": 1.0}, InputSpec(1, 40, 41, 4)),
}


@pytest.fixture(scope="module", params=list(CAUSAL))
def net_io(request: pytest.FixtureRequest) -> tuple[nn.Module, InputSpec]:
    name, params, io = CAUSAL[request.param]
    space: Space = resolve("space", name)(causal=True, **params)
    torch.manual_seed(0)
    net = space.build(space.sample(np.random.default_rng(3), io)).double().eval()
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.running_mean.normal_(0, 0.3)  # silence is then not silent inside
            part.running_var.uniform_(0.5, 2)
    return net, io


def features(io: InputSpec, frames: int) -> Tensor:
    return torch.randn(io.channels, io.freq, frames, dtype=torch.float64, generator=torch.manual_seed(1))


def told(stream: Stream, x: Tensor, chunk: int) -> Tensor:
    return torch.cat([stream.step(part) for part in torch.split(x, chunk, 2)])


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
    for chunk in (1, 2, 3, 7):
        torch.testing.assert_close(told(Stream(net, io), x, chunk), whole, rtol=0, atol=1e-10)


def test_a_reset_stream_is_a_new_one(net_io: tuple[nn.Module, InputSpec]) -> None:
    net, io = net_io
    x, stream = features(io, io.frames), Stream(net, io)
    before = told(stream, x, 7)
    stream.reset()
    assert torch.equal(told(stream, x, 7), before)


@pytest.mark.parametrize("hops", [1, 3])
def test_steps_say_what_the_stream_says(net_io: tuple[nn.Module, InputSpec], hops: int) -> None:
    net, io = net_io
    step = Step(net, io).double()
    if step.warm_up is None:
        assert any(isinstance(part, SE) for part in net.modules())
        return
    x = features(io, step.warm_up + 6 * step.hop + 1)
    wanted = told(Stream(net, io), x, 7)
    x = torch.cat((x.new_zeros(*x.shape[:2], step.hop - 1), x), 2)
    states: tuple[Tensor, ...] = ()
    found = []
    with torch.inference_mode():
        for part in torch.split(
            x[..., : x.shape[2] // (hops * step.hop) * hops * step.hop], hops * step.hop, 2
        ):
            scores, *states_ = step(part[None], *states)
            states = tuple(states_)
            found.append(scores[0])
    scores = torch.cat(found)
    settled = step.warm_up // step.hop
    assert len(scores) > settled
    torch.testing.assert_close(scores[settled:], wanted[settled : len(scores)], rtol=0, atol=1e-10)


def test_a_step_is_exported_with_its_states(net_io: tuple[nn.Module, InputSpec]) -> None:
    net, io = net_io
    step = Step(net.float(), io)
    x = torch.randn(1, io.channels, io.freq, step.hop)
    program = torch.export.export(step, (x, *step.start()))
    for mine, theirs in zip(program.module()(x, *step.start()), step(x, *step.start()), strict=True):
        torch.testing.assert_close(mine, theirs)
    net.double()


def test_an_exponential_mean_forgets_as_fast_as_a_window(net_io: tuple[nn.Module, InputSpec]) -> None:
    net, io = net_io
    window, fading = Step(net, io), Step(net, io, "exponential")
    assert sum(map(np.prod, fading.shapes)) <= sum(map(np.prod, window.shapes))  # equal for windows of two
    weights = (1 - 2 / (window.window + 1)) ** np.arange(10_000)
    assert np.average(np.arange(10_000), weights=weights) == pytest.approx((window.window - 1) / 2)
    x = features(io, 1).expand(-1, -1, 40 * io.frames)  # of what never changes both means are the same
    same = told(Stream(net, io, "exponential"), x, 97)[-1]
    torch.testing.assert_close(same, told(Stream(net, io), x, 97)[-1], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["ds_cnn", "darts_cell"])
def test_a_network_that_looks_ahead_is_refused(name: str) -> None:
    io = InputSpec(1, 10, 49, 4) if name == "ds_cnn" else InputSpec(3, 32, 32, 4)
    space: Space = resolve("space", name)()
    spec = space.sample(np.random.default_rng(0), io)
    with pytest.raises(UserError, match="looks ahead"):
        Stream(space.build(spec), io)


def test_frames_of_another_height_are_refused(net_io: tuple[nn.Module, InputSpec]) -> None:
    net, io = net_io
    with pytest.raises(UserError, match="takes frames of 1x40"):
        Stream(net, io).step(torch.zeros(1, 10, 3))
