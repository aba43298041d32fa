"""Overfitting: accuracy on the development clips fell, or stayed behind, while training went on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audionas.core.hostile import command, setting
from audionas.report.advice.box import Advice
from audionas.report.axes.noise import band
from audionas.report.html import percent

_FELL = 0.03  # of all clips: less may be chance where their number is not known
_BEHIND = 0.2  # of all clips: a network that knows its training clips by heart


def overfitted(
    rows: Sequence[Mapping[str, Any]], folder: Path, *, clips: int = 0, last: bool = True
) -> Advice | None:
    """`rows` are the epochs of a training, `clips` the number of development clips, 0 where unknown.

    `last` is true where the model has the weights of the last epoch.
    """
    known = [row for row in rows if _share(row, "accuracy") and _share(row, "valid_accuracy")]
    if len(known) < 2:
        return None
    best, end = max(known, key=lambda row: row["valid_accuracy"]), known[-1]
    conf = folder / "train" / "config.yaml"
    words = ("audionas", "train", conf, setting("arch", folder / "arch.json"))
    if last and _fell(best["valid_accuracy"], end["valid_accuracy"], clips) and _learnt(best, end):
        name = setting("name", f"{folder.resolve().name}_best")
        return Advice(
            f"Overfitting: development accuracy fell from {percent(best['valid_accuracy'])} "
            f"(epoch {best['epoch'] + 1}) to {percent(end['valid_accuracy'])} (epoch {end['epoch'] + 1}) "
            f"while training accuracy rose to {percent(end['accuracy'])}. The model has the weights of the "
            "last epoch. Keep those of the best one:",
            command(*words, name, "train.keep=accuracy"),
        )
    if end["accuracy"] - end["valid_accuracy"] >= _BEHIND:
        name = setting("name", f"{folder.resolve().name}_decayed")
        return Advice(
            f"Overfitting: {percent(end['accuracy'])} of the training clips are right, but only "
            f"{percent(end['valid_accuracy'])} of the development clips. More recordings help most, then "
            "augmentation (audionas config keys augment) and stronger weight decay:",
            command(*words, name, "train.optim.weight_decay=0.01"),
        )
    return None


def _share(row: Mapping[str, Any], key: str) -> bool:
    value = row.get(key)
    return isinstance(value, int | float) and 0 <= value <= 1


def _fell(best: float, end: float, clips: int) -> bool:
    """Whether the fall is more than the draw of the clips allows."""
    ends = band(end, clips)
    return best > ends[1] if ends else best - end > _FELL


def _learnt(best: Mapping[str, Any], end: Mapping[str, Any]) -> bool:
    return bool(end["accuracy"] > best["accuracy"])
