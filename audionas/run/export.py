"""`audionas export`: a trained model as files for other runtimes, each verified before it may stay."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from audionas import models
from audionas.core.errors import UserError
from audionas.core.files import read_json, write_json, write_text
from audionas.core.report import Reporter
from audionas.core.rng import numpy_rng
from audionas.cost.latency import latency
from audionas.data import audio, kaldi
from audionas.export import onnx, verify
from audionas.run._pictures import open_test
from audionas.run.costs import network_latency
from audionas.run.predict import ImageModel, Model, load

_CLIPS = 64


def export(folder: Path, *, data: Path | None = None) -> dict[str, Any]:
    """Write `export/model.onnx`, `labels.txt` and `report.json`; UserError if the file disagrees with torch.

    Parity is measured on up to 64 clips or images of `data` (default: what was last evaluated), or on
    seeded noise where there is nothing at hand; the report says which.
    """
    folder = models.own(folder)
    model, reporter = load(folder), Reporter()
    target = folder / "export" / "model.onnx"
    draft = target.with_name("draft.onnx")
    batch, source = _examples(folder, model, data)
    reporter.note("exporting to ONNX")
    opset = onnx.export(model.bundle, draft)
    parity = verify.compare(model.scores, onnx.session(draft), batch)
    if not parity.holds:
        draft.unlink()
        raise UserError(
            f"{target}: scores differ from torch's by {parity.difference:.1e}, over {verify.TOLERANCE:.0e}",
            hint="The file was not kept. Please report this with the arch.json.",
        )
    draft.replace(target)
    write_text(target.with_name("labels.txt"), "\n".join(model.labels) + "\n")
    report = {
        "file": str(target),
        "bytes": target.stat().st_size,
        "opset": opset,
        "input": {
            "name": model.bundle.input_name,
            "shape": ["batch", *model.bundle.input_shape],
            **({"sample_rate": model.sample_rate} if isinstance(model, Model) else {}),
        },
        "output": {"name": "scores", "shape": ["batch", len(model.labels)], "labels": list(model.labels)},
        "max_difference": parity.difference,
        "same_label": parity.agree,
        "clips": parity.clips,
        "clips_from": source,
        "latency_ms": _short(latency(target, (1, *model.bundle.input_shape))),
        "network_latency_ms": _short(network_latency(model.net, model.bundle.spec.io)),
    }
    write_json(target.with_name("report.json"), report)
    return report


def _short(times: dict[str, float | int]) -> dict[str, float | int]:
    """ONNX Runtime's times under the names of the report."""
    return {
        "p50": times["p50_ms"],
        "p95": times["p95_ms"],
        "threads": times["threads"],
        "runs": times["runs"],
    }


def _examples(folder: Path, model: Model | ImageModel, data: Path | None) -> tuple[np.ndarray, str]:
    """A batch of inputs to compare on, and where they came from."""
    evaluated = folder / "eval.json"
    if data is None and evaluated.exists():
        known = Path(read_json(evaluated)["data"])
        data = known if known.exists() else None
    if isinstance(model, ImageModel):
        return _images(model, data)
    if data is None:
        noise = numpy_rng("export", "noise").normal(0, 0.1, (_CLIPS, model.bundle.samples))
        return noise.clip(-1, 1).astype(np.float32), "seeded noise"
    items = list(kaldi.read(data))
    chosen = items[:: math.ceil(len(items) / _CLIPS)]
    rate, seconds = model.sample_rate, model.bundle.samples / model.sample_rate
    first = model.bundle.first_channel
    clips = [
        audio.read(i.audio, rate=rate, seconds=seconds, start=i.start, resample=True, channel=first)
        for i in chosen
    ]
    return np.stack(clips), str(data)


def _images(model: ImageModel, data: Path | None) -> tuple[np.ndarray, str]:
    """Images (n, 3, H, W) in [0, 1], evenly taken from the test part of `data`."""
    if data is None:
        noise = numpy_rng("export", "noise").random((_CLIPS, *model.bundle.input_shape))
        return noise.astype(np.float32), "seeded noise"
    split = open_test(data, model.bundle, "", Reporter())
    chosen = split.rows[:: math.ceil(len(split) / _CLIPS)]
    return model.ready(split.pool.pixels[chosen]), str(data)
