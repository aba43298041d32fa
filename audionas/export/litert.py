"""A bundle as a LiteRT file that streams: frames and states in, scores and states out; float or full int8."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from audionas.core.errors import UserError
from audionas.core.files import atomic
from audionas.core.hostile import command
from audionas.export.lite.file import imported, pack
from audionas.export.lite.graph import Graph
from audionas.export.lite.int8 import Quant, quantized, refuse_means
from audionas.export.lite.trace import build
from audionas.models.bundle import KeywordModel, ModelBundle
from audionas.models.scores import running
from audionas.nn.streaming import Pooling, Squeezing, Step

_MOST = 8 << 20  # bytes of working memory to measure in


def export(
    bundle: ModelBundle, out: Path, *, calibrate: np.ndarray | None = None, pool: Pooling = "window"
) -> None:
    """Write `out`: input `frames` (1, hop, F) and the states of `Step`, channels last; output `scores`
    (1, classes) and `<state>_next`.

    The file is float32, or all int8 where `calibrate` gives features (clips, F, T) before normalising. Raises
    UserError for a network that cannot stream or does not fit such a file, and without the extra `device`.
    """
    graph = graph_of(bundle, pool, squeeze="blocks" if calibrate is None else "frames")
    int8 = None if calibrate is None else quantized(graph, calibrate)
    write(pack(graph, int8, internal=False, about=f"audionas {bundle.spec.id}"), out)


def require_int8(bundle: ModelBundle, pool: Pooling = "window") -> None:
    """Raise the UserError of `export` in int8, before anything is calibrated."""
    refuse_means(graph_of(bundle, pool, squeeze="frames"))


def graph_of(
    bundle: ModelBundle, pool: Pooling, keyword: int | None = None, *, squeeze: Squeezing = "blocks"
) -> Graph:
    """The bundle's network as a graph over one hop; `keyword` picks the score of one of two classes.

    int8 needs `squeeze: frames` where the network has squeeze-and-excitation.
    """
    model = bundle.network()
    if not isinstance(model, KeywordModel):
        raise UserError("an image model cannot stream", hint="Only sound models can become LiteRT files.")
    step = Step(model.net, bundle.spec.io, pool, squeeze)
    return build(step, bundle.mean, bundle.std, keyword=keyword)


def write(content: bytes, out: Path) -> None:
    """Write a file atomically."""
    with atomic(out) as draft:
        draft.write_bytes(content)


class LiteFile:
    """A file of this package in LiteRT, on the CPU: `step` by hops, `reset`.

    int8 runs in the reference kernels, whose results equal those of a microcontroller bit for bit. Raises
    UserError for a file that is missing, that LiteRT cannot load, or that takes other inputs.
    """

    def __init__(self, file: Path, *, threads: int = 1) -> None:
        self.file, self.threads = file, threads
        self._open()
        shape = self._given[0]["shape"]
        if len(shape) != 3 or len(self._made) != len(self._given):
            raise UserError(f"{file}: not a LiteRT file that streams", hint=_again(file))
        self.hop, self.freq = int(shape[1]), int(shape[2])
        self._states = self._start()

    def reset(self) -> None:
        """Forget everything heard."""
        if not self._states:  # they are inside the file
            self._open()
        self._states = self._start()

    def _open(self) -> None:
        self._runtime = _interpreter(self.file, self.threads)
        self._given, self._made = self._runtime.get_input_details(), self._runtime.get_output_details()

    def _start(self) -> list[np.ndarray]:
        return [np.full(d["shape"], d["quantization"][1], d["dtype"]) for d in self._given[1:]]

    def step(self, frames: np.ndarray) -> np.ndarray:
        """Map features (F, hop), before normalising, to probabilities (classes,)."""
        quant, given = quant_of(self._given[0]), np.ascontiguousarray(frames.T[None], dtype=np.float32)
        whole = given if quant is None else quant.whole(given)
        with running(self.file):
            for detail, value in zip(self._given, [whole, *self._states], strict=True):
                self._runtime.set_tensor(detail["index"], value)
            self._runtime.invoke()
            scores, *self._states = (self._runtime.get_tensor(detail["index"]) for detail in self._made)
        quant = quant_of(self._made[0])
        return np.asarray(scores[0] if quant is None else quant.real(scores[0]))


def quant_of(detail: Mapping[str, Any]) -> Quant | None:
    """The quantiser of an input or output, from LiteRT's details of it; None where it is float."""
    scale, zero = detail["quantization"]
    return Quant((float(scale),), int(zero), np.dtype(detail["dtype"]).name) if scale else None


def arena(file: Path) -> int:
    """Bytes of working memory that TFLite-Micro needs for an int8 file, as it reports after a call.

    A computer's interpreter has pointers of 8 bytes and a microcontroller's of 4, so the true need there is a
    little less. Raises UserError where TFLite-Micro refuses the file.
    """
    runtime = imported("tflite_micro.python.tflite_micro.runtime")
    inputs = len(_interpreter(file, 1).get_input_details())
    with _told() as lines:
        try:
            micro = runtime.Interpreter.from_file(str(file), arena_size=_MOST)
            for index in range(inputs):
                detail = micro.get_input_details(index)
                micro.set_input(np.zeros(detail["shape"], detail["dtype"]), index)
            micro.invoke()
        except RuntimeError as error:
            raise UserError(f"{file}: TFLite-Micro cannot run it: {error}") from error
        micro.print_allocations()
    total = re.search(r"Arena allocation total (\d+) bytes", "\n".join(lines))
    assert total, f"TFLite-Micro's report has changed: {lines}"
    return int(total[1])


def _interpreter(file: Path, threads: int) -> Any:
    """A fresh interpreter; files in int8 get the reference kernels.

    None has delegates: they gain little for networks this small, and announce themselves on the terminal.
    """
    lite = imported("ai_edge_litert.interpreter")
    if not file.exists():
        raise UserError(f"{file}: not exported yet", hint=_again(file))
    kinds = lite.OpResolverType
    for kind in (kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES, kinds.BUILTIN_REF):
        try:
            found = lite.Interpreter(str(file), num_threads=threads, experimental_op_resolver_type=kind)
            found.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise UserError(f"{file}: LiteRT cannot load it: {error}", hint=_again(file)) from error
        if found.get_input_details()[0]["dtype"] == np.float32:
            break
    return found


def _again(file: Path) -> str:
    return command("audionas", "export", file.absolute().parents[1], "--target", "litert")


@contextmanager
def _told() -> Iterator[list[str]]:
    """Collect the lines that C++ code writes to the process's standard error meanwhile."""
    lines: list[str] = []
    sys.stderr.flush()
    before = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield lines
        finally:
            os.dup2(before, 2)
            os.close(before)
            kept.seek(0)
            lines += kept.read().decode(errors="replace").splitlines()
