"""The box on top of a page: what to know before the figures are believed, and the command that comes next."""

from collections.abc import Iterable
from typing import NamedTuple

from audionas.core.hostile import command
from audionas.report.html import Html, tag


class Advice(NamedTuple):
    """A sentence of an expert on a page's figures, and the command to type next, if there is one."""

    what: str
    do: str = ""


def box(found: Iterable[Advice | None]) -> Html:
    """All that was found, or nothing."""
    rows = [
        tag("li", each.what, tag("pre", tag("code", each.do), class_="command") if each.do else "")
        for each in found
        if each is not None
    ]
    if not rows:
        return Html()
    title = tag("h2", "Before you believe the figures")
    return tag("section", title, tag("ul", *rows), class_="advice", aria_label="Advice")


def again(typed: str, *more: str) -> str:
    """The command that was typed, with further words; empty where no command was."""
    return f"{typed} {command(*more)}" if typed.startswith("audionas ") else ""
