"""Thresholds and rule for a model that is to be heard at once, also before anybody has tuned it."""

from collections.abc import Sequence
from typing import NamedTuple

from audionas.listen.exported import Exported, resolve
from audionas.models.listener import Rule

UNTUNED = 0.5  # a threshold that nobody chose


class Tuned(NamedTuple):
    """How a file's scores become events; `origin` says in words where the thresholds are from."""

    thresholds: dict[str, float]  # by keyword
    rule: Rule
    origin: str


def tuned(
    found: Exported,
    threshold: Sequence[str] = (),
    *,
    smooth: int | None = None,
    refractory: float | None = None,
    patience: str | None = None,
) -> Tuned:
    """What is given, else what `audionas tune` left for this file, else `UNTUNED` for every keyword.

    Raises UserError as `resolve` does for what is out of range.
    """
    known = found.file.name in found.bundle.note.get("detect", {})
    origin = "as given" if threshold else "audionas tune" if known else f"not tuned, so {UNTUNED}"
    words = threshold or (() if known else (str(UNTUNED),))
    thresholds, rule, stale = resolve(found, words, smooth=smooth, refractory=refractory, patience=patience)
    return Tuned(thresholds, rule, f"{origin}, but the file has changed since" if stale else origin)
