"""Which parts patterns choose, what that does to them, and what is refused."""

from collections.abc import Sequence

import pytest
import torch
from torch import nn

from audionas import zoo
from audionas.core.errors import UserError
from audionas.engine.freeze import freeze
from audionas.spaces import space_of
from audionas.spaces.bc_resnet import BcResnet


def network(name: str = "tc_resnet8") -> nn.Module:
    spec = zoo.load(name)
    return space_of(spec).build(spec)


def test_a_part_is_chosen_by_its_own_name_wherever_it_stands() -> None:
    found = freeze(network(), ["block2"]).names
    assert found
    assert all(name.startswith("stem.block2.") for name in found)
    norms = freeze(network(), ["bn"])
    assert norms.names
    assert all(".bn." in name for name in norms.names)
    assert freeze(network(), ["bias"]).names[-1] == "head.linear.bias"


def test_a_pattern_with_a_dot_is_a_whole_path() -> None:
    inside = freeze(network(), ["stem.block*"]).names
    assert {name.split(".")[1] for name in inside} == {"block1", "block2", "block3"}
    with pytest.raises(UserError, match="matches no part"):
        freeze(network(), ["block1.first"])


def test_the_last_pattern_that_fits_decides() -> None:
    net = network()
    names = [name for name, _ in net.named_parameters()]
    assert freeze(net, ["*", "!head"]).names == tuple(n for n in names if not n.startswith("head"))
    assert freeze(network(), ["!head", "head"]).names == ("head.linear.weight", "head.linear.bias")


def test_frozen_parameters_have_no_gradient_and_the_others_have() -> None:
    net = network()
    names = set(freeze(net, ["stem"]).names)
    net(torch.randn(4, 1, 40, 98)).sum().backward()
    for name, parameter in net.named_parameters():
        assert (parameter.grad is None) == (name in names), name


def test_frozen_norms_keep_their_statistics_and_the_others_move() -> None:
    net = network()
    frozen = freeze(net, ["stem.block1"])
    net.train()
    frozen.hold()
    before = {name: b.clone() for name, b in net.named_buffers()}
    net(torch.randn(4, 1, 40, 98))
    moved = {name for name, b in net.named_buffers() if not torch.equal(b, before[name])}
    assert moved
    assert not [name for name in moved if name.startswith("stem.block1.")]
    assert {name.split(".")[1] for name in moved} == {"conv", "block2", "block3"}


def test_norms_without_parameters_and_of_bands_are_held_with_their_part() -> None:
    net = nn.Sequential()
    net.add_module("stem", nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2, affine=False)))
    net.add_module("head", nn.Conv2d(2, 2, 1))
    assert freeze(net, ["stem"]).norms == (net.stem[1],)
    spec = zoo.load("bc_resnet1")
    assert isinstance(space_of(spec), BcResnet)
    bands = freeze(network("bc_resnet1"), ["block1_1"]).norms
    assert any(type(norm).__name__ == "SubSpectralNorm" for norm in bands)


@pytest.mark.parametrize(
    ("patterns", "says"),
    [
        (["stemm"], "'stemm' matches no part of this network. Did you mean 'stem'?"),
        (["!haed"], "'!haed' matches no part of this network. Did you mean 'head'?"),
        (["stem", "edges"], "'edges' matches no part"),  # this network has none
        (["*"], "freezes everything"),
        (["stem", "head"], "freezes everything"),
    ],
)
def test_what_cannot_be_meant_is_refused(patterns: Sequence[str], says: str) -> None:
    with pytest.raises(UserError) as caught:
        freeze(network(), patterns)
    assert says in str(caught.value)
    assert "stem (conv block1 block2 block3)" in caught.value.hint


def test_nothing_is_frozen_unless_asked() -> None:
    assert freeze(network(), []) == ((), ())
