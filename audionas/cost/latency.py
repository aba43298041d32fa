"""The time of an exported ONNX model for one input, in ONNX Runtime on this machine's CPU."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from audionas.core.errors import UserError
from audionas.core.extras import install
from audionas.core.rng import numpy_rng


def latency(
    file: Path, shape: Sequence[int], *, threads: int = 1, runs: int = 200, warmup: int = 20
) -> dict[str, float | int]:
    """Median and 95th percentile of single runs: {"p50_ms", "p95_ms", "threads", "runs"}.

    `shape` is the shape of the model's only input, batch axis included, for example (1, 16000); it
    is filled with noise. Raises UserError where ONNX Runtime or the file is missing, the file is
    not a model with one float input, or the shape does not fit.
    """
    run = stopwatch(file, shape, threads=threads)
    milliseconds = [run() for _ in range(warmup + runs)]
    p50, p95 = np.percentile(milliseconds[warmup:], [50, 95])
    return {"p50_ms": float(p50), "p95_ms": float(p95), "threads": threads, "runs": runs}


def stopwatch(file: Path, shape: Sequence[int], *, threads: int = 1) -> Callable[[], float]:
    """A function that runs the model once and returns its milliseconds; errors are as in `latency`."""
    session = _session(file, threads)
    if len(session.get_inputs()) != 1:
        names = [i.name for i in session.get_inputs()]
        raise UserError(f"{file}: has inputs {names}, expected exactly one")
    feed = {session.get_inputs()[0].name: numpy_rng("latency").normal(0, 0.1, shape).astype(np.float32)}

    def run() -> float:
        start = time.perf_counter()
        try:
            session.run(None, feed)
        except Exception as error:  # ONNX Runtime's own classes; all of them explain the mismatch
            raise UserError(f"{file}: does not run on an input of shape {tuple(shape)}: {error}") from error
        return 1e3 * (time.perf_counter() - start)

    return run


def runtime() -> str:
    """ONNX Runtime with its version; UserError where it is missing."""
    return f"onnxruntime {_onnxruntime().__version__}"


def _session(file: Path, threads: int) -> Any:
    onnxruntime = _onnxruntime()
    if not Path(file).is_file():
        raise UserError(f"{file}: no such file", hint="audionas export EXP writes model.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise UserError(f"{file}: ONNX Runtime cannot load it: {error}") from error


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError("latency needs ONNX Runtime", hint=install("export")) from error
    return onnxruntime
