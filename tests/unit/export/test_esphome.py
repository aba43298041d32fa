"""The file for ESPHome keeps its contract, and another's client detects the word by it."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.cost.arena import CHIPS, need
from audionas.cost.esp_nn import VERSIONS
from audionas.cost.recorded import recorded
from audionas.data.audio import write
from audionas.export import esphome, litert
from audionas.export.lite.graph import Graph, Node, Value
from audionas.export.lite.read import program
from audionas.export.lite.trace import build
from audionas.export.lite_listener import LiteStream
from audionas.features import Features
from audionas.features import build as front_end
from audionas.features.micro import SCALE, device_int8
from audionas.listen.tune import tune
from audionas.models.bundle import ModelBundle
from audionas.models.listener import Listener
from audionas.models.stream import TorchStream
from audionas.nn.blocks import Conv, Head
from audionas.nn.streaming import Step
from tests._wake import audio, clip, trained
from tests.unit.export._arena import left, shipped
from tests.unit.export._lite import micro
from tests.unit.nn._streams import causal

for _package in ("ai_edge_litert", "tflite_micro", "pymicro_features", "pymicro_wakeword"):
    pytest.importorskip(_package, reason="the extra device is not installed")

WORDS, OTHERS = [3.0, 6.2, 10.0], [4.5, 8.1]
QUIET = 2.0  # seconds in which the front-end still adapts; ESPHome hears nothing in the first


def made(folder: Path, clips: int, steps: int) -> Path:
    """A folder with the made word's model and its three files."""
    ears = Features(name="micro", preset="esphome")
    folder = trained(folder, ears, clips=clips, steps=steps)
    bundle = ModelBundle.load(folder / "model")
    sound = torch.from_numpy(
        audio(60, [2.0 + 4 * i for i in range(14)], others=[4.0 + 4 * i for i in range(13)])
    )
    calibrate = front_end(ears)(sound.reshape(6, -1))[:, 0].numpy()
    litert.export(bundle, folder / "model.tflite")
    litert.export(bundle, folder / "model.int8.tflite", calibrate=calibrate)
    esphome.export(bundle, folder / "made.tflite", calibrate=calibrate, author="Ann", languages=["en"])
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained until it hears the word."""
    return made(tmp_path_factory.mktemp("made"), 1024, 128)


@pytest.fixture(scope="module")
def bundle(run: Path) -> ModelBundle:
    return ModelBundle.load(run / "model")


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hardly trained: for what does not depend on what is heard."""
    return made(tmp_path_factory.mktemp("hasty"), 32, 2)


def model_of(file: Path) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(file.read_bytes(), 0))


def operators(file: Path) -> set[str]:
    from ai_edge_litert import schema_py_generated as schema

    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    return {names[code.builtinCode] for code in model_of(file).operatorCodes}


def test_the_file_keeps_the_contract(hasty: Path) -> None:
    file = hasty / "made.tflite"
    assert operators(file) <= esphome.OPERATORS
    assert len(esphome.OPERATORS) == 20
    main, start = model_of(file).subgraphs
    handles = [t for t in main.tensors if t.type == 13]  # of resource variables
    assert 0 < len(handles) <= 20
    assert len([t for t in start.tensors if t.type == 13]) == len(handles)
    (given,), (made,) = main.inputs, main.outputs
    frames, score = main.tensors[given], main.tensors[made]
    assert (frames.type, list(frames.shape)) == (9, [1, 8, 40])  # int8
    assert frames.quantization.scale == np.float32(26 / 255)
    assert frames.quantization.zeroPoint == -128
    assert (score.type, list(score.shape)) == (3, [1, 1])  # uint8
    assert score.quantization.scale == 1 / 256
    assert score.quantization.zeroPoint == 0


def test_the_manifest_is_whole(hasty: Path) -> None:
    plain = json.loads((hasty / "made.json").read_text())
    assert plain.pop("micro") == {
        "probability_cutoff": 0.5,
        "feature_step_size": 10,
        "sliding_window_size": 5,
        "tensor_arena_size": esphome.memory(hasty / "made.tflite")["esp32-s3"],
        "minimum_esphome_version": "2024.7.0",
    }
    assert plain == {
        "type": "micro",
        "wake_word": "word",
        "author": "Ann",
        "model": "made.tflite",
        "trained_languages": ["en"],
        "version": 2,
    }


