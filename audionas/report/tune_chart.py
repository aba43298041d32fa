"""The DET curve, clips rejected against false accepts per hour, as an image file and for the report."""

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from pathlib import Path
from typing import Any

from audionas.core.files import atomic
from audionas.core.hostile import on_a_line
from audionas.report.axes.scale import Bounds, Scale
from audionas.report.html import Html, percent, tag

_COLOURS = ("#2b5fc7", "#b4561f", "#16966f", "#7e62c6", "#c44a7c", "#df951a")  # in the image file
_NAMES = ("accent", "second", "k5", "other", "k9", "k7")  # in the report, by its style sheet
_LEFT, _TOP, _WIDE, _TALL, _BELOW = 62, 30, 640, 300, 44

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
    """The curves with their bands, drawn by matplotlib."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, PercentFormatter

    curves, hours = curves_of(rows), min(row["hours"] for row in rows)
    drawn = Figure(figsize=(7, 4.2), layout="constrained")
    axes = drawn.add_subplot()
    for number, points in enumerate(curves.values()):
        rate, rejected, low, high = ([point[i] for point in points] for i in range(4))
        colour = _COLOURS[number % len(_COLOURS)]
        if None not in (*low, *high):
            axes.fill_between(rate, low, high, step="post", alpha=0.18, linewidth=0, color=colour)
        axes.plot(rate, rejected, drawstyle="steps-post", linewidth=1.6, label=str(number), color=colour)
    axes.axvspan(0.5 / hours, 3 / hours, color="#8a92a0", alpha=0.15, linewidth=0, label="shade")
    axes.set(xscale="log", xlabel="false accepts per hour", ylabel="clips rejected")
    last = max(point[0] for points in curves.values() for point in points)
    axes.set(xlim=(0.7 / hours, max(last, 3 / hours)), ylim=(0, None))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter("")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(visible=True, color="#eeeff2")
    _named(axes.legend(frameon=False), [*curves, f"under 3 in {hours:.3g} h: not measurable"])
    return drawn


def _named(legend: Any, names: Sequence[str]) -> None:
    """Write names of others into a legend as text: no formula, no gap where the typeface lacks a letter."""
    from matplotlib.font_manager import findfont, get_font

    for entry, name in zip(legend.get_texts(), names, strict=True):
        known = get_font(findfont(entry.get_fontproperties())).get_charmap()
        entry.set_parse_math(False)
        entry.set_text("".join(c if ord(c) in known else ascii(c)[1:-1] for c in on_a_line(name)))


def svg(rows: Sequence[Mapping[str, Any]]) -> Html:
    """The curves for the report, in the page's colours."""
    curves, hours = curves_of(rows), min(row["hours"] for row in rows)
    every = [point for points in curves.values() for point in points]
    low, high = floor(log10(min(point[0] for point in every))), ceil(log10(max(point[0] for point in every)))
    x = Scale(low, max(high, low + 1), _LEFT, _LEFT + _WIDE)
    tops = (rejected if top is None else top for _, rejected, _, top, *_ in every)
    y = Scale(0, max(0.05, *tops), _TOP + _TALL, _TOP, count=5, bounds=Bounds(0.0, 1.0))
    parts = [*_grid(x, y), _carried(x, hours)]
    for number, (name, points) in enumerate(curves.items()):
        parts += _curve(name, points, x, y, _NAMES[number % len(_NAMES)])
    parts += _legend(list(curves), hours)
    picture = tag(
        "svg", *parts, viewBox=f"0 0 {_LEFT + _WIDE + 12} {_TOP + _TALL + _BELOW}", role="img",
        aria_label="Clips rejected against false accepts per hour", class_="chart drawing",
    )  # fmt: skip
    return tag("div", picture, class_="scroll", tabindex=0)


def _grid(x: Scale, y: Scale) -> list[Html]:
    parts, bottom = [], _TOP + _TALL
    for power in range(ceil(x.low), floor(x.high) + 1):
        parts.append(_line(x(power), x(power), _TOP, bottom))
        parts.append(_text(x(power), bottom + 16, f"{10.0**power:g}", "middle"))
    for share in y.ticks:
        parts.append(_line(_LEFT, _LEFT + _WIDE, y(share), y(share)))
        parts.append(_text(_LEFT - 6, y(share) + 4, percent(share, 0), "end"))
    titles = _text(_LEFT, _TOP - 12, "clips rejected, %", "start")
    return [*parts, titles, _text(_LEFT + _WIDE, bottom + 36, "false accepts per hour", "end")]


def _carried(x: Scale, hours: float) -> Html:
    """A shade over the rates that the hours are too few to measure."""
    end = x(log10(3 / hours))
    words = tag("title", f"Under 3 / {hours:.3g} h: not measurable")
    return tag("rect", words, x=_LEFT, y=_TOP, width=max(0.0, end - _LEFT), height=_TALL, fill="var(--faint)")


def _curve(name: str, points: Sequence[Sequence[float]], x: Scale, y: Scale, colour: str) -> list[Html]:
    """A stepped curve: a rate's share of clips rejected holds up to the next rate."""
    xs = [x(log10(point[0])) for point in points]

    def steps(values: Sequence[float]) -> list[str]:
        corners = []
        for place, value in enumerate(values):
            corners.append(f"{xs[place]:.1f},{y(value):.1f}")
            if place + 1 < len(xs):
                corners.append(f"{xs[place + 1]:.1f},{y(value):.1f}")
        return corners

    _, rejected, low, high = (list(column) for column in zip(*(point[:4] for point in points), strict=True))
    band = None not in (*low, *high)
    ring = " ".join([*steps(low), *reversed(steps(high))]) if band else ""
    look = {"fill": "none", "stroke": f"var(--{colour})", "stroke_width": 1.8}
    shade = [tag("polygon", points=ring, fill=f"var(--{colour})", fill_opacity=0.16)] if band else []
    if len(xs) == 1:  # a line of one point shows nothing
        dot = tag("circle", cx=xs[0], cy=y(rejected[0]), r=4, fill=f"var(--{colour})")
        return [*shade, tag("g", tag("title", name), dot)]
    return [
        *shade,
        tag("polyline", tag("title", name), points=" ".join(steps(rejected)), **look),
    ]


def _legend(names: Sequence[str], hours: float) -> list[Html]:
    parts = []
    for number, name in enumerate(names):
        top = _TOP + 8 + 18 * number
        parts.append(tag("rect", x=_LEFT + _WIDE - 14, y=top, width=12, height=4,
                         fill=f"var(--{_NAMES[number % len(_NAMES)]})"))  # fmt: skip
        parts.append(_text(_LEFT + _WIDE - 20, top + 6, name, "end"))
    return parts


def _line(x1: float, x2: float, y1: float, y2: float) -> Html:
    return tag("line", x1=x1, x2=x2, y1=y1, y2=y2, stroke="var(--line)")


def _text(x: float, y: float, words: str, anchor: str) -> Html:
    return tag("text", words, x=x, y=y, text_anchor=anchor, fill="var(--muted)", font_size=12)
