"""The operators recorded from a network are those of its file, so both have one arena."""

from pathlib import Path

import numpy as np
import pytest
import torch

from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.cost.arena import CHIPS, arena, need
from audionas.cost.esp_nn import VERSIONS
from audionas.cost.limits import Limits, measured
from audionas.cost.recorded import recorded
from audionas.export import esphome
from audionas.export.lite.file import pack
from audionas.export.lite.int8 import quantized
from audionas.export.lite.read import program
from audionas.export.lite.share import share
from audionas.export.lite.trace import build
from audionas.nn.blocks import make_endless
from audionas.nn.streaming import Step
from audionas.spaces import space_of
from tests.unit.cost._drawn import IO, chain, drawn, mixed, on_meta


def written(spec: ArchSpec, out: Path) -> Path:
    """ESPHome's file of an untrained network, the same in every process."""
    torch.manual_seed(0)
    net = space_of(spec).build(spec).eval()
    graph = build(Step(net, spec.io, squeeze="frames"), torch.zeros(40), torch.ones(40), keyword=0)
    share(graph)
    assert esphome._problems(graph) == []
    esphome._ends_in_uint8(graph)
    frames = numpy_rng("calibrate").uniform(0, 26, (1, 40, 32)).astype(np.float32)
    int8 = quantized(graph, frames, {graph.frames: esphome.INPUT, graph.scores: esphome.OUTPUT})
    out.write_bytes(pack(graph, int8, internal=True, about="test"))
    return out


@pytest.mark.story
@pytest.mark.parametrize("number", range(42))
def test_a_file_and_its_network_have_one_arena(number: int, tmp_path: Path) -> None:
    """But for a QUANTIZE, where weights are such that a value's scale changes: of that no cost can know."""
    pytest.importorskip("ai_edge_litert", reason="the extra device is not installed")
    spec = drawn(number) if number < 30 else mixed(number)
    truth, found = program(written(spec, tmp_path / "a.tflite")), recorded(on_meta(spec), spec.io)
    more = [sum(o.kind == "QUANTIZE" for part in each for o in part.operators) for each in (truth, found)]
    rel = 0.02 if more[0] > more[1] else 0
    for chip in CHIPS:
        for version in VERSIONS:
            assert need(found, chip, version) == pytest.approx(need(truth, chip, version), rel=rel)


@pytest.mark.story
def test_squeeze_and_excitation_has_the_arena_of_its_ring_of_frames(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="the extra device is not installed")
    spec = chain("tc_k5_se")
    both = program(written(spec, tmp_path / "a.tflite")), recorded(on_meta(spec), spec.io)
    truth, found = (need(one, "esp32-s3", VERSIONS[0]) for one in both)
    assert found == pytest.approx(truth, rel=0.02)


@pytest.mark.laws
def test_networks_of_ours_need_more_than_a_computer_uses() -> None:
    """Filters decide: width 1.0 had 37,224 and width 1.5 42,523 bytes in its manifest, too few to start."""
    for width, before, least, most in ((1.0, 37_224, 42_620, 63_580), (1.5, 42_523, 77_980, 130_140)):
        found = recorded(on_meta(chain("tc_k9", width)), IO)
        old, new = (need(found, "esp32-s3", version) for version in VERSIONS)
        assert old == pytest.approx(least, rel=0.02)
        assert new == pytest.approx(most, rel=0.02)
        assert arena(found, "esp32-s3") > new > old > before


def test_the_arena_is_a_cost_and_a_limit() -> None:
    net = on_meta(drawn(5))
    found = measured(net, IO, ["arena_esp32s3", "arena_esp32"])
    assert found["arena_esp32s3"] > found["arena_esp32"] > 0
    with pytest.raises(UserError, match=r"bytes of arena on an ESP32-S3, .* over limits\.arena_esp32s3"):
        Limits(arena_esp32s3=found["arena_esp32s3"] - 1).require(net, IO, "net")


@pytest.mark.laws
def test_several_classes_end_in_a_softmax() -> None:
    (main, _) = recorded(on_meta(chain("tc_k3", classes=12)), IO._replace(classes=12))
    kinds = [node.kind for node in main.operators]
    assert kinds[-3:] == ["RESHAPE", "SOFTMAX", "QUANTIZE"]
    assert main.tensors[main.outputs[0]].shape == (1, 12)


def test_what_the_component_cannot_run_is_refused() -> None:
    net = on_meta(chain("tc_k5_se"))
    assert measured(net, IO, ["arena_esp32s3"])["arena_esp32s3"] > 0
    make_endless(net)  # as earlier versions averaged
    with pytest.raises(UserError, match="its working memory on a device is not known"):
        measured(net, IO, ["arena_esp32s3"])
