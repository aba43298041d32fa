"""Every network of the zoo that has a causal form streams, and every space that has one."""

import dataclasses

import pytest
import torch

from audionas import zoo
from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.registry import names
from audionas.nn.streaming import Stream
from audionas.run import counts
from audionas.spaces import space_of
from tests._tiers import laws
from tests.unit.nn._streams import check_laws, shaken
from tests.unit.nn.test_streaming import CAUSAL as TESTED

SPECS = {name: zoo.load(name) for name in zoo.names()}
ALWAYS = [name for name, spec in SPECS.items() if spec.space == "mixednet"]
EITHER = [name for name, spec in SPECS.items() if "causal" in spec.params]
CAUSAL = [*EITHER, *ALWAYS]
OTHERS = ["ds_cnn_s", "dcase2024_baseline"]  # and all of images


def streaming(name: str) -> ArchSpec:
    """The causal form, over few frames; what is always causal has its own, which are as few as it takes."""
    spec = SPECS[name]
    if name in ALWAYS:
        return spec
    return dataclasses.replace(spec, params={**spec.params, "causal": True}, io=spec.io._replace(frames=15))


@pytest.mark.parametrize("name", laws(CAUSAL))
def test_the_causal_form_streams(name: str) -> None:
    spec = streaming(name)
    torch.manual_seed(0)
    check_laws(shaken(space_of(spec).build(spec)), spec.io)


@pytest.mark.parametrize("name", laws([*OTHERS, *EITHER], fast=3))
def test_the_published_form_looks_ahead(name: str) -> None:
    with torch.device("meta"), pytest.raises(UserError, match="looks ahead"):
        Stream(space_of(SPECS[name]).build(SPECS[name]), SPECS[name].io)


def test_every_space_with_a_causal_form_is_tested() -> None:
    spaces = {name for name in names("space") if counts.space(name)["streams"] in ("yes", "causal=true")}
    assert spaces == {space for space, _, _ in TESTED.values()}
