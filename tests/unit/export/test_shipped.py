"""The zoo's MixedNets with the weights that pymicro-wakeword ships say what its files say."""

import numpy as np
import pytest
import torch

from audionas import zoo
from audionas.core.rng import numpy_rng
from audionas.cost.arena import need
from audionas.cost.esp_nn import VERSIONS
from audionas.cost.recorded import recorded
from audionas.export import esphome
from audionas.export.lite.read import program
from audionas.nn.streaming import Step
from audionas.spaces import space_of
from tests._tiers import story
from tests.unit.export._arena import shipped
from tests.unit.export._shipped import Shipped, ours
from tests.unit.spaces.test_mixednet import PUBLISHED

for _package in ("ai_edge_litert", "pymicro_wakeword"):
    pytest.importorskip(_package, reason="the extra device is not installed")

HOPS = 200


def features() -> np.ndarray:
    """(3 n, 40) like the front-end's: from 0 to 26, louder and quieter in turn."""
    loud = np.abs(np.sin(np.linspace(0, 30, 3 * HOPS)))[:, None]
    drawn: np.ndarray = 26 * loud * numpy_rng("shipped").uniform(0, 1, (3 * HOPS, 40)) ** 2
    return drawn.astype(np.float32)


@pytest.mark.parametrize("name", story(PUBLISHED, fast=0))
def test_a_shipped_file_is_our_network_but_for_int8(name: str) -> None:
    """Its logits move over many steps of its scale; ours, in float, usually differ by one or two of them."""
    file = Shipped(shipped(name.removeprefix("mixednet_"))[0])
    weights = file.weights()
    macs, params, *_ = PUBLISHED[name]
    assert sum(kernel.size for kernel, _ in weights) == macs
    assert sum(kernel.size + bias.size for kernel, bias in weights) == params
    net, x = ours(name, weights), features()
    said = file.logits(x.reshape(HOPS, 3, 40))
    heard = torch.from_numpy(esphome.INPUT.real(esphome.INPUT.whole(x)).T.copy())
    with torch.inference_mode():
        mine = Step(net, zoo.load(name).io)(heard[None, None])[0][0, :, 0].numpy()
    error = np.abs(mine - said) / file.step()
    assert said.std() > 10 * file.step()
    assert np.median(error) < 3
    assert error.max() < 8
    assert np.corrcoef(mine, said)[0, 1] > 0.99
    assert np.abs(1 / (1 + np.exp(-mine)) - 1 / (1 + np.exp(-said))).max() < 0.02


@pytest.mark.parametrize("name", story(PUBLISHED, fast=0))
@pytest.mark.parametrize("version", VERSIONS)
def test_our_file_needs_no_more_arena_than_theirs(name: str, version: str) -> None:
    """Although ours also normalises the features, and splits channels by slices."""
    spec = zoo.load(name)
    with torch.device("meta"):
        found = recorded(space_of(spec).build(spec), spec.io)
    theirs = need(program(shipped(name.removeprefix("mixednet_"))[0]), "esp32-s3", version)
    assert 0.9 * theirs < need(found, "esp32-s3", version) <= theirs
