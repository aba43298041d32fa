"""A bundle as one ONNX file, waveform in and class scores out, and a session that runs it."""

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
from audionas.export.bundle import ModelBundle

_OPSET = 18


def export(bundle: ModelBundle, out: Path) -> int:
    """Write `out`: input `waveform` (batch, samples) float32 in [-1, 1], output `scores` (batch, classes).

    Labels, sample rate and architecture id are in the file's metadata. Returns the opset. Raises
    UserError without the extra `export`.
    """
    model = bundle.network()
    rate = model.front_end.sample_rate
    facts = {"labels": "\n".join(bundle.labels), "sample_rate": str(rate), "arch": bundle.spec.id}
    return write(model, torch.zeros(2, bundle.samples), out, name="waveform", facts=facts)


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
    onnx.helper.set_model_props(proto, facts)
    onnx.checker.check_model(proto)
    with atomic(out) as draft:
        draft.write_bytes(proto.SerializeToString())
    return _OPSET


def session(file: Path, *, threads: int = 1) -> Callable[[np.ndarray], np.ndarray]:
    """ONNX Runtime on the CPU as a function: (B, samples) float32 to (B, classes)."""
    if not file.exists():
        raise UserError(f"{file}: not exported yet", hint=f"audionas export {file.parents[1]}")
    runtime = _import("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        opened = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own classes
        raise UserError(f"{file}: ONNX Runtime cannot load it: {error}", hint="Export it again.") from error
    return lambda waves: opened.run(None, {"waveform": waves})[0]


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
