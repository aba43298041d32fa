"""LiteRT files: float says what torch says, int8 what a microcontroller says, for every causal space."""

import copy
import functools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.export import litert
from audionas.export.esphome import OPERATORS
from audionas.export.lite.graph import Graph, Value
from audionas.export.lite.int8 import Int8, endless, quantized
from audionas.export.lite.run import run, start
from audionas.export.lite.share import share
from audionas.export.lite.trace import build
from audionas.nn.blocks import Conv, Head
from audionas.nn.streaming import Step
from tests._tiers import story
from tests.unit.export._lite import CAUSAL, SQUEEZED, Lite, micro
from tests.unit.nn._streams import causal

for _package in ("ai_edge_litert", "tflite_micro"):
    pytest.importorskip(_package, reason="the extra device is not installed")

STEPS = 2 / 256  # two steps of a score in int8


@functools.cache
def lite_of(name: str) -> Lite:
    return Lite(*CAUSAL[name])


@pytest.fixture(scope="module", params=story(CAUSAL, fast=2))
def lite(request: pytest.FixtureRequest) -> Lite:
    return lite_of(request.param)


@pytest.fixture(scope="module")
def int8(lite: Lite) -> Int8:
    return lite.int8()


def told(file: Path, hops: np.ndarray) -> np.ndarray:
    opened = litert.LiteFile(file)
    return np.stack([opened.step(hop) for hop in hops])


@pytest.mark.parametrize("internal", [False, True])
def test_float_says_what_torch_says(lite: Lite, tmp_path: Path, internal: bool) -> None:
    hops = lite.hops(50)
    opened = litert.LiteFile(lite.write(tmp_path / "model.tflite", internal=internal))
    found = np.stack([opened.step(hop) for hop in hops])
    np.testing.assert_allclose(found, lite.torch(hops), rtol=0, atol=1e-5)
    opened.reset()
    assert np.array_equal([opened.step(hop) for hop in hops[:3]], found[:3])


def test_int8_is_bit_for_bit_that_of_a_microcontroller(lite: Lite, int8: Int8, tmp_path: Path) -> None:
    hops = lite.hops(30)
    whole = int8.quants[lite.graph.frames].whole(hops.transpose(0, 2, 1)[:, None])
    score, found = int8.quants[lite.graph.scores], []
    for internal in (False, True):
        file = lite.write(tmp_path / f"{internal}.tflite", int8, internal=internal)
        mine, theirs = told(file, hops), score.real(micro(file, whole))
        assert np.array_equal(mine, theirs)
        found.append(mine)
    assert np.array_equal(*found)
    assert np.ptp(found[0], 0).max() > STEPS  # the scores move


def test_int8_is_the_graph_with_rounded_values(lite: Lite, int8: Int8, tmp_path: Path) -> None:
    """Kernels round what lies between two numbers in ways of their own, and later layers pass it on."""
    hops = lite.hops(20)
    found = told(lite.write(tmp_path / "model.int8.tflite", int8), hops)
    error = np.abs(found - rounded(lite.graph, int8, hops))
    assert error.mean() < STEPS
    assert error.max() < 4 * STEPS
    assert np.abs(found - lite.torch(hops)).max() < 0.06


def rounded(graph: Graph, int8: Int8, hops: np.ndarray) -> np.ndarray:
    """The float graph where every value is moved to the nearest that int8 has."""

    def seen(name: str, value: Tensor) -> Tensor:
        quant = int8.quants[name]
        return torch.from_numpy(quant.real(quant.whole(value.numpy())))

    values = {
        name: Value(name, value.shape, int8.quants[name].real(int8.data[name]))
        if value.data is not None and name in int8.quants
        else value
        for name, value in graph.values.items()
    }
    coarse = Graph(graph.frames, graph.scores, values, graph.nodes, graph.states)
    states, found = start(coarse, 1), []
    with torch.inference_mode():
        for hop in torch.from_numpy(hops):
            scores, states = run(coarse, hop.t()[None], states, seen)
            found.append(scores[0])
    return torch.stack(found).numpy()


def test_a_state_keeps_its_scale(lite: Lite, int8: Int8) -> None:
    assert not endless(lite.graph)
    for state in lite.graph.states:
        assert int8.quants[state.given] == int8.quants[state.kept]
    for node in lite.graph.nodes:
        if node.op == "CONCATENATION":
            assert len({int8.quants[name] for name in (*node.inputs, node.output)}) == 1


def test_buffers_are_aligned_and_need_little_memory(lite: Lite, int8: Int8, tmp_path: Path) -> None:
    from ai_edge_litert import schema_py_generated as schema

    file = lite.write(tmp_path / "model.int8.tflite", int8)
    content = file.read_bytes()
    model = schema.Model.GetRootAs(content, 0)
    for index in range(1, model.BuffersLength()):
        data = model.Buffers(index).DataAsNumpy()
        offset = data.ctypes.data - np.frombuffer(content, np.uint8).ctypes.data
        assert offset % 16 == 0
    widest = max(int(np.prod(value.shape)) for value in lite.graph.values.values() if value.data is None)
    assert widest < litert.arena(file) < 200_000


