"""Development and test far apart: choices were made on clips unlike those that judge."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audionas.core.hostile import command
from audionas.core.intervals import Interval, exact
from audionas.core.reporter import amount
from audionas.report.advice.box import Advice
from audionas.report.html import percent


def far_apart(
    scores: Mapping[str, Any],
    developed: float | None,
    folder: Path,
    *,
    clips: int = 0,
    data: str = "",
    heard: int = 0,
) -> Advice | None:
    """`developed` is the accuracy on `clips` development clips from `data`, by speakers of whom `heard` spoke
    in training.

    Nothing is said where the intervals overlap, the number of clips is not known, or both are one data set.
    """
    if developed is None or not clips or not scores["n"] or (data and data == scores.get("data")):
        return None
    own = exact(round(developed * clips), clips)
    test = Interval.read(scores)
    test = test if test.ends else exact(round(scores["accuracy"] * scores["n"]), scores["n"])
    assert own.ends is not None
    assert test.ends is not None
    if own.ends[0] <= test.ends[1] and test.ends[0] <= own.ends[1]:
        return None
    seen = "speakers" in scores and scores["speakers"] not in (0, scores["n"])
    look = command("audionas", "eval", folder, "--data", scores["data"], "--by", "spk") if seen else ""
    why = (
        "The development clips do not stand for those of the test, so what was chosen on them may be wrong. "
        f"Divide the data by speaker{': see who is misheard' if look else ''}{':' if look else '.'}"
    )
    if heard:
        why = (
            f"Training heard {amount(heard, 'voice')} of the development clips: new voices are harder, and "
            "the test tells how much. Record more voices."
        )
    return Advice(
        f"Development and test are far apart: {percent(developed)} of {amount(clips, 'development clip')} "
        f"({own.words(percent)}) against {percent(scores['accuracy'])} of {amount(scores['n'], 'test clip')} "
        f"({test.words(percent)}). {why}",
        "" if heard else look,
    )
