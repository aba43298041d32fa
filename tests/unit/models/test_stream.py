"""Streams as files and in torch: the frames of the clip, the scores of the stream, whatever the chunks."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.export import onnx, onnx_stream, verify
from audionas.export.listeners import open_file
from audionas.export.onnx_listeners import OnnxClip, OnnxStream
from audionas.listen.exported import Exported
from audionas.listen.hear import tail
from audionas.listen.web.page import described
from audionas.models import stream
from audionas.models.bundle import ModelBundle
from audionas.models.listener import Listener
from audionas.nn.means import RingMean
from audionas.nn.streaming import Stream
from tests._tiers import story
from tests.unit.export._bundles import LABELS, bundle_of
from tests.unit.features.test_frontends import speech_like
from tests.unit.features.test_stream import inside

for _package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(_package)

MIXED = {"longest": 9, "depth": 3, "filters": 16, "ears": "mfcc/tc_resnet"}
CASES: dict[str, tuple[str, dict[str, Any], stream.Input, stream.Pooling]] = {
    "tc": ("kws_tc_resnet", {"width": 0.5, "se": "none"}, "waveform", "window"),
    "se": ("kws_mobilenet", {"preset": "sf16", "width": 0.25}, "waveform", "exponential"),
    "bc": ("bc_resnet", {"tau": 0.5}, "waveform", "window"),
    "asc": ("asc_mobilenet", {"width": 0.25}, "frames", "window"),
    "mixed": ("mixednet", MIXED, "waveform", "window"),
    "mixed mean": ("mixednet", {**MIXED, "pool": "mean"}, "frames", "exponential"),
    "mixed max": ("mixednet", {**MIXED, "pool": "max"}, "frames", "window"),
}
CLOSE = 4e-4  # of a score; `liven` scales what single precision leaves open as well, to 0.8e-4 (asc, SSE4.1)


class Case(NamedTuple):
    bundle: ModelBundle
    file: Path
    input: stream.Input
    pool: stream.Pooling


@pytest.fixture(scope="module", params=story(CASES))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return made(tmp_path_factory.mktemp(request.param), request.param)


def made(folder: Path, which: str) -> Case:
    space, params, input, pool = CASES[which]
    always = {} if space == "mixednet" else {"causal": True}
    bundle = bundle_of(space, **always, **params)
    liven(bundle)
    file = folder / "export" / "model.stream.onnx"
    onnx_stream.export(bundle, file, input=input, pool=pool)
    return Case(bundle, file, input, pool)


def liven(bundle: ModelBundle) -> None:
    """Scale the last layer so that a stream's logits over speech-like sound spread by one around zero."""
    network, step = bundle.network(), stream.StreamStep(bundle)
    begin = step.settled or step.warm_up
    with torch.inference_mode():
        wave = speech_like(1, step.hop_samples * (begin + 12))
        frames = network.normalize(network.front_end(wave))[0]
        logits = Stream(network.net, bundle.spec.io).step(frames)[begin:]
        weight, bias = (bundle.weights[f"head.linear.{name}"] for name in ("weight", "bias"))
        spread = logits.std(0)
        bias.sub_(logits.mean(0)).div_(spread)
        weight.div_(spread[:, None])


def sound(samples: int) -> np.ndarray:
    """Speech-like sound, float32 in [-1, 1]."""
    wave: np.ndarray = speech_like(1, samples)[0].numpy()
    return wave


def told(listener: Listener, wave: np.ndarray, *chunks: int) -> np.ndarray:
    parts, at, turn = [], 0, 0
    while at < len(wave):
        size = chunks[turn % len(chunks)]
        parts.append(listener.step(wave[at : at + size]))
        at, turn = at + size, turn + 1
    return np.concatenate(parts)


def test_the_file_says_what_torch_says(case: Case) -> None:
    if case.input == "frames":
        with pytest.raises(UserError, match="takes frames"):
            OnnxStream(case.file)
    mine, theirs = stream.TorchStream(case.bundle, case.pool), open_file(case.file, case.bundle)
    assert isinstance(theirs, OnnxStream)
    late = mine.module.settled or mine.warm_up
    wave = sound(mine.hop * (late + 5) + 77)
    scores = told(theirs, wave, 997, 1, 0, 12_345, 160)
    assert scores.shape == (late + 5, len(LABELS))
    assert scores[late:].std(0).max() > 0.01, "all scores are alike"
    np.testing.assert_allclose(scores, told(mine, wave, 3001), atol=CLOSE)
    theirs.reset()
    np.testing.assert_allclose(theirs.step(wave), scores, atol=CLOSE)
    assert (theirs.labels, theirs.sample_rate, theirs.hop, theirs.warm_up) == (
        mine.labels,
        mine.sample_rate,
        mine.hop,
        mine.warm_up,
    )


