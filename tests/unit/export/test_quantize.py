"""model.int8.onnx: only the network is in int8, with the levels that fake quantisation trains for."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.engine.fake_quant import Weight
from audionas.export import onnx, quantize
from audionas.features import Features, build
from audionas.models.bundle import ModelBundle
from tests.unit.export._bundles import LABELS, SAMPLES, bundle_of

pytestmark = pytest.mark.numeric

for _package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(_package, reason="needs the extra export")

WAVES = numpy_rng("quantize").normal(0, 0.1, (12, SAMPLES)).clip(-1, 1).astype(np.float32)


@pytest.fixture(scope="module")
def bundle() -> ModelBundle:
    """With a head that is not sure of anything."""
    found = bundle_of("kws_tc_resnet", width=0.25, se="none", causal=True)
    weights = {name: 0.02 * each if "head" in name else each for name, each in found.weights.items()}
    return replace(found, weights=weights)


@pytest.fixture(scope="module")
def features(bundle: ModelBundle) -> np.ndarray:
    return build(bundle.features)(torch.from_numpy(WAVES))[:, 0].numpy()


@pytest.fixture(scope="module")
def network(bundle: ModelBundle, features: np.ndarray) -> bytes:
    return quantize.quantised(bundle, features[:8])


@pytest.fixture(scope="module")
def whole(bundle: ModelBundle, network: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("export") / "model.int8.onnx"
    quantize.export(bundle, network, file)
    return file


def proto(file: Path) -> Any:
    import onnx as package

    return package.load(file)


@pytest.mark.story
def test_the_network_stays_near_float(bundle: ModelBundle, network: bytes, features: np.ndarray) -> None:
    with torch.inference_mode():
        expected = bundle.network()(torch.from_numpy(WAVES)).numpy()
    found = quantize.scores(network, bundle, features)
    assert found.shape == (12, len(LABELS))
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
    assert 1e-5 < np.abs(found - expected).max() < 0.1


@pytest.mark.story
def test_the_whole_file_is_front_end_and_network(whole: Path, bundle: ModelBundle, network: bytes) -> None:
    front_end = build(bundle.features)
    own = front_end(torch.from_numpy(WAVES))[:, 0].numpy()
    found = onnx.session(whole)(WAVES)
    np.testing.assert_allclose(found, quantize.scores(network, bundle, own), atol=0.02)
    np.testing.assert_allclose(onnx.session(whole)(WAVES[:1]), found[:1], atol=1e-6)
    assert [path.name for path in whole.parent.iterdir()] == ["model.int8.onnx"]


@pytest.mark.story
def test_one_that_takes_frames_says_the_same(
    bundle: ModelBundle, network: bytes, features: np.ndarray, tmp_path: Path
) -> None:
    file = tmp_path / "model.int8.onnx"
    quantize.export(bundle, network, file, input="frames")
    assert [given.name for given in proto(file).graph.input] == ["frames"]
    expected = quantize.scores(network, bundle, features)
    np.testing.assert_allclose(onnx.session(file)(features[:, None]), expected, atol=1e-6)
    np.testing.assert_allclose(onnx.clips(file, bundle)(WAVES), expected, atol=0.02)


@pytest.mark.story
def test_the_front_end_and_the_softmax_are_float(whole: Path) -> None:
    graph = proto(whole).graph
    kinds = Counter(node.op_type for node in graph.node)
    assert kinds["STFT"] == 1
    makers = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        if node.op_type in ("Conv", "Gemm"):
            assert all(makers[name].op_type == "DequantizeLinear" for name in node.input), node.name
        if node.op_type in ("STFT", "Log"):
            assert all(makers[n].op_type != "DequantizeLinear" for n in node.input if n in makers), node.name
    assert [node.op_type for node in graph.node if "scores" in node.output] == ["Softmax"]


@pytest.mark.story
def test_weights_have_the_levels_that_fake_quantisation_rounds_to(whole: Path, bundle: ModelBundle) -> None:
    """The first convolution's, with its batch norm folded in."""
    from onnx import numpy_helper

    graph = proto(whole).graph
    constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    first = next(node for node in graph.node if node.op_type == "Conv")
    weight, scale, _ = (constants[name] for name in makers[first.input[1]].input)
    found = weight.astype(np.float32) * scale.reshape(-1, 1, 1, 1)
    w = bundle.weights
    factor = w["stem.bn.weight"] / (w["stem.bn.running_var"] + 1e-5).sqrt()
    expected = Weight()(w["stem.conv.weight"]) * factor.reshape(-1, 1, 1, 1)
    assert weight.dtype == np.int8
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=0.02 * float(scale.min()))


@pytest.mark.story
def test_it_says_what_it_is_and_not_where_it_was_made(whole: Path, bundle: ModelBundle) -> None:
    facts = {each.key: each.value for each in proto(whole).metadata_props}
    assert facts["labels"] == "\n".join(LABELS)
    assert facts["arch"] == bundle.spec.id
    assert (facts["sample_rate"], facts["input"], facts["weights"]) == ("16000", "waveform", "int8")
    content = whole.read_bytes()
    for place in (whole.parent, Path(onnx.__file__).parent, Path(torch.__file__).parent, "/tmp"):
        assert str(place).encode() not in content


@pytest.mark.story
def test_images_and_a_librarys_front_end_are_refused(network: bytes, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="an image model"):
        quantize.quantised(bundle_of("nas_bench_201"), np.zeros((1, 32, 32), np.float32))
    library = replace(bundle_of("kws_tc_resnet"), features=Features(name="micro", preset="esphome"))
    for write in (
        lambda: quantize.export(library, network, tmp_path / "a.onnx"),
        lambda: onnx.export(library, tmp_path / "a.onnx"),
    ):
        with pytest.raises(UserError, match="no ONNX file can hold the front-end micro") as caught:
            write()
        assert "--input frames" in caught.value.hint
    assert not list(tmp_path.iterdir())
