"""The files that `audionas export` can write, by target, with the writer and the runtime of each."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from audionas.core.errors import UserError, did_you_mean
from audionas.export import esphome, litert, onnx, onnx_stream, quantize
from audionas.export.onnx import Input
from audionas.models.model import ImageModel, Model
from audionas.nn.streaming import Pooling
from audionas.run.ship.int8 import Int8


@dataclass(frozen=True)
class ExportJob:
    """A model, the options for its files and, for a sound model, its conversion to int8."""

    name: str
    model: Model | ImageModel
    input: Input
    pool: Pooling
    hops: int
    int8: Int8 | None


class File(NamedTuple):
    """A file: `write(job, path)` writes it, a `described` one with a manifest beside it.

    With `listens` it runs hop by hop, else it takes clips.
    """

    target: str
    name: str
    write: Callable[[ExportJob, Path], None]
    runtime: str
    listens: bool = False
    int8: bool = False
    described: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the file and of what is written beside it."""
        return (self.name, f"{self.name.removesuffix('.tflite')}.json") if self.described else (self.name,)

    @property
    def ran_by(self) -> str:
        """The runtime with its version."""
        try:
            return f"{self.runtime} {version(self.runtime)}"
        except PackageNotFoundError:
            return self.runtime


TARGETS = ("onnx", "onnx-stream", "int8", "litert", "esphome")


def files_of(targets: Sequence[str], name: str) -> list[File]:
    """The files of these targets, in the order of `TARGETS`; `name` is the run's name.

    Raises UserError for an unknown target.
    """
    known = (*TARGETS, "all")
    if unknown := [target for target in targets if target not in known]:
        raise UserError(
            [f"--target {target}: no such target.{did_you_mean(target, known)}" for target in unknown],
            hint=f"Targets: {', '.join(known)}; separate several with commas",
        )
    if not targets:
        raise UserError("--target is empty", hint=f"Targets: {', '.join(known)}")
    wanted = TARGETS if "all" in targets else targets
    return [file for file in _files(name) if file.target in wanted]


def _files(name: str) -> tuple[File, ...]:
    ort, lite = "onnxruntime", "ai-edge-litert"
    return (
        File("onnx", "model.onnx", _onnx, ort),
        File("onnx-stream", "model.stream.onnx", _stream, ort, listens=True),
        File("int8", "model.int8.onnx", _int8, ort, int8=True),
        File("litert", "model.tflite", _litert, lite, listens=True),
        File("litert", "model.int8.tflite", _litert_int8, lite, listens=True, int8=True),
        File("esphome", f"{name}.tflite", _esphome, lite, listens=True, int8=True, described=True),
    )


def _onnx(job: ExportJob, out: Path) -> None:
    onnx.export(job.model.bundle, out, input=job.input)


def _stream(job: ExportJob, out: Path) -> None:
    onnx_stream.export(job.model.bundle, out, input=job.input, pool=job.pool, hops=job.hops)


def _int8(job: ExportJob, out: Path) -> None:
    onnx.require_holdable(job.model.bundle, job.input)  # fails before minutes of work
    int8 = _of(job)
    quantize.export(int8.chosen.bundle, int8.network, out, input=job.input)


def _litert(job: ExportJob, out: Path) -> None:
    litert.export(job.model.bundle, out, pool=job.pool)


def _litert_int8(job: ExportJob, out: Path) -> None:
    litert.require_int8(job.model.bundle, job.pool)  # the same
    int8 = _of(job)
    litert.export(int8.chosen.bundle, out, calibrate=int8.calibration.features, pool=job.pool)


def _esphome(job: ExportJob, out: Path) -> None:
    if out.name in ("model.tflite", "model.int8.tflite"):
        raise UserError(
            f"{out.name}: a run with this name cannot have an ESPHome file", hint="Rename the run's folder."
        )
    esphome.fitting(job.model.bundle)  # fails before minutes of work
    int8, manifest = _of(job), out.with_suffix(".json")
    before = out.parents[1] / manifest.name  # the folder for files that have passed
    if before.exists():
        shutil.copyfile(before, manifest)  # keeps author, website and languages
    esphome.export(int8.chosen.bundle, out, calibrate=int8.calibration.features)


def _of(job: ExportJob) -> Int8:
    if job.int8 is None:
        raise UserError("an image model is exported only in float32", hint="--target onnx")
    return job.int8
