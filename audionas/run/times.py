"""Times of many small ONNX models: each is exported once and measured in rounds, and measuring can resume.

A machine's speed changes from minute to minute. Every round therefore measures every model, in its own order
and in a separate session, and a model's time is its median over the rounds.
"""

import json
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from audionas.core import records
from audionas.core.files import write_text
from audionas.core.records.study import TimeRecord
from audionas.core.reporter import Reporter
from audionas.core.rng import numpy_rng
from audionas.cost.latency import stopwatch
from audionas.export import onnx

_MODELS, _RECORD = "models", "times.jsonl"
_MILLISECONDS = 20.0  # time for one measurement, within these numbers of runs:
_FEWEST, _MOST = 5, 200
_WARMUP = 3


class Timed(NamedTuple):
    """A module, exported when first needed, and the shape of one input, without the batch axis."""

    make: Callable[[], nn.Module]
    shape: tuple[int, ...]


def times(
    models: Mapping[str, Timed], folder: Path, *, rounds: int, threads: int, reporter: Reporter
) -> dict[str, list[float]]:
    """Milliseconds of each model by name, one per round; a second call resumes an interrupted one.

    The models are `folder`/models/NAME.onnx; finished measurements are the lines of `folder`/times.jsonl.
    """
    _export(models, folder / _MODELS, reporter)
    record = folder / _RECORD
    hint = f"Delete {record}: everything is measured again."
    done = {(r["round"], r["model"]): r["ms"] for r in records.rows(TimeRecord, record, hint)}
    rest = [key for key in _order(models, rounds) if key not in done]
    write_text(record, "".join(_row(key, ms) for key, ms in done.items()))  # without a line cut off
    with record.open("a", encoding="utf-8") as log:
        for key in reporter.progress(rest, "measured"):
            file = folder / _MODELS / f"{key[1]}.onnx"
            done[key] = _measured(file, (1, *models[key[1]].shape), threads)
            log.write(_row(key, done[key]))
            log.flush()
    return {name: [done[number, name] for number in range(rounds)] for name in models}


def forget(models: Iterable[str], folder: Path) -> None:
    """Delete the files of `times` for these models in a folder."""
    for file in (folder / _RECORD, *(folder / _MODELS / f"{name}.onnx" for name in models)):
        file.unlink(missing_ok=True)
    with suppress(OSError):  # there is none, or something else is in it
        (folder / _MODELS).rmdir()


def _export(models: Mapping[str, Timed], folder: Path, reporter: Reporter) -> None:
    """Write the models that are missing."""
    missing = {name: model for name, model in models.items() if not (folder / f"{name}.onnx").exists()}
    for name in reporter.progress(missing, "exported"):
        module, shape = missing[name].make(), missing[name].shape
        onnx.write(module.eval(), torch.zeros(2, *shape), folder / f"{name}.onnx", name="x", facts={})


def _order(models: Mapping[str, Timed], rounds: int) -> Iterator[tuple[int, str]]:
    names = list(models)
    for number in range(rounds):
        for place in numpy_rng("latency", number).permutation(len(names)):
            yield number, names[place]


def _measured(file: Path, shape: tuple[int, ...], threads: int) -> float:
    """The median of as many runs as fit into the time for a measurement."""
    run = stopwatch(file, shape, threads=threads)
    warm = min(run() for _ in range(_WARMUP))
    runs = min(_MOST, max(_FEWEST, round(_MILLISECONDS / warm)))
    return statistics.median(run() for _ in range(runs))


def _row(key: tuple[int, str], ms: float) -> str:
    return json.dumps({"round": key[0], "model": key[1], "ms": ms}) + "\n"
