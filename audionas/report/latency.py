"""Writes `latency.html`: a table's sums against whole networks as points, and every entry."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from audionas.core.files import write_text
from audionas.core.intervals import Interval
from audionas.core.reporter import amount
from audionas.cost.lookup import LatencyTable
from audionas.report.axes.drawn import PLACEHOLDER, Room, drawing
from audionas.report.axes.scale import Bounds
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
_SIDE = 420  # units: the plot is square


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
    with drawing("predicted against measured milliseconds", _SIDE, _SIDE, Room(64, 30, 16, 46)) as drawn:
        for side in (drawn.across, drawn.up):
            side(min(values), max(values), Bounds(), 6, "{:.4g}".format)
        drawn.titles("predicted, ms", "measured, ms")
        drawn.axes.plot(*[drawn.axes.get_xlim()] * 2, color=PLACEHOLDER["muted"], linewidth=1, dashes=(4, 4))
        words = [f"{name}: predicted {a:.4f} ms, measured {b:.4f} ms" for name, a, b in points]
        look = {"color": PLACEHOLDER["accent"], "alpha": 0.75, "linewidths": 0, "s": 64, "clip_on": False}
        place = [predicted for _, predicted, _ in points], [measured for *_, measured in points]
        drawn.axes.scatter(*place, gid=drawn.mark(each=words), **look)
        return drawn.html(style=f"max-width:{drawn.size[0]:.0f}px")
