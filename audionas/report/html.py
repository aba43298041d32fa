"""HTML as values: everything but markup is escaped where it enters the page; the page loads nothing."""

from collections.abc import Iterable
from html import escape
from pathlib import Path

from audionas.core.files import read_text
from audionas.core.hostile import escaped

_VOID = frozenset({"br", "img", "meta"})
_THEME = Path(__file__).with_name("theme.css")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"


class Html(str):
    """Text that is already markup; `tag` escapes every other string."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """One element. `class_` writes `class`, `stroke_width` writes `stroke-width`; None omits an attribute."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{shown}>" if name in _VOID else f"<{name}{shown}>{join(children)}</{name}>")


def join(parts: Iterable[object], between: str = "") -> Html:
    """The parts in sequence, escaped unless they are markup."""
    return Html(between.join(part if isinstance(part, Html) else escape(_text(part)) for part in parts))


def header(kind: str, title: str, facts: object, commands: Iterable[str], *more: object) -> Html:
    """The head of a page: what it is, its name, a sentence, and the commands that were typed for it."""
    typed = (tag("pre", tag("code", words), class_="command") for words in commands if words)
    above = (tag("p", kind, class_="eyebrow"), tag("h1", title), tag("p", facts, class_="facts"))
    return tag("header", *above, *typed, *more)


def section(title: str, *children: object, lead: str = "") -> Html:
    """A section of the page with a title; `lead` is one sentence on how to read it."""
    return tag("section", tag("h2", title), tag("p", lead, class_="lead") if lead else "", *children)


def table(head: Iterable[object], rows: Iterable[Iterable[object]], foot: Iterable[object] = ()) -> Html:
    """A table in a box that scrolls sideways: the first column is words, the others are numbers."""
    titles = tag("thead", tag("tr", *(tag("th", cell, scope="col") for cell in head)))
    body = tag("tbody", *(_row(row) for row in rows))
    total = list(foot)
    end = tag("tfoot", _row(total)) if total else ""
    return tag("div", tag("table", titles, body, end), class_="scroll", tabindex=0)


def bar(share: float, colour: str = "accent") -> Html:
    """A bar that fills `share` (0 to 1) of its cell's width."""
    width = 100 * min(max(share, 0.0), 1.0)
    return tag("span", tag("i", style=f"width:{width:.1f}%;background:var(--{colour})"), class_="bar")


def percent(share: float, digits: int = 1) -> str:
    """`0.9345` as `93.5 %`, with a no-break space."""
    return f"{100 * share:.{digits}f}\u00a0%"


def count(number: float, digits: int = 3) -> str:
    """`303000` as `303 k`, `6680000` as `6.68 M`; below ten thousand the number itself."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(number) >= max(0.9995 * size, 1e4):
            return f"{number / size:.{digits}g}\u00a0{unit}"
    return f"{number:,.0f}"


def size(number: float) -> str:
    """Bytes in kB or MB (powers of ten)."""
    return f"{number / 1e6:.2f}\u00a0MB" if number >= 1e6 else f"{number / 1e3:.1f}\u00a0kB"


def _row(cells: Iterable[object]) -> Html:
    first, *rest = cells
    return tag("tr", tag("th", first, scope="row"), *(tag("td", cell) for cell in rest))


def _text(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else escaped(str(value))


def page(title: str, body: Html, reload: int = 0) -> str:
    """The file's text; `title` appears in the browser's tab, which loads it again after `reload` seconds."""
    head = join(
        (
            tag("meta", charset="utf-8"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
            tag("meta", name="color-scheme", content="light dark"),
            tag("meta", http_equiv="refresh", content=reload) if reload else "",
            tag("title", f"{title} · audionas"),
            tag("style", Html(read_text(_THEME))),
        )
    )
    whole = join((tag("head", head), tag("body", tag("main", body))))
    return f'<!doctype html>\n<html lang="en">{whole}</html>\n'
