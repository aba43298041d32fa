"""A model's answer for each file, as rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audionas.core.errors import UserError
from audionas.models.model import load


def predict(folder: Path, files: Sequence[Path], *, resample: bool = False) -> list[dict[str, Any]]:
    """One row per file: label and score per label. All unreadable files are reported at once."""
    model = load(folder)
    rows, problems, hints = [], [], set()
    for file in files:
        try:
            example = model.read(file, resample=resample)
        except UserError as error:
            problems += error.problems
            hints.add(error.hint)
            continue
        scores = model.answer(example)
        best, _ = max(scores.items(), key=lambda pair: pair[1])
        rows.append({"file": str(file), "label": best, "scores": scores})
    if problems:
        raise UserError(problems, hint="\n".join(sorted(filter(None, hints))))
    return rows
