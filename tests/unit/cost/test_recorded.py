"""The operators recorded from a network are those of its file, so both have one arena."""

from pathlib import Path

import numpy as np
import pytest
import torch

from audionas.core.arch import ArchSpec, InputSpec
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
from audionas.nn.streaming import Step
from audionas.spaces import space_of

IO = InputSpec(1, 40, 98, 2)
SPACES = (
    *(("kws_tc_resnet", {"width": width}) for width in (0.5, 1.0, 1.5)),
    *(("kws_mobilenet", {}), ("bc_resnet", {}), ("tc_resnet", {})),
)


def drawn(number: int) -> ArchSpec:
    """A random network that ESPHome can run; every third of the chain has two kernels at a place."""
    name, params = SPACES[number % len(SPACES)]
    rng = numpy_rng("arena", number)
    empty = ArchSpec(name, {**params, "causal": True}, {}, IO)
    choices = {}
    for choice in space_of(empty).choices():
        options = [o for o in choice.options if "_se" not in o and "swish" not in o]
        most = 2 if choice.max_active > 1 and number % 3 == 0 and len(options) > 2 else 1
        choices[choice.name] = tuple(str(o) for o in rng.choice(options, most, replace=False))
    return ArchSpec(name, empty.params, choices, IO)


def chain(option: str, width: float = 1.0, classes: int = 2) -> ArchSpec:
    """The keyword chain with one option everywhere."""
    choices = {f"block{i}": (option,) for i in range(1, 7)}
    return ArchSpec("kws_tc_resnet", {"width": width, "causal": True}, choices, IO._replace(classes=classes))


def on_meta(spec: ArchSpec) -> torch.nn.Module:
    with torch.device("meta"):
        return space_of(spec).build(spec)


def written(spec: ArchSpec, out: Path) -> Path:
    """ESPHome's file of an untrained network."""
    net = space_of(spec).build(spec).eval()
    graph = build(Step(net, IO), torch.zeros(40), torch.ones(40), keyword=0)
    share(graph)
    esphome._ends_in_uint8(graph)
    frames = numpy_rng("calibrate").uniform(0, 26, (1, 40, 32)).astype(np.float32)
    int8 = quantized(graph, frames, {graph.frames: esphome.INPUT, graph.scores: esphome.OUTPUT})
    out.write_bytes(pack(graph, int8, internal=True, about="test"))
    return out


@pytest.mark.story
@pytest.mark.parametrize("number", range(30))
def test_a_file_and_its_network_have_one_arena(number: int, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="the extra device is not installed")
    spec = drawn(number)
    truth, found = program(written(spec, tmp_path / "a.tflite")), recorded(on_meta(spec), IO)
    for chip in CHIPS:
        for version in VERSIONS:
            assert need(found, chip, version) == need(truth, chip, version)


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
    with pytest.raises(UserError, match="its working memory on a device is not known"):
        measured(on_meta(chain("tc_k5_se")), IO, ["arena_esp32s3"])
