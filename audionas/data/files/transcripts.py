"""Transcripts of recordings: a table of utterances with their times, and whether a word is said in one.

`transcripts.tsv`, UTF-8 with tabs, has a line of names and then one line per utterance: `file` (its path from
the table's folder), `start_s` and `end_s` (seconds into the file), `text`. Other columns may be there.
"""

import math
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from audionas.core.errors import Problem, UserError
from audionas.core.files import read_text, write_text

NAME = "transcripts.tsv"
_COLUMNS = ("file", "start_s", "end_s", "text")


class Utterance(NamedTuple):
    """A part of a file, from `start` to `end` in seconds, and what is said in it."""

    file: str
    start: float
    end: float
    text: str


def read(table: Path) -> list[Utterance]:
    """The utterances of a table, in its order. Raises one UserError with every bad line."""
    names, rows = lines(table)
    if missing := [name for name in _COLUMNS if name not in names]:
        raise UserError(
            f"{table}: has no column {', '.join(missing)}",
            hint=f"Its first line names the columns, with tabs between: {' '.join(_COLUMNS)}",
        )
    found, problems = [], []
    for number, row in enumerate(rows, 2):
        start, end = (_seconds(row.get(name, "")) for name in ("start_s", "end_s"))
        if not (row["file"] and 0 <= start < end < math.inf and "text" in row):
            problems.append(Problem(f"{table}:{number}", "expected a file, 0 <= start_s < end_s, and a text"))
        else:
            found.append(Utterance(row["file"], start, end, row["text"]))
    if problems:
        raise UserError(problems)
    return found


def lines(table: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The names in the first line of a table with tabs, and each further line by these, as far as it goes."""
    first, *others = read_text(table).rstrip("\r\n").split("\n")
    names = first.rstrip("\r").split("\t")
    return names, [dict(zip(names, other.rstrip("\r").split("\t"), strict=False)) for other in others]


def write(table: Path, utterances: Iterable[Utterance]) -> None:
    """Write a table that `read` reads; blanks of any kind in a text become single spaces."""
    lines = ["\t".join(_COLUMNS)]
    for each in utterances:
        lines.append(f"{each.file}\t{each.start:.4f}\t{each.end:.4f}\t{' '.join(each.text.split())}")
    write_text(table, "\n".join(lines) + "\n")


def by_file(table: Path, utterances: Iterable[Utterance], files: Iterable[str]) -> dict[str, list[Utterance]]:
    """The utterances of each of these files that the table names, by its path as given.

    Raises UserError where it names none of them.
    """
    known = {os.path.realpath(file): file for file in files}
    found: dict[str, list[Utterance]] = defaultdict(list)
    first = ""
    for each in utterances:
        place = os.path.realpath(table.parent / each.file)
        first = first or each.file
        if place in known:
            found[known[place]].append(each)
    if not found:
        raise UserError(
            f"{table}: names none of these recordings: its first is {first or 'missing'}, "
            f"theirs {min(known.values(), default='missing')}",
            hint="The column file holds paths from the folder of the table.",
        )
    return dict(found)


def words(text: str) -> list[str]:
    """The words of a text: runs of letters and digits, without regard to case. `computer's` is two."""
    return re.findall(r"[^\W_]+", text.casefold())


def says(text: str, phrase: str) -> bool:
    """True where the phrase is said: all its words, whole and in sequence. `computers` is not `computer`."""
    all_words, wanted = words(text), words(phrase)
    spans = range(len(all_words) - len(wanted) + 1)
    return bool(wanted) and any(all_words[at : at + len(wanted)] == wanted for at in spans)


def with_words(
    spoken: Mapping[str, Iterable[Utterance]], phrases: Iterable[str]
) -> dict[str, list[tuple[float, float]]]:
    """Start and end of the utterances of each file in which one of the phrases is said, by time."""
    wanted = tuple(phrases)
    return {
        file: sorted((u.start, u.end) for u in each if any(says(u.text, phrase) for phrase in wanted))
        for file, each in spoken.items()
    }


def rest(start: float, end: float, out: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """The parts of `start` to `end` that none of the spans `out`, ordered by their starts, covers."""
    found, at = [], start
    for first, last in out:
        if first > at:
            found.append((at, min(first, end)))
        at = max(at, last)
        if at >= end:
            return [span for span in found if span[0] < span[1]]
    return [*found, (at, end)]


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
