"""A model that hears a word in none of its test clips, whatever its accuracy is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audionas.core.hostile import command, setting
from audionas.core.reporter import amount
from audionas.data.labels import is_background
from audionas.report.advice.box import Advice

_LONGER = 3  # times the epochs


def never_heard(scores: Mapping[str, Any], folder: Path, epochs: int) -> Advice | None:
    """`scores` is an evaluation of words, `epochs` those of the training; one of scenes or images has no deaf
    ear, and gets none.
    """
    labels = scores.get("labels", ())
    if "speakers" not in scores or not any(map(is_background, labels)):
        return None
    rows = zip(labels, scores["confusion"], range(len(labels)), strict=True)
    lost = {label: sum(row) for label, row, own in rows if not is_background(label) and not row[own]}
    if not (lost := {label: many for label, many in lost.items() if many}):
        return None
    conf = folder / "train" / "config.yaml"
    words = ("audionas", "train", conf, setting("arch", folder / "arch.json"))
    name = setting("name", f"{folder.resolve().name}_longer")
    told = ", ".join(f"{label} in none of {amount(many, 'test clip')}" for label, many in lost.items())
    return Advice(
        f"Never heard: {told}. Accuracy hides it where most clips are other sound. Record more, or train for "
        "longer:",
        command(*words, name, f"train.epochs={_LONGER * max(1, epochs)}"),
    )