def test_the_stream_hears_the_frames_of_the_clip(case: Case) -> None:
    """Front-end over the whole sound, then the network's stream: scores from where the start is forgotten."""
    listener = stream.TorchStream(case.bundle)
    step, network, io = listener.module, case.bundle.network(), case.bundle.spec.io
    ring = any(isinstance(part, RingMean) for part in network.net.modules())
    if (
        step.settled is None or ring
    ):  # its blocks begin at its own first frame: test_finite_memory.py has its law
        return
    wave = sound(listener.hop * (step.settled + 6))
    frames = inside(network.front_end, torch.from_numpy(wave))
    lead = network.front_end.lead
    first = (step.step.lead - lead) % step.hop  # the first frame from which a stream's hops are the step's
    before = (lead + first - step.step.lead) // step.hop  # scores with frames that reach before the start
    with torch.inference_mode():
        heard = network.normalize(frames[None])[0][..., first:]
        wanted = Stream(network.net, io).step(heard).softmax(1).numpy()
    found = told(listener, wave, 3001, 160)[before:]
    count = min(len(found), len(wanted))
    assert count > step.settled
    assert wanted[step.settled : count].std(0).max() > 0.01, "all scores are alike"
    np.testing.assert_allclose(found[step.settled : count], wanted[step.settled : count], atol=CLOSE)


def test_a_program_finds_what_it_needs_in_the_file(case: Case) -> None:
    import onnx as package

    proto = package.load(case.file)
    step = stream.StreamStep(case.bundle, input=case.input, pool=case.pool)
    shapes = {i.name: tuple(d.dim_value for d in i.type.tensor_type.shape.dim) for i in proto.graph.input}
    first = {"waveform": "samples", "frames": "frames"}[case.input]
    assert shapes == {first: tuple(step.example().shape), **dict(zip(step.names, step.shapes, strict=True))}
    assert ("sound" in shapes) == (case.input == "waveform")
    outputs = {o.name: tuple(d.dim_value for d in o.type.tensor_type.shape.dim) for o in proto.graph.output}
    states = {f"{name}_next": shape for name, shape in zip(step.names, step.shapes, strict=True)}
    assert outputs == {"scores": (1, len(LABELS)), **states}
    facts = {p.key: p.value for p in proto.metadata_props}
    rate = case.bundle.network().front_end.sample_rate
    assert facts == {
        "labels": "\n".join(LABELS),
        "arch": case.bundle.spec.id,
        "sample_rate": str(rate),
        "hop_samples": str(step.hop_samples),
        "hops": "1",
        "warm_up": str(step.warm_up),
        "input": case.input,
    }
    assert math.isclose(step.warm_up * step.hop_samples / rate, 1, abs_tol=0.7)  # of clips of a second
    assert not list(case.file.parent.glob("*.data")), "one file, nothing beside it"
    assert str(Path(onnx.__file__).parent).encode() not in case.file.read_bytes(), (
        "it tells where the code lay"
    )


@pytest.mark.laws
@pytest.mark.parametrize("pool", ["flatten", "max"])
def test_a_network_without_padding_says_of_a_stream_what_it_says_of_the_clip(pool: str) -> None:
    """Wherever its hops begin and whatever it heard before, at a hop that ends with the clip."""
    bundle = bundle_of("mixednet", **{**MIXED, "pool": pool})
    liven(bundle)
    wave = sound(16_000 * 4)
    clips = np.stack([wave[at : at + 16_000] for at in (0, 17_000, 40_000)])
    with torch.inference_mode():
        whole = bundle.network()(torch.from_numpy(clips)).numpy()
    assert np.ptp(whole, 0).max() > 0.1, "all clips are alike"
    for pasts in ([wave[:0]] * 3, [wave[-n:] for n in (5_001, 7_777, 20_160)]):
        found = verify.ended(stream.TorchStream(bundle), clips, pasts)
        np.testing.assert_allclose(found, whole, atol=CLOSE)


