"""The exported file against torch, for a network of every space; the comparison finds what differs."""

from pathlib import Path

import numpy as np
import pytest
import torch

from audionas.core.errors import UserError
from audionas.core.registry import names
from audionas.core.rng import numpy_rng
from audionas.export import onnx, verify
from audionas.models.bundle import ModelBundle
from tests._close import close
from tests.unit.export._bundles import LABELS, SAMPLES, SIDE, bundle_of

for _package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(_package)

WAVES = numpy_rng("onnx", "noise").normal(0, 0.1, (3, SAMPLES)).clip(-1, 1).astype(np.float32)


IMAGES = numpy_rng("onnx", "images").random((3, 3, SIDE, SIDE)).astype(np.float32)


def exported(space: str, folder: Path) -> tuple[ModelBundle, Path]:
    bundle = bundle_of(space)
    for name, tensor in bundle.weights.items():
        # 0 to 0.05 was added to each weight. Without its mean values do not grow from layer to layer, up to
        # logits of 10^7: scores are then all 0 or 1, and agree whatever a file says
        if tensor.ndim > 1:
            bundle.weights[name] = tensor - 0.025
    onnx.export(bundle, folder / "export" / "model.onnx")
    return bundle, folder / "export" / "model.onnx"


@pytest.mark.parametrize("space", names("space"))
def test_the_file_says_what_torch_says(space: str, tmp_path: Path) -> None:
    bundle, file = exported(space, tmp_path)
    network, run = bundle.network(), onnx.session(file)
    batch = WAVES if bundle.features is not None else IMAGES

    def mine(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return network(torch.from_numpy(batch)).numpy()

    parity = verify.compare(mine, run, batch)
    assert parity.holds
    # scores of an untrained network lie near each other: what sets them apart is the same, too. Rounding a
    # score moves its log by 1e-7, beside logits of 0.01 to 10; 2.4e-6 of them was found
    close(apart(run(batch)), apart(mine(batch)), parts=1e-4)
    assert (parity.agree, parity.clips) == (1.0, 3)
    # any number of examples, each on its own
    assert run(batch[:1]).shape == (1, len(LABELS))
    np.testing.assert_allclose(run(batch)[1:2], run(batch[1:2]), atol=1e-5)
    # what a program on a device needs to know lies in the file
    import onnx as package

    proto = package.load(file)
    facts = {"labels": "\n".join(LABELS), "arch": bundle.spec.id}
    if bundle.features is not None:
        facts["sample_rate"] = str(network.front_end.sample_rate)
    assert facts.items() <= {p.key: p.value for p in proto.metadata_props}.items()
    assert [i.name for i in proto.graph.input] == ["waveform" if bundle.features is not None else "image"]
    assert [o.name for o in proto.graph.output] == ["scores"]
    assert not list(file.parent.glob("*.data")), "one file, nothing beside it"
    assert str(Path(onnx.__file__).parent).encode() not in file.read_bytes(), "it tells where the code lay"


def apart(scores: np.ndarray) -> np.ndarray:
    """The logits of each row, as far as scores tell them."""
    logs = np.log(scores.astype(np.float64))
    return logs - logs.mean(1, keepdims=True)


def scores(waves: np.ndarray) -> np.ndarray:
    return np.stack([0.6 + 0 * waves[:, 0], 0.4 + 0 * waves[:, 0]], 1)


@pytest.mark.parametrize("size", [1e-3, 2e-4])
def test_a_planted_difference_in_one_score_of_one_clip_is_found(size: float) -> None:
    def other(waves: np.ndarray) -> np.ndarray:
        found = scores(waves)
        found[2, 1] += size
        return found

    parity = verify.compare(scores, other, WAVES)
    assert parity.difference == pytest.approx(size, rel=1e-3)
    assert not parity.holds
    assert parity.agree == 1.0


def test_another_label_is_counted() -> None:
    def other(waves: np.ndarray) -> np.ndarray:
        found = scores(waves)
        found[1] = found[1, ::-1].copy()
        return found

    assert verify.compare(scores, other, WAVES).agree == pytest.approx(2 / 3)


def test_no_number_never_holds() -> None:
    assert not verify.compare(scores, lambda waves: scores(waves) * np.nan, WAVES).holds


def test_equal_scores_hold() -> None:
    parity = verify.compare(scores, lambda waves: scores(waves) + 5e-5, WAVES)
    assert parity.holds
    assert verify.compare(scores, scores, WAVES) == (0.0, 1.0, 3)


def test_a_file_that_is_not_there_or_broken_is_named(tmp_path: Path) -> None:
    file = tmp_path / "exp" / "x" / "export" / "model.onnx"
    with pytest.raises(UserError, match="not exported yet") as caught:
        onnx.session(file)
    assert caught.value.hint == f"audionas export {tmp_path / 'exp' / 'x'}"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"no graph")
    with pytest.raises(UserError, match=r"model\.onnx"):
        onnx.session(file)
