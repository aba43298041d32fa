"""Few speakers: an accuracy on few voices says little of others."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audionas.core.hostile import command
from audionas.core.intervals import FEWEST
from audionas.core.reporter import amount
from audionas.report.advice.box import Advice


def few_speakers(scores: Mapping[str, Any], folder: Path) -> Advice | None:
    """`scores` is an evaluation; one of images has no speakers, and where unknown each clip is its own."""
    many = scores.get("speakers", 0)
    if not 0 < many < FEWEST or many == scores["n"]:
        return None
    return Advice(
        f"Tested on {amount(many, 'speaker')}: others may fare far worse, and how much cannot be measured "
        f"with fewer than {FEWEST}. Record more people, each in one part of the data alone, and test "
        "on them:",
        command("audionas", "eval", folder, "--data", "more_speakers/test"),
    )
