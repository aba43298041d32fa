"""The worth of a result, in lines: accuracy, recall of a wake word, its misses, and where that is none."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from audionas.core.files import read_json
from audionas.core.intervals import Interval, exact
from audionas.core.reporter import amount
from audionas.engine.metrics import whose
from audionas.expert.plan import Plan

NEAR = 0.1  # of the way from chance to perfect: a balanced accuracy below says nothing
_REMEDY = "give more recordings or more --minutes"
Row = Mapping[str, Any]


def lines(made: Plan, found: Row) -> Iterator[str]:
    """The lines on test clips, for the figures in `eval.json`; `limit` lines where they are no result."""
    if made.value("task") == "wake_word":
        yield from _recall(found)
    noun = "unseen speaker" if made.value("split") else "voice" if made.word else "recording"
    interval = Interval.read(found).words("{:.1%}".format)
    clips = amount(found["n"], "test clip")
    yield f"accuracy  {found['accuracy']:.1%} of {clips} (95 % interval {interval}, {whose(found, noun)})"
    yield from _chance(made, found)
    yield from (
        f"limit     NEVER HEARD: {word}, in none of {clips}; {_REMEDY}" for word, clips in _deaf(found)
    )


def tuned(home: Path) -> Iterator[str]:
    """The threshold of each file, with what it misses and accepts; files that no threshold makes hear."""
    found = read_json(home / "tune" / "tune.json")
    for row in found["files"]:
        for word, each in row["words"].items():
            missed = round(each["rejected"] * each["clips"])
            wrong = Interval.read(each, "fa_interval").words("{:.1f}".format)
            yield (
                f"threshold {row['file']}: {word} at {each['threshold']:.3f} misses {missed} of "
                f"{amount(each['clips'], 'recording')} (95 % interval "
                f"{Interval.read(each, 'rejected_interval').words('{:.1%}'.format)}); "
                f"{amount(each['accepts'], 'false accept')} in {row['hours']:.2f} h, "
                f"{each['fa_per_hour']:.1f} per hour ({wrong}; target {found['target']:g})"
            )
    yield from (f"limit     {line}; {_REMEDY}" for line in found["deaf"])


def _recall(found: Row) -> Iterator[str]:
    """The recall of the wake word, with the exact interval of its clips."""
    for word, right, many in _words(found):
        interval = exact(right, many).words("{:.1%}".format)
        told = f"{right} of {amount(many, 'test recording')} heard"
        yield f"recall    {word}: {told}, {right / many:.1%} (95 % interval {interval})"


def _chance(made: Plan, found: Row) -> Iterator[str]:
    """A line where the figures are those of guessing."""
    if made.value("task") == "wake_word":
        chance = 1 / max(1, sum(row["n"] > 0 for row in found["per_class"].values()))
        if found["balanced_accuracy"] < chance + NEAR * (1 - chance):
            told = f"balanced accuracy is {found['balanced_accuracy']:.1%}, and guessing gives {chance:.0%}"
            yield f"limit     NO BETTER THAN CHANCE: {told}; {_REMEDY}"
        return
    guess = max(row["n"] for row in found["per_class"].values()) / found["n"]
    ends = Interval.read(found).ends or exact(round(found["accuracy"] * found["n"]), found["n"]).ends
    assert ends is not None
    if ends[0] <= guess:
        told = (
            f"the interval of accuracy begins at {ends[0]:.1%}, and always the same answer gives {guess:.1%}"
        )
        yield f"limit     MAY BE CHANCE: {told}; {_REMEDY}"


def _deaf(found: Row) -> Iterator[tuple[str, str]]:
    """The words that were heard in none of their clips."""
    return ((word, amount(many, "test clip")) for word, right, many in _words(found) if not right)


def _words(found: Row) -> Iterator[tuple[str, int, int]]:
    """Each word that has test clips: its name, how many are heard, how many there are."""
    for number, label in enumerate(found["labels"]):
        if (many := found["per_class"][label]["n"]) and not label.startswith("_"):
            yield label, found["confusion"][number][number], many
