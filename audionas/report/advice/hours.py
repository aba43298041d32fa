"""Hours: negatives too few to show the rate of false accepts that was asked for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audionas.core.hostile import command
from audionas.core.reporter import amount
from audionas.report.advice.box import Advice


def too_few_hours(target: float, hours: float) -> str:
    """A sentence about a target that the hours cannot show; empty where they can."""
    if target * hours >= 3:
        return ""
    rate = amount(target, "false accept")
    return f"{hours:.3g} h of negatives cannot show {rate} per hour: give at least {3 / target:.3g} h."


def few_hours(tuned: Mapping[str, Any], folder: Path) -> Advice | None:
    """`tuned` is the result of a tuning, whose files all heard the same hours."""
    for row in tuned["files"]:
        if said := too_few_hours(row["target"], row["hours"]):
            clips = ("--positives", tuned.get("positives", "data/dev"))
            rate = ("--target-fa-per-hour", f"{row['target']:g}")
            return Advice(
                said, command("audionas", "tune", folder, *clips, "--negatives", "more_hours", *rate)
            )
    return None
