"""Corpora that describe themselves: a table of the files with their speakers, and transcripts.

`files.tsv`, with tabs, has the columns `file` (its path from the table's folder) and, for speech, `speaker`:
a speaker is never in two splits. Without that column the files are noise, each a group of its own. The source
has the name of the folder.
"""

from pathlib import Path
from typing import NamedTuple

from audionas.core.errors import UserError
from audionas.data.files import transcripts
from audionas.data.files.transcripts import Utterance
from audionas.data.readers import slug

TABLE = "files.tsv"


class Described(NamedTuple):
    """A file by its tables; `speaker` is empty for noise."""

    source: str
    speaker: str
    said: tuple[Utterance, ...]


def described(folder: Path) -> dict[Path, Described]:
    """The files that tables below `folder` name. Raises UserError for lines without a file or a speaker."""
    found: dict[Path, Described] = {}
    problems = []
    for table in sorted(folder.rglob(TABLE)):
        names, rows = transcripts.lines(table)
        said = _said(table.parent, [row.get("file") or "" for row in rows])
        for number, row in enumerate(rows, 2):
            name, speaker = row.get("file"), row.get("speaker", "")
            if not name or ("speaker" in names and not speaker):
                problems.append(f"{table}:{number}: expected a file and its speaker")
                continue
            spoken = tuple(said.get(str(table.parent / name), ()))
            source = slug(table.parent.name)
            found[table.parent / name] = Described(source, slug(speaker) if speaker else "", spoken)
    if problems:
        raise UserError(problems)
    return found


def _said(folder: Path, names: list[str]) -> dict[str, list[Utterance]]:
    """The utterances of the files of these names, by path; none without a table of transcripts."""
    table = folder / transcripts.NAME
    if not table.is_file():
        return {}
    return transcripts.by_file(table, transcripts.read(table), [str(folder / name) for name in names if name])