def test_the_arena_is_what_a_device_needs(hasty: Path) -> None:
    file = hasty / "made.tflite"
    alike = left(file) - left(shipped("alexa")[0])  # TFLite-Micro allocates what the model says
    assert abs(alike) <= 16  # for alignment after the package's own recorder
    found, size = program(file), json.loads((hasty / "made.json").read_text())["micro"]["tensor_arena_size"]
    needs = [need(found, chip, version) for chip in CHIPS for version in VERSIONS]
    assert max(needs) < size < 1.1 * max(needs)
    bundle = ModelBundle.load(hasty / "model")
    alone = recorded(bundle.network().net, bundle.spec.io)  # the cost of a search, without a file
    assert max(need(alone, chip, version) for chip in CHIPS for version in VERSIONS) == max(needs)
    line = esphome.memory_line(file.name, esphome.memory(file))
    assert f"{size:,} bytes on an ESP32-S3" in line
    assert "esp-nn 1.1.2 and 1.2.3" in line


def test_tuning_writes_the_cutoff_and_keeps_the_rest(hasty: Path, tmp_path: Path) -> None:
    bundle = ModelBundle.load(hasty / "model")
    file = tmp_path / "made.tflite"
    for name in ("made.tflite", "made.json"):
        (tmp_path / name).write_bytes((hasty / name).read_bytes())
    tuned = {"smooth": 7, "words": {"word": {"threshold": 0.83}}}
    found = esphome.manifest(replace(bundle, note={"detect": {"made.tflite": tuned}}), file)
    assert found["micro"]["probability_cutoff"] == 0.83
    assert found["micro"]["sliding_window_size"] == 7
    assert found["author"] == "Ann"
    assert json.loads((tmp_path / "made.json").read_text()) == {k: v for k, v in found.items() if v != ""}
    given = esphome.manifest(bundle, file, cutoff=0.9, website="https://example.org")
    assert given["micro"]["probability_cutoff"] == 0.9
    assert given["micro"]["sliding_window_size"] == 7
    with pytest.raises(UserError, match=r"a cutoff of 1\.5"):
        esphome.manifest(bundle, file, cutoff=1.5)


@pytest.mark.parametrize("text", ["[]", '{"micro": 5}', '{"micro": {"probability_cutoff": "0.9"}}'])
def test_a_manifest_of_another_form_is_refused(hasty: Path, tmp_path: Path, text: str) -> None:
    shutil.copyfile(hasty / "made.tflite", tmp_path / "made.tflite")
    (tmp_path / "made.json").write_text(text)
    with pytest.raises(UserError, match=r"made\.json: "):
        esphome.manifest(ModelBundle.load(hasty / "model"), tmp_path / "made.tflite")
    assert (tmp_path / "made.json").read_text() == text


def pcm(sound: np.ndarray) -> bytes:
    return bytes((sound * 32768).round().clip(-32768, 32767).astype(np.int16).tobytes())


def events(times: Iterator[float]) -> list[float]:
    """The first of every run of detections, the first seconds apart."""
    found: list[float] = []
    last = -9.0
    for time in times:
        if time > QUIET and time - last > 1:
            found.append(time)
        last = time
    return found


@pytest.mark.story
def test_a_foreign_client_detects_the_word_from_the_manifest(run: Path) -> None:
    from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures

    def heard(sound: np.ndarray) -> list[float]:
        client, ears = MicroWakeWord.from_config(run / "made.json"), MicroWakeWordFeatures()
        frames = enumerate(ears.process_streaming(pcm(sound)))
        found = events(0.01 * i for i, frame in frames if client.process_streaming(frame))
        client.close()
        return found

    found = heard(audio(13, WORDS, others=OTHERS))
    assert len(found) == len(WORDS)
    for time, word in zip(found, WORDS, strict=True):
        assert word < time < word + 1.5
    assert heard(audio(13, [], others=sorted(WORDS + OTHERS), seed=1)) == []


