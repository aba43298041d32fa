"""Writes `latency.html`: a table's sums against whole networks as points, and every entry."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from audionas.core.files import write_text
from audionas.core.intervals import Interval
from audionas.core.reporter import amount
from audionas.cost.lookup import LatencyTable
from audionas.report.axes.scale import Scale
from audionas.report.html import Html, header, join, page, section, tag
from audionas.report.html import table as html_table

HEAD = ("networks", "table", "95 % interval", "multiply-adds", "repeated")
_NAMES = {
    "rmse": "RMSE, µs",
    "relative_rmse": "RMSE, % of the mean",
    "bias": "bias, µs",
    "r2": "R²",
    "pearson": "Pearson's r",
    "spearman": "Spearman's rho",
    "kendall": "Kendall's tau-b",
}
_UNITS = {"rmse": 1e3, "bias": 1e3, "relative_rmse": 100.0}  # factors from milliseconds, and from shares
_LEFT, _TOP, _SIDE = 64, 8, 420  # pixels: the plot is square


def write(file: Path, title: str, table: LatencyTable, command: str = "") -> None:
    """Write the page with the command that was typed; an equal table gives equal bytes."""
    parts = [_title(title, table, command)]
    if "check" in table.about:
        parts += _check(table.about["check"])
    write_text(file, page(title, join((*parts, _entries(table)))))


def facts(table: LatencyTable) -> Iterator[tuple[str, str]]:
    """The facts about the table, as (name, words)."""
    about = {k: v for k, v in table.about.items() if not isinstance(v, Mapping | list)}
    params = ", ".join(f"{name} {value}" for name, value in {**table.params, **table.scale}.items())
    yield "device", table.device
    yield "measured", ", ".join(f"{name} {value}" for name, value in about.items())
    yield "space", f"{table.space}: {params}" if params else table.space
    yield "input", f"{'x'.join(map(str, table.io[:3]))}, {amount(table.io.classes, 'class')}"


def figures(check: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """One row per figure: its name, the table's value and interval, and the values of the two others."""
    rows = []
    for name, words in _NAMES.items():
        unit, table = _UNITS.get(name, 1.0), check["table"][name]
        interval = Interval.read(table).words(partial(_short, unit=unit))
        others = (
            check.get(column, {}).get(name, {}).get("value") for column in ("multiply-adds", "repeated")
        )
        rows.append(
            (words, _short(table["value"], unit), interval, *(_short(value, unit) for value in others))
        )
    return rows


def _short(value: float | None, unit: float) -> str:
    return "-" if value is None else f"{unit * value:.3g}"


def _title(title: str, table: LatencyTable, command: str) -> Html:
    rows = [join((tag("dt", name), tag("dd", words))) for name, words in facts(table)]
    rows.append(join((tag("dt", "base"), tag("dd", f"{table.base:.4f} ms"))))
    return header("audionas latency table", title, "", [command], tag("dl", *rows, class_="facts"))


def _check(check: Mapping[str, Any]) -> list[Html]:
    points = [(p["arch"], p["predicted_ms"], p["measured_ms"]) for p in check["points"]]
    lead = (
        "Each point is a network drawn at random, on which no entry depends. On the dashed line, prediction "
        "and measurement agree."
    )
    words = (
        "The 95 % interval is by bootstrap over networks. Multiply-adds: these used instead of the table. "
        "Repeated: medians of every second round against those of the others, which shows how well the "
        "measurement agrees with itself."
    )
    return [
        section("Sum of the table against measured, ms", scatter(points), lead=lead),
        section("Agreement", html_table(HEAD, figures(check)), lead=words),
    ]


def _entries(table: LatencyTable) -> Html:
    rows = [
        (e.option, e.shape, " ".join(n if c == 1 else f"{n} ({c})" for n, c in e.at.items()), f"{e.ms:.4f}")
        for e in table.entries
    ]
    lead = "Each operation once per shape, and the choices that use it (how often)."
    return section("Entries", html_table(("option", "input and output", "at", "ms"), rows), lead=lead)


def scatter(points: Sequence[tuple[str, float, float]]) -> Html:
    """A plot of (name, predicted, measured), with one scale for both axes, labelled in milliseconds."""
    values = [value for _, *pair in points for value in pair]
    x = Scale(min(values), max(values), _LEFT, _LEFT + _SIDE)
    y = Scale(min(values), max(values), _TOP + _SIDE, _TOP)
    right, bottom = _LEFT + _SIDE, _TOP + _SIDE
    parts = [part for tick in x.ticks for part in _grid(x(tick), y(tick), right, bottom, f"{tick:.4g}")]
    parts.append(_line(_LEFT, right, bottom, _TOP, "muted", stroke_dasharray="4 4"))
    for name, predicted, measured in points:
        words = f"{name}: predicted {predicted:.4f} ms, measured {measured:.4f} ms"
        dot = tag("circle", cx=x(predicted), cy=y(measured), r=4, fill="var(--accent)", fill_opacity=0.75)
        parts.append(tag("g", tag("title", words), dot))
    parts.append(_text(right, bottom + 34, "predicted, ms", "end"))
    parts.append(
        _text(_LEFT - 52, _TOP + 4, "measured, ms", "end", transform=f"rotate(-90 {_LEFT - 52} {_TOP + 4})")
    )
    return tag(
        "svg", *parts, viewBox=f"0 0 {right + 16} {bottom + 40}", role="img", class_="chart",
        aria_label="predicted against measured milliseconds", style=f"max-width:{right + 16}px",
    )  # fmt: skip


def _grid(x: float, y: float, right: float, bottom: float, figure: str) -> list[Html]:
    """The faint lines of one round number, with the number on both axes."""
    return [
        _line(x, x, _TOP, bottom, "faint"),
        _line(_LEFT, right, y, y, "faint"),
        _text(x, bottom + 17, figure, "middle"),
        _text(_LEFT - 8, y + 4, figure, "end"),
    ]


def _line(x1: float, x2: float, y1: float, y2: float, colour: str, **look: object) -> Html:
    return tag("line", x1=x1, x2=x2, y1=y1, y2=y2, stroke=f"var(--{colour})", **look)


def _text(x: float, y: float, words: str, anchor: str, **look: object) -> Html:
    return tag("text", words, x=x, y=y, text_anchor=anchor, font_size=11, fill="var(--muted)", **look)
