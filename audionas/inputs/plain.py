"""A folder per class, as it is, as clips to evaluate on: nothing is prepared and nothing written."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter, amount
from audionas.data import audio, readers
from audionas.data.kaldi import DataDir
from audionas.data.labels import NOISE, require_known


def open_folder(path: Path, labels: Sequence[str], rate: int, pattern: str, reporter: Reporter) -> DataDir:
    """The clips of a tree with one folder per class; `pattern` finds their speakers, as in `readers.folder`.

    Files at other rates than `rate`, and of several channels, are counted: they will be resampled and mixed
    down. Raises UserError for folders that are no class, and with every file that cannot be opened.
    """
    for name in readers.droppings(path) if path.is_dir() else ():
        reporter.note(f"left out: {path / name}, which an archiver or a file manager left there")
    items = DataDir(path, readers.folder(path, pattern=pattern, skip=(NOISE,)))
    require_known(items, labels)
    known, problems = [], []
    forms: Counter[str] = Counter()
    for item in items:
        try:
            head = audio.header(item.audio)
        except UserError as error:
            problems += error.problems
            continue
        known.append(replace(item, seconds=head.seconds))
        if (head.rate, head.channels) != (rate, 1):
            forms[f"{head.rate} Hz, {amount(head.channels, 'channel')}"] += 1
    if problems:
        raise UserError(problems, hint="Repair or remove these files.")
    if forms:
        told = "; ".join(f"{count:,} of {form}" for form, count in forms.most_common())
        reporter.note(
            f"{path}: resampled to {rate} Hz and mixed down: {amount(forms.total(), 'file')} ({told})"
        )
    return DataDir(path, known)