@pytest.mark.story
def test_we_hear_what_the_foreign_client_hears(run: Path, bundle: ModelBundle) -> None:
    """Its kernels are quicker and round otherwise where it is close; both get the device's integers."""
    from pymicro_wakeword import MicroWakeWord

    sound = audio(6, [3.0])
    assert bundle.features is not None
    frames = front_end(bundle.features).stream().step(torch.from_numpy(sound))[0].numpy()
    whole = device_int8(np.round(frames / SCALE))
    plain = json.loads((run / "made.json").read_text())
    plain["micro"]["sliding_window_size"] = 1
    (run / "raw.json").write_text(json.dumps(plain))
    client = MicroWakeWord.from_config(run / "raw.json")
    theirs = [client.process_streaming_prob(esphome.INPUT.real(frame)[None, None]) for frame in whole.T]
    client.close()
    mine = esphome.EspHome(run / "made.tflite", bundle).step(sound)
    error = np.abs(mine[:, 0] - theirs[7::8][: len(mine)])
    assert np.median(error) == 0
    assert error.max() < 0.05
    np.testing.assert_allclose(mine.sum(1), 1)


def detected(listener: Listener, sound: np.ndarray) -> list[float]:
    scores = listener.step(sound)[:, 0]
    smooth = np.convolve(scores, np.full(5, 0.2))[: len(scores)]
    return events(i * listener.hop / listener.sample_rate for i in np.flatnonzero(smooth > 0.5))


@pytest.mark.story
@pytest.mark.parametrize("name", ["model.tflite", "model.int8.tflite", "made.tflite"])
def test_every_file_detects_as_torch_does(name: str, run: Path, bundle: ModelBundle) -> None:
    sound = audio(13, WORDS, others=OTHERS)
    kind = esphome.EspHome if name == "made.tflite" else LiteStream
    listener, model = kind(run / name, bundle), TorchStream(bundle)
    wanted, found = detected(model, sound), detected(listener, sound)
    assert len(found) == len(wanted) == len(WORDS)
    assert np.abs(np.subtract(found, wanted)).max() < 0.2
    assert (listener.hop, listener.warm_up, listener.labels) == (model.hop, model.warm_up, model.labels)
    if name == "model.tflite":
        model.reset()
        listener.reset()
        parts = np.split(sound[:30000], [1, 700, 5000, 5001])
        chunks = np.concatenate([listener.step(part) for part in parts])
        np.testing.assert_allclose(chunks, model.step(sound[:30000]), atol=1e-4)


@pytest.mark.story
def test_the_word_is_detected_in_tflite_micro(run: Path, bundle: ModelBundle) -> None:
    sound = audio(13, WORDS, others=OTHERS)
    assert bundle.features is not None
    frames = front_end(bundle.features).stream().step(torch.from_numpy(sound))[0].numpy()
    file = litert.LiteFile(run / "model.int8.tflite")
    quant = litert.quant_of(file._given[0])
    assert quant is not None
    hops = len(frames[0]) // file.hop
    whole = quant.whole(frames[:, : hops * file.hop].T.reshape(hops, 1, file.hop, 40))
    scores = (micro(run / "model.int8.tflite", whole)[:, 0] + 128.0) / 256
    smooth = np.convolve(scores, np.full(5, 0.2))[: len(scores)]
    found = events(0.08 * i for i in np.flatnonzero(smooth > 0.5))
    assert len(found) == len(WORDS)
    assert all(word < time < word + 1.5 for time, word in zip(found, WORDS, strict=True))


@pytest.mark.story
def test_tuning_writes_the_cutoff_into_the_manifest(run: Path, tmp_path: Path) -> None:
    rng = numpy_rng("esphome", "clips")
    for number in range(6):
        write(tmp_path / "clips" / "word" / f"{number}.wav", clip(rng, positive=True), 16000)
    write(tmp_path / "long" / "a.wav", audio(20, [], others=OTHERS), 16000)
    own = tmp_path / "exp"
    shutil.copytree(run, own)
    before = json.loads((own / "made.json").read_text())
    with pytest.raises(UserError, match=r"--patience: made\.tflite is for ESPHome"):
        tune(own, tmp_path / "clips", tmp_path / "long", files=[own / "made.tflite"], patience="2/3")
    result = tune(own, tmp_path / "clips", tmp_path / "long", files=[own / "made.tflite"], smooth=3)
    after = json.loads((own / "made.json").read_text())
    threshold = result["files"][0]["words"]["word"]["threshold"]
    changed = {"probability_cutoff": threshold, "sliding_window_size": 3}
    assert after == {**before, "micro": {**before["micro"], **changed}}


