"""A bundle as one ONNX file, waveform or image in and class scores out, and a session that runs it."""

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from audionas.core.errors import UserError
from audionas.core.files import atomic
from audionas.export.bundle import KeywordModel, ModelBundle

_OPSET = 18


def export(bundle: ModelBundle, out: Path) -> int:
    """Write `out`: input `waveform` (batch, samples) float32 in [-1, 1], or `image` (batch, 3, H, W) float32
    RGB in [0, 1]; output `scores` (batch, classes).

    Labels, architecture id and the sample rate of a waveform are in the file's metadata. Returns the
    opset. Raises UserError without the extra `export`.
    """
    model = bundle.network()
    facts = {"labels": "\n".join(bundle.labels), "arch": bundle.spec.id}
    if isinstance(model, KeywordModel):
        facts["sample_rate"] = str(model.front_end.sample_rate)
    return write(model, torch.zeros(2, *bundle.input_shape), out, name=bundle.input_name, facts=facts)


def write(model: nn.Module, example: Tensor, out: Path, *, name: str, facts: dict[str, str]) -> int:
    """Write a module of one input as ONNX with a dynamic batch axis; returns the opset."""
    onnx = _import("onnx")
    _import("onnxscript")
    with warnings.catch_warnings(), _quiet("torch.onnx"):
        warnings.simplefilter("ignore")  # the exporter's own deprecations; the file is verified below
        program = torch.onnx.export(
            model,
            (example,),
            input_names=[name],
            output_names=["scores"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    _forget_sources(proto.graph)
    onnx.helper.set_model_props(proto, facts)
    onnx.checker.check_model(proto)
    with atomic(out) as draft:
        draft.write_bytes(proto.SerializeToString())
    return _OPSET


def _forget_sources(graph: Any) -> None:
    """Drop what the exporter notes of the source files: where they lie is nobody's business."""
    for part in (graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        for attribute in getattr(part, "attribute", ()):
            if attribute.HasField("g"):
                _forget_sources(attribute.g)


def session(file: Path, *, threads: int = 1) -> Callable[[np.ndarray], np.ndarray]:
    """ONNX Runtime on the CPU as a function: a batch of the model's inputs, float32, to (B, classes)."""
    if not file.exists():
        raise UserError(f"{file}: not exported yet", hint=f"audionas export {file.parents[1]}")
    runtime = _import("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        opened = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own classes
        raise UserError(f"{file}: ONNX Runtime cannot load it: {error}", hint="Export it again.") from error
    (name,) = (given.name for given in opened.get_inputs())
    return lambda batch: opened.run(None, {name: batch})[0]


def _import(name: str) -> Any:
    try:
        return __import__(name)
    except ImportError as error:
        raise UserError(f"{name} is not installed", hint='pip install "audionas[export]"') from error


class _quiet:
    """Hold a logger down while its library works."""

    def __init__(self, name: str) -> None:
        self.logger = logging.getLogger(name)

    def __enter__(self) -> None:
        self.before = self.logger.level
        self.logger.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        self.logger.setLevel(self.before)
