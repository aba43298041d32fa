"""A folder per class, as it is, as clips to evaluate on: nothing is prepared and nothing written."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from audionas.core.errors import UserError, grouped
from audionas.core.files import sha256
from audionas.core.reporter import Reporter
from audionas.data import audio, readers
from audionas.data.kaldi import DataDir
from audionas.data.labels import NOISE, require_known
from audionas.data.overlap import Content, compare, recorded


def open_folder(path: Path, labels: Sequence[str], pattern: str, reporter: Reporter) -> DataDir:
    """The clips of a tree with one folder per class; `pattern` finds their speakers, as in `readers.folder`.

    One recording under two labels, or twice, is scored as it stands, and told. Raises UserError for folders
    that are no class, and with every file that cannot be opened.
    """
    for name in readers.droppings(path) if path.is_dir() else ():
        reporter.note(f"left out: {path / name}, which an archiver or a file manager left there")
    items = DataDir(path, readers.folder(path, pattern=pattern, skip=(NOISE,)))
    require_known(items, labels)
    known, problems = [], []
    for item in items:
        try:
            head = audio.header(item.audio)
        except UserError as error:
            problems += error.problems
            continue
        known.append(replace(item, seconds=head.seconds))
    if problems:
        raise UserError(problems, hint="Repair or remove these files.")
    data = DataDir(path, known)
    tell_shared(data, reporter, lambda _, item: sha256(item.audio))
    return data


def tell_shared(data: DataDir, reporter: Reporter, content: Content = recorded) -> None:
    """Note the recordings that occur twice, or under two labels, in what will be scored."""
    found = compare({data.path.name: list(data)}, content)
    for line in [*grouped(found.problems), *found.notes]:
        reporter.note(f"attention: {line}")
