"""Heads over the last frames: what they read, in clips and in streams, and what they cost."""

import pytest
import torch
from torch import nn

from audionas.core.arch import InputSpec
from audionas.cost.graph import layers
from audionas.nn.mixed.heads import Last, LastHead
from audionas.nn.streaming import Step, Stream
from tests.unit.nn._streams import check_laws, features, shaken

POOLS: list[Last] = ["flatten", "mean", "max"]
IO = InputSpec(6, 1, 11, 3)


def made(pool: Last, frames: int) -> LastHead:
    torch.manual_seed(0)
    return LastHead(6, 3, frames, pool).eval()


@pytest.mark.parametrize("frames", [1, 4])
def test_the_head_is_a_linear_layer_over_the_last_frames(frames: int) -> None:
    x = features(IO, 11).float()[None]
    last = x[..., -frames:]
    seen = {"flatten": last.flatten(1), "mean": last.mean(3).flatten(1), "max": last.amax(3).flatten(1)}
    for pool in POOLS:
        head = made(pool, frames)
        wanted = nn.functional.linear(seen[pool], head.linear.weight, head.linear.bias)
        with torch.no_grad():
            torch.testing.assert_close(head(x), wanted, rtol=0, atol=1e-6)


def test_of_too_few_frames_the_first_are_zeros() -> None:
    x = features(IO, 2).float()[None]
    head = made("flatten", 4)
    with torch.no_grad():
        assert torch.equal(head(x), head(torch.cat((torch.zeros(1, 6, 1, 2), x), 3)))


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("frames", [1, 4])
def test_it_streams_and_keeps_one_frame_less_than_it_reads(pool: Last, frames: int) -> None:
    net = shaken(nn.Sequential(made(pool, frames)))
    check_laws(net, IO)
    step = Step(net, IO)
    assert step.shapes == (((1, 6, 1, frames - 1),) if frames > 1 else ())
    assert step.field == frames
    assert not len(Stream(net, IO).step(torch.zeros(6, 1, 0)))


def test_it_costs_a_product_for_each_weight() -> None:
    (row,) = layers(made("flatten", 4), IO)
    assert (row.kind, row.params, row.macs) == ("linear", 3 * 24 + 3, 3 * 24)
