"""Any exported file as a listener, chosen by its name."""

from importlib import import_module
from pathlib import Path

from audionas.core.errors import UserError
from audionas.core.hostile import command
from audionas.models.bundle import ModelBundle
from audionas.models.listener import Listener


def open_file(file: Path, bundle: ModelBundle) -> Listener:
    """Open the file in its own runtime: `.stream.onnx` by steps, other `.onnx` slid over the sound, `.tflite`
    by LiteRT, or as ESPHome runs it where a manifest (`.json`) lies beside it.

    Raises UserError for other kinds of file, a missing file, and where its runtime is not installed.
    """
    if not file.exists():
        raise UserError(
            f"{file}: not exported yet",
            hint=command("audionas", "export", file.parent.parent, "--target", _target(file)),
        )
    kind = _kind(file)
    if kind is None:
        raise UserError(
            f"{file}: not a file that listens", hint="Give an exported file: .onnx, .stream.onnx or .tflite"
        )
    module, name = kind
    opened: Listener = getattr(import_module(f"audionas.export.{module}"), name)(file, bundle)
    return opened


def _kind(file: Path) -> tuple[str, str] | None:
    """The module and the class that run a file of this name; imported only when needed."""
    if file.name.endswith(".stream.onnx"):
        return "onnx_listeners", "OnnxStream"
    if file.suffix == ".onnx":
        return "onnx_listeners", "OnnxClip"
    if file.suffix == ".tflite":
        beside = file.with_suffix(".json").exists()
        return ("esphome", "EspHome") if beside else ("lite_listener", "LiteStream")
    return None


def _target(file: Path) -> str:
    """The target of `audionas export` that writes a file of this name."""
    if file.suffix == ".tflite":
        return "litert" if file.name in ("model.tflite", "model.int8.tflite") else "esphome"
    known = {"model.stream.onnx": "onnx-stream", "model.int8.onnx": "int8"}
    return known.get(file.name, "onnx")
