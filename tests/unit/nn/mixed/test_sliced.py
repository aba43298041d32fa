"""Slices of a supernet by hand: the channels of a head of several frames, statistics as views, gradients."""

import torch
from torch import nn

from audionas.core.arch import Choice
from audionas.nn.mixed.sliced import Sliced, first
from audionas.spaces.mixednet_sizes import MixednetSizes


def test_a_head_of_frames_is_cut_by_channels() -> None:
    whole = torch.arange(2 * 4 * 3.0).view(2, 12)  # 2 classes, 4 channels of 3 frames
    by_hand = torch.tensor([[0.0, 1, 2, 3, 4, 5], [12, 13, 14, 15, 16, 17]])
    assert torch.equal(first(whole, torch.empty(2, 6), 3), by_hand)
    wide = torch.arange(2 * 4 * 3.0).view(2, 12)
    assert torch.equal(first(wide, torch.empty(2, 12), 3), wide)


def test_statistics_are_written_into_the_supernet() -> None:
    whole = torch.zeros(8)
    first(whole, torch.empty(3), 0).fill_(1.0)
    assert torch.equal(whole, torch.tensor([1.0, 1, 1, 0, 0, 0, 0, 0]))


def test_gradients_reach_the_slice_alone() -> None:
    whole = nn.Parameter(torch.ones(4, 4, 1, 1))
    first(whole, torch.empty(2, 3, 1, 1), 0).sum().backward()
    assert whole.grad is not None
    assert torch.equal(whole.grad[..., 0, 0], torch.nn.functional.pad(torch.ones(2, 3), (0, 1, 0, 2)))


def test_the_parts_that_a_choice_takes_are_told() -> None:
    choice = Choice("stem", ("a", "b"))
    net = Sliced({"stem": nn.ModuleDict()}, (choice,), {"stem": "stem"}, lambda taken: nn.Identity())
    assert net.place("stem.conv", {"stem": "b"}) == "stem.b.conv"
    assert net.place("edges.block1", {"stem": "b"}) == "edges.block1"
    assert isinstance(MixednetSizes().choices()[0], Choice)
