"""`audionas eval`: a trained model on a data directory, by torch or by its exported file."""

from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from audionas.core.errors import UserError
from audionas.core.files import write_json
from audionas.core.report import Reporter
from audionas.data import kaldi
from audionas.data.conf import Data
from audionas.engine.metrics import summary
from audionas.export import onnx
from audionas.export.bundle import ModelBundle
from audionas.run._inputs import Split, open_split
from audionas.run.predict import load

_BATCH = 256


class Scored(NamedTuple):
    """A model's answers on a split: (n, classes) probabilities beside what is true."""

    bundle: ModelBundle
    split: Split
    scores: np.ndarray


def evaluate(
    folder: Path,
    directory: Path,
    *,
    engine: Literal["torch", "onnx"] = "torch",
    data: Data | None = None,
) -> dict[str, Any]:
    """Accuracy with interval, per-class figures and confusion matrix.

    Also written to `eval/<directory>.json`; `eval.json` and `scores.json` (each clip's answer) are
    the latest.

    `data` gives the rules for clips that cannot be read; its directories are not used.
    """
    scored = score(folder, directory, engine=engine, data=data or Data())
    bundle = scored.bundle
    result = {
        **summary(scored.scores, scored.split.targets, bundle.labels, scored.split.speakers),
        "data": str(directory),
        "engine": engine,
        "arch": bundle.spec.id,
    }
    write_json(folder / "eval" / f"{directory.name}.json", result)
    write_json(folder / "scores.json", _rows(scored))
    write_json(folder / "eval.json", result)
    return result


def show(result: dict[str, Any]) -> None:
    """The same for people, on standard output."""
    low, high = result["interval"]
    Reporter(stdout=True).table(
        ("label", "recall", "precision", "clips"),
        [
            (label, f"{row['recall']:.1%}", f"{row['precision']:.1%}", row["n"])
            for label, row in result["per_class"].items()
        ],
    )
    print(
        f"\naccuracy {result['accuracy']:.2%}, 95 % interval {low:.2%} to {high:.2%} over "
        f"{result['speakers']} speakers, {result['n']} clips of {result['data']} ({result['engine']})"
    )


def score(folder: Path, directory: Path, *, engine: Literal["torch", "onnx"], data: Data) -> Scored:
    """Run every clip through the whole model, waveform in."""
    model = load(folder)
    items = kaldi.read(directory)
    rules = Data(
        train=str(directory),
        seconds=model.bundle.samples / model.sample_rate,
        on_bad=data.on_bad,
        resample=data.resample,
        cache=data.cache or str(directory.parent / "cache"),
    )
    reporter = Reporter()
    split = open_split(items, rules, model.labels, model.network.front_end, model.bundle.samples, reporter)
    if not split.items:
        raise UserError(f"{directory}: no clip to evaluate")
    answer = model.scores if engine == "torch" else onnx.session(folder / "export" / "model.onnx")
    starts = reporter.progress(range(0, len(split.items), _BATCH), f"scoring {directory}")
    parts = [answer(split.waves.array[i : i + _BATCH].astype(np.float32) / np.float32(32768)) for i in starts]
    return Scored(model.bundle, split, np.concatenate(parts))


def _rows(scored: Scored) -> list[dict[str, Any]]:
    """What paired comparisons need: each clip's truth, answer and speaker."""
    answers = scored.scores.argmax(1)
    return [
        {
            "id": item.id,
            "speaker": speaker,
            "truth": item.label,
            "label": scored.bundle.labels[int(answer)],
            "score": float(row[answer]),
        }
        for item, speaker, answer, row in zip(
            scored.split.items, scored.split.speakers, answers, scored.scores, strict=True
        )
    ]
