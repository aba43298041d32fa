"""Every hop of a clip, batched: in evaluation mode the scores of a stream from its start."""

import pytest
import torch

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.registry import resolve
from audionas.core.rng import numpy_rng, seed_torch
from audionas.nn.every_hop import Hops
from audionas.nn.streaming import Stream
from tests._close import close
from tests._tiers import laws
from tests.unit.nn._streams import causal

pytestmark = pytest.mark.numeric

IO = InputSpec(1, 40, 51, 3)


@pytest.mark.parametrize(
    ("name", "params"),
    laws(
        [
            ("kws_tc_resnet", {"width": 0.5}),  # squeeze-and-excitation over the past, and strides
            ("kws_mobilenet", {"preset": "sf8", "width": 0.5}),
            ("bc_resnet", {}),
            ("asc_mobilenet", {"width": 0.25}),
            *(
                ("mixednet", {"longest": 3, "depth": 3, "frames": 9, "pool": p})
                for p in ("flatten", "mean", "max")
            ),
        ]
    ),
)
def test_scores_are_those_of_the_stream(name: str, params: dict[str, object]) -> None:
    space = causal(name, **params)
    seed_torch("every hop", name)
    io = IO._replace(frames=space.fitting(IO.frames))
    net = space.build(space.sample(numpy_rng("every hop", name), io)).eval()
    x = torch.randn(2, *io[:3])
    hops = Hops.of(net, io)
    whole = net(x)
    with hops.heard(net):
        found = net(x).unflatten(0, (2, -1))
    assert found.shape[1] == hops.window
    for clip, scores in zip(x, found, strict=True):
        close(scores, Stream(net, io).step(clip))
    close(found[:, -1], whole)
    torch.testing.assert_close(net(x), whole, rtol=0, atol=0)  # and the network is as it was


def test_a_head_over_the_last_frames_hears_no_more_after_a_past() -> None:
    """What such a network answers to a clip, it answers to it after any other sound, however long."""
    space = causal("mixednet", longest=3, depth=3, filters=9)
    io = IO._replace(frames=space.fitting(IO.frames))
    net = space.build(space.sample(numpy_rng(0), io)).eval()
    x = torch.randn(2, *io[:3])
    with torch.no_grad(), Hops.of(net, io).ended(net):
        for frames in (1, 2, 40):
            close(net(torch.cat((x.flip(0)[..., -frames:], x), 3)), net(x))


def test_it_learns_through_the_hops_in_training() -> None:
    space = resolve("space", "tc_resnet")(causal=True)
    net = space.build(space.sample(numpy_rng(0), IO)).train()
    hops = Hops.of(net, IO)
    with hops.heard(net):
        net(torch.randn(4, *IO[:3])).unflatten(0, (4, -1))[:, 3].square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_networks_without_such_scores_are_refused() -> None:
    space = resolve("space", "tc_resnet")()
    with pytest.raises(UserError, match="looks ahead"):
        Hops.of(space.build(space.sample(numpy_rng(0), IO)), IO)