def test_everything_that_keeps_a_bundle_from_esphome_is_said_at_once(hasty: Path) -> None:
    bundle = ModelBundle.load(hasty / "model")
    strange = replace(bundle, features=Features(), labels=("yes", "no"))
    with pytest.raises(UserError) as error:
        esphome.keyword_of(strange)
    assert len(error.value.problems) == 2
    assert "features: {name: micro" in error.value.hint


class _Deep(nn.Module):
    """More states than there is room for, and an activation that ESPHome has not."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(*(Conv(1 if i == 0 else 2, 2, (1, 3), causal=True) for i in range(20)))
        self.act, self.head = nn.Hardswish(), Head(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.act(self.body(x)))
        return y


def test_groups_are_refused_before_anything_is_calibrated() -> None:
    """A depthwise convolution fits; a grouped one, which LiteRT writes as CONV_2D, does not."""
    shapes = {"x": (1, 1, 1, 32), "w": (16, 1, 1, 8), "b": (16,), "y": (1, 1, 1, 16)}
    values = {name: Value(name, shape) for name, shape in shapes.items()}
    options = {"stride": (1, 1), "dilation": (1, 1), "padding": "VALID", "act": "NONE"}
    graph = Graph("x", "y", values, [Node("CONV_2D", ["x", "w", "b"], "y", options)])
    (problem,) = esphome._problems(graph)
    assert "32 channels in 4 groups" in problem
    values["w"] = Value("w", (16, 1, 1, 32))
    assert esphome._problems(graph) == []


@pytest.mark.story
def test_operators_means_and_states_are_counted() -> None:
    step = Step(_Deep(), InputSpec(1, 4, 8, 2), "exponential")
    graph = build(step, torch.zeros(4), torch.ones(4), keyword=0)
    problems = esphome._problems(graph)
    assert [text for text in problems if "HARD_SWISH" in text]
    assert [text for text in problems if "SUB" in text]
    assert [text for text in problems if "head.pool is a mean" in text]
    assert problems[-1].startswith("21 states")


class _Bent(nn.Module):
    """Activations and a shuffle that LiteRT has, and ESPHome has not."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Conv(1, 4, (1, 3), causal=True)
        self.slope, self.shuffle, self.head = nn.PReLU(4), nn.ChannelShuffle(2), Head(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.leaky_relu(self.shuffle(self.slope(self.stem(x)))).tanh()
        scores: Tensor = self.head(
            functional.max_pool2d(1 - functional.pad(y, (0, 0, 1, 1), value=1), (2, 1))
        )
        return scores


@pytest.mark.laws
def test_operators_that_only_litert_has_are_named_with_their_layer() -> None:
    graph = build(Step(_Bent(), InputSpec(1, 4, 8, 2)), torch.zeros(4), torch.ones(4), keyword=0)
    problems = "\n".join(esphome._problems(graph))
    assert "operator PRELU (slope" in problems
    assert "operator TRANSPOSE (shuffle" in problems
    for name in ("LEAKY_RELU", "TANH", "PADV2", "SUB"):
        assert f"operator {name} (" in problems
    assert "MAX_POOL_2D" not in problems


@pytest.mark.laws
@pytest.mark.parametrize(
    ("space", "refused"), [("sparknet", ["MINIMUM", "TANH"]), ("matchboxnet", [])], ids=str
)
def test_gates_need_operators_that_esphome_lacks_and_separable_blocks_do_not(
    space: str, refused: list[str]
) -> None:
    io = InputSpec(1, 40, 30, 2)
    built = causal(space, filters=4)
    graph = build(Step(built.build(built.spec({}, io)), io), torch.zeros(40), torch.ones(40), keyword=0)
    assert sorted(text.split()[1] for text in esphome._problems(graph)) == refused
