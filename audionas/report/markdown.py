"""Markdown as values: what comes from outside is escaped where it enters the text, as in html.py."""

import re
from collections.abc import Iterable, Sequence

from audionas.core.hostile import on_a_line

# Marks of CommonMark and of GitHub inside a line, where they mean something: _ within a word does not
_MARKS = re.compile(
    r"[\\`*#~$<]|(?<![^\W_])_|_(?![^\W_])|^[\[>]|\](?=[(\[:]|$)|&(?=#?\w+;)|:(?=//)|(?<=www)\.", re.IGNORECASE
)
_TICKS = re.compile("`+")


class Markdown(str):
    """Text that is already markup; `text` and `table` escape every other string."""

    __slots__ = ()


def text(value: object) -> Markdown:
    """A part of a line, but not of its beginning, that reads as the value stands."""
    if isinstance(value, Markdown):
        return value
    return Markdown(_MARKS.sub(r"\\\g<0>", on_a_line(value)))


def code(value: object) -> Markdown:
    """The value in the typeface of code."""
    shown = on_a_line(value)
    fence = "`" * (1 + max((len(ticks) for ticks in _TICKS.findall(shown)), default=0))
    edge = " " if shown[:1] in (" ", "`") or shown[-1:] in (" ", "`") else ""
    return Markdown(f"{fence}{edge}{shown or ' '}{edge}{fence}")


def table(head: Sequence[object], rows: Iterable[Sequence[object]], *, numbers: bool = False) -> Markdown:
    """A table; with `numbers` all columns but the first are flush right."""
    rule = ["---", *["---:" if numbers else "---"] * (len(head) - 1)]
    lines = [head, map(Markdown, rule), *rows]
    return Markdown("\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines))


def _cell(value: object) -> str:
    shown = str(text(value))
    if not isinstance(value, Markdown) and shown.endswith("\\]"):  # nothing follows that makes it a link
        shown = f"{shown[:-2]}]"
    return shown.replace("|", "\\|")
