"""Thresholds: a model that listens without tuned ones, or whose target was not met."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audionas.core.hostile import command
from audionas.data.labels import is_background
from audionas.report.advice.box import Advice


def untuned(labels: Sequence[str], files: Sequence[str], folder: Path, dev: str = "") -> Advice | None:
    """`labels` are the model's, `files` those exported, of a run without tuning; `dev` its development data.

    Only a model that listens has a use for thresholds: one with background labels, or a streaming file.
    """
    words = [label for label in labels if not is_background(label)]
    listens = len(words) < len(labels) or any("stream" in name for name in files)
    if not files or not words or not listens:
        return None
    tune = ("audionas", "tune", folder, "--positives", dev or "data/dev", "--negatives", "hours_of_sound")
    return Advice(
        "No threshold was tuned: a device would fire at a score of 0.5, and how often by mistake is not "
        "known. Measure it on hours of sound without a keyword:",
        command(*tune),
    )


def missed(tuned: Mapping[str, Any], folder: Path) -> Advice | None:
    """`tuned` is the result of a tuning: a file that missed the target, or hears nothing at it."""
    lost = [row["file"] for row in tuned["files"] if not row["met"] or row.get("unheard")]
    lost += [line.partition(":")[0] for line in tuned.get("deaf", ())]
    if not lost:
        return None
    mine = ("audionas", "mine", folder, tuned.get("negatives", "hours_of_sound"))
    return Advice(
        f"The target of false accepts per hour was not met by {', '.join(lost)}. Train again with the false "
        "accepts; first find them:",
        command(*mine, "--data", "data/train", "--out", "data/train_mined"),
    )