@pytest.mark.story
def test_ten_minutes_leave_no_trace(tmp_path: Path) -> None:
    """States are copies of what was computed, never sums: what is old enough has no part in a score."""
    lite = lite_of("tc")
    int8 = lite.int8()
    whole = lite.write(tmp_path / "model.int8.tflite", int8, internal=True)
    count = 10 * 60 * 100 // lite.step.hop
    hops = lite.hops(64)[np.arange(count) % 61]
    found, wanted = told(whole, hops), told(lite.write(tmp_path / "model.tflite"), hops)
    assert lite.step.field is not None
    settled = -(-lite.step.field // lite.step.hop)
    assert np.array_equal(told(whole, hops[-settled - 5 :])[settled:], found[-5:])
    error = np.abs(found - wanted).max(1)
    assert error[-count // 10 :].max() <= error[: count // 10].max()
    assert error.max() < 0.06


@pytest.mark.story
def test_float_holds_endless_means_and_int8_refuses_them(tmp_path: Path) -> None:
    lite = Lite(*SQUEEZED, pool="exponential")
    hops = lite.hops(20)
    found = told(lite.write(tmp_path / "model.tflite"), hops)
    np.testing.assert_allclose(found, lite.torch(hops), rtol=0, atol=1e-5)
    names = endless(lite.graph)
    assert [name for name in names if name.endswith(".se.pool")]
    assert "head.pool" in names
    with pytest.raises(UserError, match=r"does not fit int8: .*se\.pool"):
        lite.int8()


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.story
def test_squeeze_and_excitation_is_in_int8_what_the_ring_of_frames_is(tmp_path: Path, hard: bool) -> None:
    lite = Lite(*SQUEEZED, squeeze="frames", hard=hard)
    hops, int8 = lite.hops(30), lite.int8()
    assert sum(name.endswith(".se.pool") for name in lite.step.names) > 2
    assert {node.op for node in lite.graph.nodes} <= OPERATORS | {"SOFTMAX"}  # no DIV
    assert not endless(lite.graph)
    file = lite.write(tmp_path / "model.int8.tflite", int8)
    whole = int8.quants[lite.graph.frames].whole(hops.transpose(0, 2, 1)[:, None])
    found, plain = told(file, hops), lite.torch(hops)
    assert np.array_equal(found, int8.quants[lite.graph.scores].real(micro(file, whole)))
    np.testing.assert_allclose(told(lite.write(tmp_path / "model.tflite"), hops), plain, rtol=0, atol=1e-5)
    assert np.abs(found - plain).max() < np.ptp(plain, 0).max() / 4


def test_branches_share_what_they_hear(tmp_path: Path) -> None:
    lite = copy.copy(lite_of("mix"))
    lite.graph = copy.deepcopy(lite.graph)
    before = len(lite.graph.states)
    share(lite.graph)
    inputs = [node.inputs[1] for node in lite.graph.nodes if node.op == "CONCATENATION"]
    assert len(lite.graph.states) == len(set(inputs)) < before
    hops = lite.hops(20)
    found = told(lite.write(tmp_path / "model.tflite", internal=True), hops)
    np.testing.assert_allclose(found, lite.torch(hops), rtol=0, atol=1e-5)


class _Odd(nn.Module):
    """A network with something that no handler knows."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Conv(1, 4, (3, 3), causal=True)
        self.bend = nn.Softplus()
        self.head = Head(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.bend(self.stem(x)))
        return y


def test_an_operator_without_a_form_is_named_with_its_layer() -> None:
    step = Step(_Odd(), InputSpec(1, 4, 8, 2))
    with pytest.raises(UserError, match=r"bend: operator aten.softplus.default cannot be written"):
        build(step, torch.zeros(4), torch.ones(4))


def test_calibration_wants_clips_of_a_hop() -> None:
    lite = lite_of("tc")
    with pytest.raises(UserError, match="not a set of features"):
        quantized(lite.graph, lite.clips[..., : lite.step.hop - 1])


def test_a_channel_that_died_keeps_its_bias(tmp_path: Path) -> None:
    """Its weights give no scale; one that is too small would not let the bias into 32 bits."""
    net = nn.Sequential(Conv(1, 4, (1, 3), causal=True, bias=True), nn.ReLU())
    net.append(Head(4, 2))
    conv = net[0]
    assert isinstance(conv, Conv)
    assert conv.bias is not None
    with torch.no_grad():
        conv.weight[1] = 1e-12
        conv.weight[2] = 0
        conv.bias[:] = torch.tensor([0.1, 2.0, 3.0, -1.0])
    step = Step(net, InputSpec(1, 4, 8, 2))
    graph = build(step, torch.zeros(4), torch.ones(4))
    clips = np.random.default_rng(0).normal(size=(4, 4, 16)).astype(np.float32)
    int8 = quantized(graph, clips)
    given = torch.from_numpy(clips[0, :, :1])
    scores, _ = run(graph, given.t()[None], start(graph, 1))
    found = rounded(graph, int8, clips[0, :, :1][None])[0]
    np.testing.assert_allclose(found, scores[0].numpy(), atol=STEPS)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not exported yet"):
        litert.LiteFile(tmp_path / "model.tflite")
    (tmp_path / "model.tflite").write_bytes(b"none of it")
    with pytest.raises(UserError, match="cannot load it"):
        litert.LiteFile(tmp_path / "model.tflite")
    whole = lite_of("tc").write(tmp_path / "whole.tflite").read_bytes()
    (tmp_path / "model.tflite").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="cannot load it"):
        litert.LiteFile(tmp_path / "model.tflite")


def test_a_file_has_no_parallel_branch() -> None:
    """Branches of TENet's block make the operators, shapes and states of the one kernel."""
    found = []
    for option in ("mt_k9", "te_k9"):
        space = causal("tenet", filters=4, blocks=1)
        io = InputSpec(1, 10, 25, 2)
        net = space.build(space.spec({c.name: (option,) for c in space.choices()}, io)).eval()
        graph = build(Step(net, io), torch.zeros(10), torch.ones(10))
        found.append([(node.op, graph.values[node.output].shape) for node in graph.nodes])
    assert found[0] == found[1]
