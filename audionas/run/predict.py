"""`audionas predict`: a model's answer for each file, as rows, and what was done to hear them, in words."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audionas.core.errors import UserError
from audionas.core.hostile import command
from audionas.core.reporter import Reporter, amount
from audionas.data import audio
from audionas.data.labels import is_background
from audionas.data.sound import FRAME, conversion, cuts
from audionas.models.model import Model, load
from audionas.models.windows import PARTS, Rule, rule_for

_RULES = {
    "highest": "a label is that of the highest window that is not background",
    "mean": "scores are the mean over the windows",
    "first": "only the first window is heard",
}


def predict(folder: Path, files: Sequence[Path], *, windows: Rule | None = None) -> list[dict[str, Any]]:
    """One row per file: label and score per label; for a recording also how many windows were heard, by which
    rule they became one answer, and when the deciding one starts (`models/windows.py`).

    Notes on standard error count what was converted, cut and padded. All unreadable files are reported at
    once.
    """
    model, reporter = load(folder), Reporter()
    if windows and not isinstance(model, Model):
        raise UserError(f"--windows {windows}: {folder} sees images, which have none")
    rows, problems, hints = [], [], set()
    for file in reporter.progress(files, "hearing" if isinstance(model, Model) else "seeing"):
        try:
            found = model.predict(file, windows) if isinstance(model, Model) else model.predict(file)
        except UserError as error:
            problems += error.problems
            hints.add(error.hint)
            continue
        rows.append({"file": str(file), **found})
    if problems:
        raise UserError(problems, hint="\n".join(sorted(filter(None, hints))))
    if isinstance(model, Model):
        for line in _told(model, folder, rows, windows or rule_for(model.labels)):
            reporter.note(line)
    return rows


def line(row: Mapping[str, Any]) -> str:
    """A row for people, with the time of the window that decided where there were several."""
    said = f"{row['file']}  {row['label']}  {row['scores'][row['label']]:.3f}"
    if row.get("windows", 1) == 1:
        return said
    if row["start"] is None:
        return f"{said}  mean of {row['windows']:,} windows"
    return f"{said}  at {row['start']:.2f} s, highest of {row['windows']:,} windows"


def _told(model: Model, folder: Path, rows: Sequence[Mapping[str, Any]], rule: Rule) -> list[str]:
    """Sentences about what was done to hear the recordings."""
    rate, clip = model.sample_rate, model.bundle.samples / model.sample_rate
    said = [conversion((row["file"] for row in rows), rate, model.bundle.channels).words(rate)]
    unstated = [row["file"] for row in rows if audio.is_open(row["file"])]
    if unstated:
        many = amount(len(unstated), "file")
        said.append(f"{many} without a stated length, read to the end: {unstated[0]}")
    longer = [row["file"] for row in rows if row["seconds"] > clip + FRAME]
    heard = [row["seconds"] if rule == "first" else min(row["seconds"], clip) for row in rows]
    if longer and rule != "first":
        others = " or ".join(sorted({*_RULES} - {rule}))
        said.append(
            f"{len(longer):,} of {amount(len(rows), 'recording')} longer than {clip:g} s: heard in windows "
            f"of {clip:g} s, one every {clip / PARTS:g} s; {_RULES[rule]} (else --windows {others})"
        )
    said.append(cuts(heard, clip, noun="recording", remedy="heard without --windows first"))
    if longer and any(map(is_background, model.labels)):
        spotting = command("audionas", "detect", folder, Path(longer[0]))
        said.append(f"When a keyword is said in it: {spotting}")
    return [line for line in said if line]
