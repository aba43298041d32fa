"""A whole HTML page around its body: nothing is loaded, style and pictures are inside."""

from audionas.report.html import Html, join, tag
from audionas.report.style import CSS

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(title: str, body: Html) -> str:
    """The file's text; `title` stands in the browser's tab."""
    head = join(
        (
            tag("meta", charset="utf-8"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
            tag("meta", name="color-scheme", content="light dark"),
            tag("title", f"{title} · audionas"),
            tag("style", Html(CSS)),
        )
    )
    whole = join((tag("head", head), tag("body", tag("main", body))))
    return f'<!doctype html>\n<html lang="en">{whole}</html>\n'
