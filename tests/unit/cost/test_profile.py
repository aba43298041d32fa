"""Profiles: what a runtime does not have leaves the space, and is refused in a network, with the reason."""

from pathlib import Path

import pytest
import torch

from audionas.config import load
from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.registry import resolve
from audionas.core.rng import numpy_rng
from audionas.cost.graph import layers
from audionas.cost.profile import PROFILES, counted_macs, require, restrict
from audionas.nn.blocks import Conv, Head
from audionas.nn.streaming import Step
from audionas.spaces import Space, space_of

IO = InputSpec(1, 40, 98, 2)


def net(space: Space) -> torch.nn.Module:
    with torch.device("meta"):
        return space.build(space.sample(numpy_rng("profile", "test"), IO))


@pytest.mark.laws
def test_what_is_left_is_buildable_under_its_own_id_and_what_went_is_told() -> None:
    whole = resolve("space", "kws_tc_resnet")(width=0.5)
    found = restrict(whole, "esphome", IO)
    assert found.space.causal
    assert {o for c in found.space.choices() for o in c.options} == {
        "tc_k3",
        "tc_k5",
        "tc_k7",
        "tc_k9",
        "skip",
    }
    assert "space.causal is true" in found.changes[0]
    assert "removes tc_k3_se, tc_k5_se, tc_k7_se, tc_k9_se from all 6 choices: squeeze" in found.changes[1]
    spec = found.space.sample(numpy_rng("profile"), IO)
    assert (spec.space, type(space_of(spec))) == ("kws_tc_resnet", type(whole))
    require(space_of(spec).build(spec), IO, "esphome", "it")


@pytest.mark.laws
def test_options_go_by_what_they_compute_not_by_their_names() -> None:
    found = restrict(resolve("space", "kws_tc_resnet")(width=0.5), "cmsis", IO)
    assert not found.space.causal
    assert found.changes == (
        "profile cmsis removes tc_k3_se, tc_k5_se, tc_k7_se, tc_k9_se from all 6 choices: "
        "activation sigmoid, where relu and relu6 can be computed",
    )


@pytest.mark.laws
def test_a_space_without_anything_left_is_refused() -> None:
    with pytest.raises(UserError, match="no option left for layer1, layer2") as caught:
        restrict(resolve("space", "mix_mobilenet")(), "esphome", IO)
    assert "activation relu6, where relu can be computed" in str(caught.value)


@pytest.mark.laws
def test_all_that_a_network_breaks_is_said_at_once() -> None:
    with pytest.raises(UserError) as caught:
        require(net(resolve("space", "bc_resnet")(tau=8)), IO, "esphome", "bc")
    assert "bc does not fit profile esphome" in caught.value.problems[0]
    assert [p.strip() for p in caught.value.problems[1:]] == [
        "activation swish, where relu can be computed",  # called as a function, not a module
        "stem.conv.conv looks ahead in time, so the network cannot stream",
    ]
    big = resolve("space", "tc_resnet")(depth=14, width=1.5)
    with pytest.raises(UserError, match=r"302,282 bytes of parameters in int8, at most 128,000"):
        require(net(big), IO, "dcase", "big")
    require(net(big), IO, "cmsis", "big")


def test_convolutions_in_groups_do_not_fit_esphome_but_depthwise_ones_do() -> None:
    def network(groups: int) -> torch.nn.Module:
        convs = (Conv(1, 8, (1, 3), causal=True), Conv(8, 8, (1, 3), groups=groups, causal=True))
        return torch.nn.Sequential(*convs, Head(8, 2))

    io = InputSpec(1, 4, 8, 2)
    with pytest.raises(UserError) as caught:
        require(network(2), io, "esphome", "grouped")
    assert [p.strip() for p in caught.value.problems[1:]] == ["a convolution of 8 channels in 2 groups"]
    require(network(8), io, "esphome", "deep")
    require(network(2), io, "cmsis", "grouped")


@pytest.mark.laws
def test_more_states_than_there_are_variables() -> None:
    space = resolve("space", "kws_tc_resnet")(shortcut="kernel", causal=True, se="none")
    spec = space.spec({c.name: c.options[:2] for c in space.choices()}, IO)  # two kernels summed everywhere
    with torch.device("meta"):
        twice = space.build(spec)
    assert len(Step(twice, IO).shapes) > 20
    with pytest.raises(UserError, match="tensors remembered between frames, at most 20 can be"):
        require(twice, IO, "esphome", "twice")


def test_the_challenges_count_takes_biases_and_norms_too() -> None:
    small = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3, padding=1), torch.nn.BatchNorm2d(2))
    assert counted_macs(layers(small, InputSpec(1, 4, 5, 2))) == (2 * 9 + 2) * 20 + 4


@pytest.mark.laws
def test_a_config_obeys_its_profile(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("profile: esphome\nspace: {name: kws_tc_resnet}\nlimits: {params: 9000}\n")
    conf = load(path)
    assert conf.features is not None
    assert (conf.features.name, conf.space.causal, len(conf.changes)) == ("micro", True, 3)
    assert conf.resolved()["profile"] == "esphome"
    strict = load(path, ["profile=dcase"])
    assert strict.limits is not None
    assert strict.limits.given == {"params": 9000, "macs": PROFILES["dcase"].macs}
    with pytest.raises(UserError, match="features: profile esphome has only the front-end micro"):
        load(path, ["features.name=mfcc", "features.preset=tc_resnet"])
