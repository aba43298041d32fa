"""The results of tuning in words and tables, for the terminal and for the report."""

from collections.abc import Mapping, Sequence
from typing import Any

from audionas.core.intervals import Interval
from audionas.core.reporter import amount
from audionas.models.listener import Rule
from audionas.report import tune_chart
from audionas.report.advice.hours import too_few_hours
from audionas.report.html import Html, percent, section, table, tag

PICOVOICE = "Picovoice: missed at 1 in 10 h"
_Table = tuple[Sequence[str], list[Sequence[object]]]


def setting(row: Mapping[str, Any]) -> str:
    """One line about the sound, the file and the rule."""
    need, of = row["rule"]["patience"]
    kind = row["rule"].get("kind", "plain")
    rule = Rule(row["rule"]["smooth"], row["rule"]["refractory_s"], (need, of), kind)
    return (
        f"{row['file']}: {amount(row['clips'], 'clip')} (drawn by {row['clips_drawn_by']}), "
        f"{row['hours']:.3g} h without a keyword in {amount(row['recordings'], 'recording')} "
        f"(drawn by {row['negatives_drawn_by']}); "
        f"{rule.words()}; one score per {1000 * row['hop_s']:g} ms"
    )


def words_table(row: Mapping[str, Any]) -> _Table:
    """One row per keyword, and their sum where there are several."""
    head = ("Keyword", "Threshold", "Clips", "Rejected (95 %)", "False accepts", "Per hour (95 %)")
    lines = [
        (word, f"{found['threshold']:.6g}", f"{found['clips']:,}", *_figures(found))
        for word, found in row["words"].items()
    ]
    if len(lines) > 1:
        lines.append(("all", "", f"{row['clips']:,}", *_figures(row["sum"])))
    return head, [*lines]


def rates_table(rows: Sequence[Mapping[str, Any]]) -> _Table:
    """One row per file: clips rejected at the rates of false accepts that its hours can measure."""
    rates = [at["fa_per_hour"] for at in rows[0]["at"]]
    head = ("File", *(f"Rejected at {rate:g} FA/h" for rate in rates), PICOVOICE, "At the thresholds")
    lines = []
    for row in rows:
        at = f"{percent(row['sum']['rejected'])} at {row['sum']['fa_per_hour']:.3g} FA/h"
        shown = [*row["at"], row.get("picovoice")]  # an earlier version had none
        lines.append((row["file"], *(_rate(each, row["hours"]) for each in shown), at))
    return head, [*lines]


def advice(row: Mapping[str, Any]) -> list[str]:
    """The meaning of the figures, and the next step."""
    total, hours, target = row["sum"], row["hours"], row["target"]
    words = ", ".join(f"{word} {found['threshold']:.4g}" for word, found in row["words"].items())
    if row.get("unheard"):
        return [*_unheard(row, words), *_at_start(row)]
    if not row["met"]:
        return [
            f"{row['file']}: no threshold reaches {amount(target, 'false accept')} per hour: at {words} "
            f"there are still {total['fa_per_hour']:.3g}. Average over more hops (--smooth), require several "
            "hops (--patience), or train again with the false accepts (audionas mine).",
            *_at_start(row),
        ]
    were = "was" if total["accepts"] == 1 else "were"
    said = [
        f"{row['file']}: use {words}: {percent(total['rejected'])} of the clips are rejected, and "
        f"{amount(total['accepts'], 'false accept')} {were} heard in {hours:.3g} h "
        f"({total['fa_per_hour']:.3g} per hour)."
    ]
    if not total["accepts"]:
        said.append(f"None in {hours:.3g} h means at most {3 / hours:.3g} per hour (one-sided 95 %).")
    said += [*_at_start(row), *filter(None, [too_few_hours(target, hours)])]
    bandless = {word: found["band_why"] for word, found in row["words"].items() if found.get("band_why")}
    if bandless:
        said.append(f"The curves of {', '.join(bandless)} have no band: {next(iter(bandless.values()))}.")
    said.append(
        "The thresholds were chosen on this audio: expect somewhat more of both errors on other audio."
    )
    return said


def _at_start(row: Mapping[str, Any]) -> list[str]:
    """A line for each keyword that most clips set off before it can have been said."""
    return [
        f"{row['file']}: NOT THE WORD. {found['at_start']} of {amount(found['clips'], 'clip')} of {word} "
        "reach the threshold as soon as they begin: the network hears silence end, and any sound that begins "
        "may set it off. Train for longer, or with more other sound."
        for word, found in row["words"].items()
        if 2 * found.get("at_start", 0) > found.get("clips", 0)
    ]


def _unheard(row: Mapping[str, Any], words: str) -> list[str]:
    """The advice for keywords that no threshold within the target hears."""
    lost, total = " and ".join(row["unheard"]), row["sum"]
    rate = Interval.read(total, "fa_interval").words("{:.3g}".format)
    return [
        f"{row['file']}: TARGET NOT MET. With {amount(row['target'], 'false accept')} per hour or fewer, "
        f"{lost} would never be heard: every clip is rejected. Kept instead is the strictest threshold that "
        f"hears it, {words}: {percent(total['rejected'])} of the clips are rejected, at "
        f"{total['fa_per_hour']:.3g} false accepts per hour ({rate}). Train for longer, with more clips, "
        "or again with the false accepts (audionas mine).",
        *filter(None, [too_few_hours(row["target"], row["hours"])]),
    ]


def draw(result: Mapping[str, Any]) -> Html:
    """The section of the report."""
    rows, deaf = result["files"], [tag("p", f"{line}.") for line in result.get("deaf", ())]
    if not rows:
        return section("Detecting", *deaf, lead="No file of this run hears its keyword at any threshold.")
    parts: list[object] = [*deaf, *_left_out(result.get("left_out"))]
    if tune_chart.curves_of(rows):
        parts.append(tune_chart.svg(rows))
    parts.append(table(*rates_table(rows)))
    for row in rows:
        parts += [tag("h3", row["file"]), tag("p", setting(row), class_="lead"), table(*words_table(row))]
        parts.append(tag("p", " ".join(advice(row))))
    lead = (
        "Each curve shows the share of a keyword's clips that are rejected at the threshold for a rate of "
        "false accepts per hour, each keyword by itself; lower and further left is better. Bands are 95 %, "
        "by bootstrap; in the shaded area there were too few hours to measure."
    )
    return section("Detecting", *parts, lead=lead)


def _left_out(found: Mapping[str, Any] | None) -> list[Html]:
    """The part that the negatives lost by their transcripts."""
    if not found:
        return []
    said = " or ".join(found["words"])
    lost = f"{amount(found['utterances'], 'utterance')} with {said}, {found['seconds']:.1f} s"
    return [tag("p", f"Left out of the negatives by their transcripts: {lost}.")]


def _figures(found: Mapping[str, Any]) -> tuple[str, ...]:
    per_hour = Interval.read(found, "fa_interval").words("{:.3g}".format)
    return _rejected(found), f"{found['accepts']:,}", f"{found['fa_per_hour']:.3g} ({per_hour})"


def _rejected(found: Mapping[str, Any]) -> str:
    """A share of clips with its interval."""
    interval = Interval.read(found, "rejected_interval").words(lambda end: f"{100 * end:.1f}")
    return f"{percent(found['rejected'])} ({interval})"


def _rate(at: Mapping[str, Any] | None, hours: float) -> str:
    if at is None:
        return "-"
    if not at["measurable"]:
        return f"not measurable with {hours:.3g} h"
    if at["rejected"] is None:
        return "not reached"
    return _rejected(at)
