"""A bundle as one ONNX file, waveform or image in and class scores out, and a session that runs it."""

import importlib
import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.extras import install
from audionas.core.files import atomic
from audionas.core.hostile import command
from audionas.core.registry import resolve
from audionas.cost.latency import latency
from audionas.export import onnx
from audionas.features import build
from audionas.models.bundle import KeywordModel, ModelBundle
from audionas.models.scores import probabilities, running
from audionas.nn.fold.fold import in_use

Input = Literal["waveform", "frames"]
_OPSET = 18


def export(bundle: ModelBundle, out: Path, *, input: Input = "waveform") -> int:
    """Write `out`: input `waveform` (batch, samples) float32 in [-1, 1], or `frames` (batch, 1, F, T) of the
    front-end, or `image` (batch, 3, H, W) float32 RGB in [0, 1]; output `scores` (batch, classes).

    The file's metadata holds labels, architecture id and, for sound, the sample rate and the kind of input.
    Returns the opset. Raises UserError without the extra `export`, for a waveform where no file can hold the
    front-end, and for frames of an image model.
    """
    require_holdable(bundle, input)
    model: nn.Module = bundle.network()
    example = torch.zeros(2, *bundle.input_shape)
    if input == "frames":
        assert isinstance(model, KeywordModel)
        model, example = _OfFrames(model), torch.zeros(2, *bundle.spec.io[:3])
    return write(model, example, out, name=name_of(bundle, input), facts=facts_of(bundle, input))


def name_of(bundle: ModelBundle, input: Input) -> str:
    """Name of the input in the file."""
    return input if bundle.features is not None else bundle.input_name


def facts_of(bundle: ModelBundle, input: Input) -> dict[str, str]:
    """Metadata of the file: everything that a program on a device needs to know."""
    facts = {"labels": "\n".join(bundle.labels), "arch": bundle.spec.id}
    if bundle.features is not None:
        facts |= {"sample_rate": str(bundle.features.resolved()["sample_rate"]), "input": input}
    return facts


def require_holdable(bundle: ModelBundle, input: Input) -> None:
    """Raise UserError where no ONNX file can begin with this input."""
    if bundle.features is None:
        if input == "frames":
            raise UserError("--input frames: an image model has no front-end to leave out")
    elif input == "waveform" and resolve("features", bundle.features.name).foreign:
        raise UserError(
            f"no ONNX file can hold the front-end {bundle.features.name}, which a library computes",
            hint="Export files that take its features: --input frames; or, for a device: "
            "--target litert,esphome",
        )


class _OfFrames(nn.Module):
    """A model without its front-end: statistics, network, softmax."""

    def __init__(self, model: KeywordModel) -> None:
        super().__init__()
        self.normalize, self.net = model.normalize, model.net

    def forward(self, frames: Tensor) -> Tensor:
        """Map (B, 1, F, T) to probabilities (B, classes)."""
        logits: Tensor = self.net(self.normalize(frames))
        return logits.softmax(1)


def write(model: nn.Module, example: Tensor, out: Path, *, name: str, facts: dict[str, str]) -> int:
    """Write a module with one input as ONNX with a dynamic batch axis. Returns the opset."""
    batch = ({0: torch.export.Dim("batch")},)
    return save(model, (example,), out, inputs=[name], outputs=["scores"], facts=facts, dynamic=batch)


def save(
    model: nn.Module,
    examples: tuple[Tensor, ...],
    out: Path,
    *,
    inputs: list[str],
    outputs: list[str],
    facts: dict[str, str],
    dynamic: Any = None,
) -> int:
    """Write a module with several inputs and outputs as ONNX, with the shapes of `examples` except for the
    `dynamic` axes. Returns the opset.
    """
    onnx = required("onnx")
    required("onnxscript")
    with warnings.catch_warnings(), _quiet("torch.onnx"):
        warnings.simplefilter("ignore")  # the exporter's own deprecations; the file is verified below
        program = torch.onnx.export(
            model,
            examples,
            input_names=inputs,
            output_names=outputs,
            dynamic_shapes=dynamic,
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
    """Drop the exporter's notes on the source files: their paths are private."""
    for part in (graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        for attribute in getattr(part, "attribute", ()):
            if attribute.HasField("g"):
                _forget_sources(attribute.g)


def session(file: Path, *, threads: int = 1) -> Callable[[np.ndarray], np.ndarray]:
    """ONNX Runtime on the CPU as a function from a batch of the model's inputs, float32, to (B, classes)."""
    opened = opened_session(file, threads=threads)
    with running(file):
        (name,) = (given.name for given in opened.get_inputs())

    def answered(batch: np.ndarray) -> np.ndarray:
        with running(file):
            scores: np.ndarray = opened.run(None, {name: batch})[0]
        return scores

    return answered


def opened_session(file: Path, *, threads: int = 1) -> Any:
    """ONNX Runtime's own session on the CPU. Raises UserError for a file that is missing or not ONNX."""
    if not file.exists():
        raise UserError(f"{file}: not exported yet", hint=command("audionas", "export", file.parents[1]))
    runtime = required("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        return runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own classes
        raise UserError(f"{file}: ONNX Runtime cannot load it: {error}", hint="Export it again.") from error


def clips(file: Path, bundle: ModelBundle, *, threads: int = 1) -> Callable[[np.ndarray], np.ndarray]:
    """Like `session`, but takes waveforms (B, samples) even where the file takes the front-end's frames.

    The function raises UserError where the file gives no probabilities.
    """
    session_, opened = session(file, threads=threads), opened_session(file)

    def run(batch: np.ndarray) -> np.ndarray:
        return probabilities(session_(batch), len(bundle.labels), file)

    if opened.get_modelmeta().custom_metadata_map.get("input") != "frames":
        return run
    assert bundle.features is not None
    front_end = build(bundle.features)

    def of_waves(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return run(front_end(torch.from_numpy(batch)).numpy())

    return of_waves


def required(name: str) -> Any:
    """Import a module of the extra `export`. Raises UserError where it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(f"{name.partition('.')[0]} is not installed", hint=install("export")) from error


class _quiet:
    """Silence a logger while its library works."""

    def __init__(self, name: str) -> None:
        self.logger = logging.getLogger(name)

    def __enter__(self) -> None:
        self.before = self.logger.level
        self.logger.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        self.logger.setLevel(self.before)


def network_latency(net: nn.Module, io: InputSpec) -> dict[str, float | int]:
    """ONNX Runtime's p50 and p95 in milliseconds for the network alone, from features, on one thread."""
    shape = (1, io.channels, io.freq, io.frames)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "network.onnx"
        onnx.write(in_use(net).eval(), torch.zeros(2, *shape[1:]), file, name="features", facts={})
        return latency(file, shape)
