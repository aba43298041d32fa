"""A confusion matrix as a heat map: right answers in one hue, mistakes in another."""

from collections.abc import Sequence

from audionas.report.axes.letters import shortened, widest
from audionas.report.html import Html, tag

_STRONGEST = 0.62  # opacity of a full cell, so that text on it stays readable in light and dark mode
_WEAKEST = 0.16  # opacity of a single mistake
_LABEL = 18  # letters of a label, at most


def draw(confusion: Sequence[Sequence[int]], labels: Sequence[str]) -> Html:
    """Draw counts (classes, classes): rows are the truth, columns the answer; zeros stay empty.

    A cell's strength is the square root of its share of the row, so that a single mistake is visible.
    """
    digits = max((len(str(n)) for row in confusion for n in row), default=1)
    side = max(30.0, 9.0 * digits + 10)
    reach = widest((shortened(label, _LABEL) for label in labels), least=8)
    left, top = reach + 34, 0.72 * reach + 40
    parts = []
    for i, (label, row) in enumerate(zip(labels, confusion, strict=True)):
        y = top + i * side
        parts.append(_words(left - 8, y + side / 2 + 4, label, anchor="end"))
        parts.append(_slanted(left + i * side + side / 2, top - 7, label))
        for j, n in enumerate(row):
            box = {"x": left + j * side, "y": y, "width": side - 1.5, "height": side - 1.5, "rx": 2}
            parts.append(_cell(n, sum(row), i == j, f"{label} heard as {labels[j]}: {n}", box))
    span = len(labels) * side
    parts.append(_words(left + span / 2, 11, "answer", colour="muted"))
    parts.append(_turned(10, top + span / 2, "truth"))
    wide, tall = left + span + 0.72 * reach, top + span
    picture = tag(
        "svg", *parts, viewBox=f"0 0 {wide:.0f} {tall:.0f}", role="img", aria_label="Confusion matrix",
        class_="chart drawing", style=f"min-width:{0.8 * wide:.0f}px;max-width:{1.15 * wide:.0f}px",
    )  # fmt: skip
    return tag("div", picture, class_="scroll", tabindex=0)


def _cell(n: int, total: int, right: bool, title: str, box: dict[str, float]) -> Html:
    empty = tag("rect", fill="var(--faint)", fill_opacity=0.7, **box)
    if not n:
        return empty
    strength = max(_WEAKEST, _STRONGEST * (n / total) ** 0.5)
    colour = "var(--accent)" if right else "var(--second)"
    middle = box["x"] + box["width"] / 2
    words = _words(middle, box["y"] + box["height"] / 2 + 4, str(n), weight=650 if right else 400)
    return tag("g", tag("title", title), empty, tag("rect", fill=colour, fill_opacity=strength, **box), words)


def _words(
    x: float, y: float, words: str, *, anchor: str = "middle", colour: str = "ink", **look: object
) -> Html:
    return tag(
        "text",
        shortened(words, _LABEL),
        x=x,
        y=y,
        text_anchor=anchor,
        fill=f"var(--{colour})",
        font_size=12,
        **look,
    )


def _slanted(x: float, y: float, label: str) -> Html:
    text = tag(
        "text",
        shortened(label, _LABEL),
        x=x,
        y=y,
        fill="var(--ink)",
        font_size=12,
        transform=f"rotate(-45 {x:g} {y:g})",
    )
    return text


def _turned(x: float, y: float, word: str) -> Html:
    look = {"fill": "var(--muted)", "font_size": 12, "text_anchor": "middle"}
    return tag("text", word, x=x, y=y, transform=f"rotate(-90 {x:g} {y:g})", **look)
