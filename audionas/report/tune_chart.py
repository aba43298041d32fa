"""The DET curve, clips rejected against false accepts per hour, as an image file and for the report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audionas.core.files import atomic
from audionas.core.hostile import on_a_line
from audionas.report.axes.drawn import PLACEHOLDER, Room, drawing
from audionas.report.html import Html

_COLOURS = ("#2b5fc7", "#b4561f", "#16966f", "#7e62c6", "#c44a7c", "#df951a")  # in the image file
_NAMES = ("accent", "second", "k5", "other", "k9", "k7")  # in the report, by its style sheet

Curves = Mapping[str, Sequence[Sequence[Any]]]  # name to (false accepts per hour, rejected, low, high, ...)


def curves_of(rows: Sequence[Mapping[str, Any]]) -> Curves:
    """The curves of all keywords of all files, by their names for the reader."""
    several = len(rows) > 1
    return {
        f"{word}, {row['file']}" if several else word: found["curve"]
        for row in rows
        for word, found in row["words"].items()
        if found["curve"]
    }


def draw(rows: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Write `figure` as a PNG."""
    with atomic(file) as draft:
        figure(rows).savefig(draft, dpi=130)


def figure(rows: Sequence[Mapping[str, Any]]) -> Any:
    """The curves with their bands and a legend."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(7, 4.2), layout="constrained")
    axes = drawn.add_subplot()
    shade = _curves(axes, rows, _COLOURS, "#8a92a0")
    axes.set(xlabel="false accepts per hour", ylabel="clips rejected")
    axes.grid(visible=True, color="#eeeff2")
    _named(axes.legend(frameon=False), [*curves_of(rows), shade])
    return drawn


def svg(rows: Sequence[Mapping[str, Any]]) -> Html:
    """The same for the report, in the page's colours."""
    names = [*curves_of(rows)]
    with drawing("Clips rejected against false accepts per hour", 640, 300, Room(62, 30, 12, 44)) as drawn:
        marks = [drawn.mark(name) for name in names]
        colours = [PLACEHOLDER[name] for name in _NAMES]
        shade = _curves(drawn.axes, rows, colours, PLACEHOLDER["muted"], marks)
        drawn.axes.grid(color=PLACEHOLDER["line"], linewidth=0.7)
        drawn.axes.tick_params(which="minor", length=0)
        drawn.titles("false accepts per hour", "clips rejected, %")
        legend = drawn.axes.legend(frameon=False, fontsize=12, labelcolor=PLACEHOLDER["muted"])
        for entry, name in zip(legend.get_texts(), [*names, shade], strict=True):
            entry.set_parse_math(False)
            entry.set_text(on_a_line(name))
        return drawn.scrolled("chart drawing", 0.75, 1.15)


def _curves(
    axes: Any, rows: Sequence[Mapping[str, Any]], colours: Sequence[str], shade: str, ids: Sequence[str] = ()
) -> str:
    """Draw the curves, their bands, and a shade over the rates that the hours cannot carry; its words.

    A rate's share of clips rejected holds up to the next rate.
    """
    from matplotlib.ticker import FuncFormatter, PercentFormatter

    curves, hours = curves_of(rows), min(row["hours"] for row in rows)
    for number, points in enumerate(curves.values()):
        rate, rejected, low, high = ([point[i] for point in points] for i in range(4))
        look = {"color": colours[number % len(colours)], "gid": ids[number] if ids else None}
        if None not in (*low, *high):
            axes.fill_between(rate, low, high, step="post", alpha=0.18, linewidth=0, **look)
        marker = "o" if len(rate) == 1 else None  # a line of one point shows nothing
        style = {"drawstyle": "steps-post", "linewidth": 1.6, "marker": marker}
        axes.plot(rate, rejected, **style, label=str(number), **look)
    axes.axvspan(0.5 / hours, 3 / hours, color=shade, alpha=0.15, linewidth=0, label="shade")
    last = max(point[0] for points in curves.values() for point in points)
    axes.set(xscale="log", xlim=(0.7 / hours, 1.1 * max(last, 3 / hours)), ylim=(0, None))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter("")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol="\u00a0%"))
    return f"under 3 in {hours:.3g} h: not measurable"


def _named(legend: Any, names: Sequence[str]) -> None:
    """Write names of others into a legend as text: no formula, no gap where the typeface lacks a letter."""
    from matplotlib.font_manager import findfont, get_font

    for entry, name in zip(legend.get_texts(), names, strict=True):
        known = get_font(findfont(entry.get_fontproperties())).get_charmap()
        entry.set_parse_math(False)
        entry.set_text("".join(c if ord(c) in known else ascii(c)[1:-1] for c in on_a_line(name)))
