"""The law of finite memory for every file that listens, from sound to scores; the window ends the network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from audionas.core.rng import numpy_rng
from audionas.export import esphome, litert, onnx_stream
from audionas.export.listeners import open_file
from audionas.features import Features
from audionas.models.bundle import ModelBundle
from audionas.models.stream import StreamStep, TorchStream
from tests._memory import listener_forgets
from tests.unit.export._bundles import bundle_of
from tests.unit.features.test_frontends import speech_like

SPACES = {
    "tc": ("kws_tc_resnet", {"width": 0.25, "causal": True, "se": "none"}),
    "se": ("kws_mobilenet", {"preset": "sf16", "width": 0.25, "causal": True}),
    "bc": ("bc_resnet", {"tau": 0.5, "causal": True}),
    "mixed": ("mixednet", {"longest": 9, "depth": 3, "filters": 16, "ears": "mfcc/tc_resnet"}),
}


def sound(samples: int) -> np.ndarray:
    wave: np.ndarray = 0.5 * speech_like(1, samples)[0].numpy()
    return wave.astype(np.float32)


def lively(name: str) -> ModelBundle:
    """A bundle whose scores are not all 0 and 1: its last layer is scaled by what it says of some sound."""
    space, params = SPACES[name]
    bundle = bundle_of(space, **params)
    network = bundle.network()
    with torch.inference_mode():
        logits = network.net(
            network.normalize(network.front_end(torch.from_numpy(sound(64000).reshape(4, -1))))
        )
    weights, spread = dict(bundle.weights), logits.std().clamp(min=1e-3)
    weights["head.linear.bias"] = (weights["head.linear.bias"] - logits.mean(0)) / spread
    weights["head.linear.weight"] = weights["head.linear.weight"] / spread
    return replace(bundle, weights=weights)


def settled(bundle: ModelBundle) -> int:
    step = StreamStep(bundle)
    assert step.settled is not None
    assert not step.memory.fades
    seconds = step.memory.field
    assert seconds is not None
    assert seconds * step.sample_rate <= step.settled * step.hop_samples  # what is told covers the hops
    return step.settled


@pytest.mark.laws
def test_the_model_in_torch_forgets() -> None:
    bundle = lively("tc")
    listener_forgets(lambda: TorchStream(bundle), settled(bundle), sound)


@pytest.mark.laws
@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("kind", ["model.stream.onnx", "model.tflite", "model.int8.tflite"])
def test_a_file_forgets(name: str, kind: str, tmp_path: Path) -> None:
    for package in ("onnxruntime", "onnxscript", "ai_edge_litert"):
        pytest.importorskip(package)
    bundle, file = lively(name), tmp_path / kind
    if kind == "model.stream.onnx":
        onnx_stream.export(bundle, file)
    else:
        frames = bundle.network().front_end(torch.from_numpy(np.stack([sound(16000)] * 2)))[:, 0].numpy()
        litert.export(bundle, file, calibrate=frames if "int8" in kind else None)
    listener_forgets(lambda: open_file(file, bundle), settled(bundle), sound)


@pytest.mark.laws
def test_esphomes_file_forgets_but_for_the_front_end(tmp_path: Path) -> None:
    """Frames in: the front-end's noise estimate fades, and has a law of its own."""
    for package in ("pymicro_features", "ai_edge_litert", "tflite_micro"):
        pytest.importorskip(package)
    bundle = lively("tc")
    spec = replace(bundle.spec, io=bundle.spec.io._replace(classes=2))
    weights = dict(bundle.weights)
    for part in ("head.linear.weight", "head.linear.bias"):
        weights[part] = weights[part][:2] / 10  # features reach 26, and are not normalised
    micro = Features(name="micro", preset="settled")
    bundle = replace(bundle, spec=spec, weights=weights, labels=("word", "_other_"), features=micro)
    rng, file = numpy_rng("law", "esphome"), tmp_path / "word.tflite"
    frames = rng.uniform(0, 26, (4, 40, 98)).astype(np.float32)
    esphome.export(bundle, file, calibrate=frames)
    step, said = StreamStep(bundle, input="frames"), []
    assert step.memory.fades
    hops = step.step.field // step.hop + 1
    present = rng.uniform(0, 26, ((hops + 3), 40, step.hop)).astype(np.float32)
    for level in (1.0, 26.0):
        listener = open_file(file, bundle)
        for hop in rng.uniform(0, level, (hops + 5, 40, step.hop)).astype(np.float32):
            listener.scores(hop)
        said.append(np.stack([listener.scores(hop) for hop in present]))
    assert not np.array_equal(said[0][: hops // 2], said[1][: hops // 2])
    assert np.array_equal(said[0][hops:], said[1][hops:])
