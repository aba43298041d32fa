"""The network part of a bundle in int8 after training: static QDQ by ONNX Runtime, the front-end in float."""

import logging
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from audionas.core.errors import UserError
from audionas.core.files import atomic
from audionas.export import onnx
from audionas.export.onnx import Input, require_holdable
from audionas.models.bundle import KeywordModel, ModelBundle

_BATCH = 16  # clips per batch of calibration
_FLOAT = ("Softmax",)  # in int8 it would leave only 256 scores, too few to choose a threshold


def export(bundle: ModelBundle, network: bytes, out: Path, *, input: Input = "waveform") -> None:
    """Write `out`: front-end and statistics in float before `network`, made by `quantised` from the bundle.

    Input and output are those of `export/onnx.py` with the same `input`. Raises UserError without the extra
    `export`, and for a waveform where no file can hold the front-end.
    """
    package = onnx.required("onnx")
    require_holdable(bundle, input)
    model = _keyword_model(bundle)
    example = torch.zeros(2, bundle.samples) if input == "waveform" else torch.zeros(2, *bundle.spec.io[:3])
    with TemporaryDirectory() as folder:
        first = Path(folder) / "first.onnx"
        part = _First(model, input)
        batch = ({0: torch.export.Dim("batch")},)
        onnx.save(part, (example,), first, inputs=[input], outputs=["features"], facts={}, dynamic=batch)
        front, rest = package.load(first), package.load_from_string(network)
    # the parts were exported separately, so both may use the same name
    front = package.compose.add_prefix(front, "ears/", rename_inputs=False, rename_outputs=False)
    whole = package.compose.merge_models(front, rest, io_map=[("features", "features")])
    whole.graph.name = "model"
    package.helper.set_model_props(whole, {**onnx.facts_of(bundle, input), "weights": "int8"})
    package.checker.check_model(whole)
    with atomic(out) as draft:
        draft.write_bytes(whole.SerializeToString())


def quantised(bundle: ModelBundle, calibrate: np.ndarray) -> bytes:
    """The network alone as an ONNX file: normalised `features` (batch, 1, F, T) to `scores`.

    int8 with one scale per channel of the weights, which are symmetric, and one per activation, from its
    least and greatest values on the features `calibrate` (clips, F, T), which are not yet normalised. Softmax
    stays float. Raises UserError without the extra `export`.
    """
    tools = onnx.required("onnxruntime.quantization")
    package = onnx.required("onnx")
    model = _keyword_model(bundle)
    with TemporaryDirectory() as folder:
        plain, out = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        example = torch.zeros(2, *bundle.spec.io[:3])
        onnx.write(_Scores(model.net), example, plain, name="features", facts={})
        nodes = package.load(plain).graph.node
        with _still():
            tools.quantize_static(
                str(plain),
                str(out),
                _Clips(model, calibrate),
                per_channel=True,
                nodes_to_exclude=[node.name for node in nodes if node.op_type in _FLOAT],
            )
        return out.read_bytes()


def scores(network: bytes, bundle: ModelBundle, features: np.ndarray) -> np.ndarray:
    """Scores (clips, classes) of a network of `quantised` for features (clips, F, T), not yet normalised."""
    opened = onnx.required("onnxruntime").InferenceSession(network, providers=["CPUExecutionProvider"])
    clips = _Clips(_keyword_model(bundle), features)
    return np.concatenate([opened.run(None, given)[0] for given in clips.all()])


class _First(nn.Module):
    """Everything before the network: the front-end, where the file takes waveforms, and the statistics."""

    def __init__(self, model: KeywordModel, input: Input) -> None:
        super().__init__()
        self.front_end = model.front_end if input == "waveform" else nn.Identity()
        self.normalize = model.normalize

    def forward(self, given: Tensor) -> Tensor:
        """Map (B, samples) or (B, 1, F, T) to normalised features (B, 1, F, T)."""
        features: Tensor = self.normalize(self.front_end(given))
        return features


class _Scores(nn.Module):
    """The network with its softmax."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, 1, F, T) to probabilities (B, classes)."""
        logits: Tensor = self.net(features)
        return logits.softmax(1)


class _Clips:
    """Features as the calibration reads them: one batch per call, None after the last."""

    def __init__(self, model: KeywordModel, features: np.ndarray) -> None:
        self.model, self.features = model, features
        self.left = self.all()

    def all(self) -> Iterator[dict[str, np.ndarray]]:
        """Every batch, normalised, under the input's name."""
        for at in range(0, len(self.features), _BATCH):
            part = torch.from_numpy(np.array(self.features[at : at + _BATCH], np.float32)).unsqueeze(1)
            yield {"features": self.model.normalize(part).numpy()}

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next batch, in the form that ONNX Runtime expects."""
        return next(self.left, None)


def _keyword_model(bundle: ModelBundle) -> KeywordModel:
    model = bundle.network()
    if not isinstance(model, KeywordModel):
        raise UserError("an image model is exported only in float32", hint="--target onnx")
    return model


class _still:
    """Silence the root logger: the quantiser advises preparation that the exporter has already done."""

    def __enter__(self) -> None:
        logging.disable(logging.WARNING)

    def __exit__(self, *_: Any) -> None:
        logging.disable(logging.NOTSET)
