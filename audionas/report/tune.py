"""What tuning found, in words and tables: for the terminal and for the report."""

from collections.abc import Mapping, Sequence
from typing import Any

from audionas.core.reporter import amount
from audionas.models.listener import Rule
from audionas.report import tune_chart
from audionas.report.html import Html, percent, section, table, tag

_Table = tuple[Sequence[str], list[Sequence[object]]]


def setting(row: Mapping[str, Any]) -> str:
    """One line: what was heard, by which file, under which rule."""
    need, of = row["rule"]["patience"]
    rule = Rule(row["rule"]["smooth"], row["rule"]["refractory_s"], (need, of))
    return (
        f"{row['file']}: {amount(row['clips'], 'clip')} (drawn by {row['clips_drawn_by']}), "
        f"{row['hours']:.3g} h without a keyword in {amount(row['recordings'], 'recording')} "
        f"(drawn by {row['negatives_drawn_by']}); "
        f"{rule.words()}; a score every {1000 * row['hop_s']:g} ms"
    )


def words_table(row: Mapping[str, Any]) -> _Table:
    """A row for each keyword, and their sum where there are several."""
    head = ("Keyword", "Threshold", "Clips", "Rejected (95 %)", "False accepts", "An hour (95 %)")
    lines = [
        (word, f"{found['threshold']:.6g}", f"{found['clips']:,}", *_figures(found))
        for word, found in row["words"].items()
    ]
    if len(lines) > 1:
        lines.append(("all", "", f"{row['clips']:,}", *_figures(row["sum"])))
    return head, [*lines]


def rates_table(rows: Sequence[Mapping[str, Any]]) -> _Table:
    """A row for each file: clips rejected at the rates of false accepts that its hours can carry."""
    rates = [at["fa_per_hour"] for at in rows[0]["at"]]
    head = ("File", *(f"Rejected at {rate:g} FA/h" for rate in rates), "At the thresholds")
    lines = []
    for row in rows:
        at = f"{percent(row['sum']['rejected'])} at {row['sum']['fa_per_hour']:.3g} FA/h"
        lines.append((row["file"], *(_rate(each, row["hours"]) for each in row["at"]), at))
    return head, [*lines]


def advice(row: Mapping[str, Any]) -> list[str]:
    """What the figures mean and what to do next."""
    total, hours, target = row["sum"], row["hours"], row["target"]
    words = ", ".join(f"{word} {found['threshold']:.4g}" for word, found in row["words"].items())
    if not row["met"]:
        return [
            f"{row['file']}: no threshold has {amount(target, 'false accept')} an hour or fewer: at {words} "
            f"there are still {total['fa_per_hour']:.3g}. Average over more hops (--smooth), ask for several "
            "(--patience), or train again with what it falls for (audionas mine)."
        ]
    were = "was" if total["accepts"] == 1 else "were"
    said = [
        f"{row['file']}: take {words}: {percent(total['rejected'])} of the clips are rejected, and "
        f"{amount(total['accepts'], 'false accept')} {were} heard in {hours:.3g} h "
        f"({total['fa_per_hour']:.3g} an hour)."
    ]
    if not total["accepts"]:
        said.append(f"None in {hours:.3g} h means at most {3 / hours:.3g} an hour (95 %).")
    if target * hours < 3:
        said.append(
            f"{hours:.3g} h of negatives cannot show {amount(target, 'false accept')} an hour: give at "
            f"least {3 / target:.3g} h."
        )
    said.append(
        "The thresholds were chosen on this audio: other audio will show somewhat more of both errors."
    )
    return said


def draw(result: Mapping[str, Any]) -> Html:
    """The report's section."""
    rows = result["files"]
    parts: list[object] = []
    if tune_chart.curves_of(rows):
        parts.append(tune_chart.svg(rows))
    parts.append(table(*rates_table(rows)))
    for row in rows:
        parts += [tag("h3", row["file"]), tag("p", setting(row), class_="lead"), table(*words_table(row))]
        parts.append(tag("p", " ".join(advice(row))))
    lead = (
        "The curve says how many clips of a keyword are rejected at the threshold that lets so many false "
        "accepts an hour through, each keyword by itself; lower and further left is better. Bands are 95 %, "
        "by bootstrap; in the shade there were too few hours to tell."
    )
    return section("Detecting", *parts, lead=lead)


def _figures(found: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = found["rejected_interval"]
    fewest, most = found["fa_interval"]
    return (
        f"{percent(found['rejected'])} ({100 * low:.1f} to {100 * high:.1f})",
        f"{found['accepts']:,}",
        f"{found['fa_per_hour']:.3g} ({fewest:.3g} to {most:.3g})",
    )


def _rate(at: Mapping[str, Any], hours: float) -> str:
    if not at["measurable"]:
        return f"not measurable with {hours:.3g} h"
    if at["rejected"] is None:
        return "not reached"
    low, high = at["rejected_interval"]
    return f"{percent(at['rejected'])} ({100 * low:.1f} to {100 * high:.1f})"