@pytest.mark.parametrize(
    "which", [*story(("tc", "mixed max"), 0), pytest.param("se", marks=pytest.mark.nightly)]
)
def test_several_hops_in_a_call_are_as_many_calls(which: str, tmp_path: Path) -> None:
    case = made(tmp_path, which)
    file = tmp_path / "several.stream.onnx"
    onnx_stream.export(case.bundle, file, input=case.input, pool=case.pool, hops=3)
    one, several = open_file(case.file, case.bundle), open_file(file, case.bundle)
    assert isinstance(several, OnnxStream)
    assert (several.every, several.hop, several.warm_up) == (3, one.hop, one.warm_up)
    lag = case.bundle.network().front_end.tail if case.input == "frames" else 0
    wave = sound(one.hop * 31 + lag + 77)  # of 31 hops 30 are in whole calls
    scores = told(several, wave, 997, 1, 0, 12_345, 160)
    np.testing.assert_allclose(scores, one.step(wave)[: len(scores)], atol=CLOSE)
    assert len(scores) == 30
    assert scores.std(0).max() > 0.01, "all scores are alike"
    clips = np.stack([wave[:16_000], wave[-16_000:]])
    before = [wave[: one.hop + 5], wave[:7]]
    last, same = (verify.after(listener, clips, before) for listener in (one, several))
    np.testing.assert_allclose(last, same, atol=CLOSE)  # though a call goes on after them
    if case.input == "waveform":
        facts = dict(OnnxStream(file).session.get_modelmeta().custom_metadata_map)
        assert facts["hops"] == "3"
        with pytest.raises(UserError, match="takes 3 hops in a call, and the page gives one") as caught:
            described(Exported(tmp_path, case.bundle, file))
        assert "--target onnx-stream" in caught.value.hint
    assert len(tail(several)) == len(tail(one)) + 2 * one.hop  # so that the last scores come


# A file that takes clips


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelBundle, Path]:
    bundle, file = bundle_of("ds_cnn"), tmp_path_factory.mktemp("clip") / "export" / "model.onnx"
    onnx.export(bundle, file)
    return bundle, file


@pytest.mark.story
def test_a_clip_is_slid_over_the_sound(clip: tuple[ModelBundle, Path]) -> None:
    bundle, file = clip
    listener, wave = open_file(file, bundle), sound(40_000)
    assert isinstance(listener, OnnxClip)
    scores = told(listener, wave, 997, 1, 0, 12_345)
    assert (listener.hop, len(scores)) == (1600, 25)
    ends = np.arange(1600, 40_001, 1600)
    heard = np.concatenate([np.zeros(16_000, np.float32), wave])
    clips = np.stack([heard[end : end + 16_000] for end in ends])
    with torch.inference_mode():
        wanted = bundle.network()(torch.from_numpy(clips)).numpy()
    np.testing.assert_allclose(scores, wanted, atol=CLOSE)
    assert ends[listener.warm_up] == 16_000  # the first whole clip
    listener.reset()
    np.testing.assert_allclose(listener.step(wave), scores, atol=1e-6)
    assert OnnxClip(file, bundle, every=0.25).step(wave).shape == (10, len(LABELS))


# What the user can put right


@pytest.mark.story
def test_other_files_are_named_with_what_to_do(clip: tuple[ModelBundle, Path], tmp_path: Path) -> None:
    bundle, file = clip
    for name, target in (
        ("model.stream.onnx", "onnx-stream"),
        ("model.int8.onnx", "int8"),
        ("a.tflite", "e"),
    ):
        with pytest.raises(UserError, match="not exported yet") as caught:
            open_file(tmp_path / "export" / name, bundle)
        assert f"audionas export {tmp_path} --target {target}" in caught.value.hint
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(UserError, match="not a file that listens"):
        open_file(tmp_path / "notes.txt", bundle)
    with pytest.raises(UserError, match="takes no steps"):
        OnnxStream(file)


def test_a_network_that_looks_ahead_and_images_are_refused(tmp_path: Path) -> None:
    for bundle, says in ((bundle_of("ds_cnn"), "looks ahead"), (bundle_of("mobilenet"), "image model")):
        with pytest.raises(UserError, match=says):
            onnx_stream.export(bundle, tmp_path / "x.stream.onnx")
    assert not list(tmp_path.iterdir())


NOISE = numpy_rng("stream", "noise").normal(0, 0.1, 24_000).clip(-1, 1).astype(np.float32)


@pytest.mark.story
def test_a_library_s_front_end_is_run_beside_the_file(tmp_path: Path) -> None:
    pytest.importorskip("pymicro_features", reason="the extra device is not installed")
    from dataclasses import replace

    from audionas.features import Features

    plain = bundle_of("tc_resnet", causal=True, depth=8, width=0.25)
    bundle = replace(plain, features=Features(name="micro", preset="esphome"))
    with pytest.raises(UserError, match="no file can hold") as caught:
        onnx_stream.export(bundle, tmp_path / "x.stream.onnx")
    assert "--input frames" in caught.value.hint
    onnx_stream.export(bundle, tmp_path / "x.stream.onnx", input="frames")
    found = told(open_file(tmp_path / "x.stream.onnx", bundle), NOISE, 997)
    np.testing.assert_allclose(found, told(stream.TorchStream(bundle), NOISE, 5000), atol=CLOSE)
