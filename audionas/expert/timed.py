"""Timed steps: the time that an epoch of a network takes here."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audionas.config import load
from audionas.run.check import check

_FORWARD = 0.4  # of a training step: what a clip costs that is only heard, as development clips are
_ENDING = 0.3  # seconds of checkpoints and reports per epoch


def pace(conf: Path, changes: Sequence[str], seconds: float) -> float:
    """The seconds of an epoch, by steps timed for about `seconds`. Raises UserError as a training would."""
    settings = load(conf, changes)
    found: dict[str, Any] = check(settings, seconds=seconds)
    count, steps = found["clips"], found["train"]["steps"] / settings.train.epochs
    heard = 1 + _FORWARD * count["dev"] / max(1, count["train"])
    return float(steps * found["train"]["seconds_a_step"] * heard + _ENDING)
