"""The report's sections about the course of a run: option histories, learning curves, provenance."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from audionas.core.arch import ArchSpec
from audionas.core.records.decided import CLOSE, DecidedRecord
from audionas.core.reporter import amount, clock
from audionas.report import charts as drawing
from audionas.report.html import Html, bar, join, percent, section, table, tag
from audionas.report.paint import Paint, legend, paints

Rows = Sequence[Mapping[str, Any]]


class Panel(NamedTuple):
    """One chart: a title with the unit and its metrics with their names in the legend.

    `share` is for figures from 0 to 1 of which the most is the best.
    """

    title: str
    metrics: Mapping[str, str]
    share: bool = False


PANELS = (
    Panel("Loss", {"loss": "training", "valid_loss": "validation"}),
    Panel("Accuracy, %", {"accuracy": "training", "valid_accuracy": "validation"}, share=True),
    Panel("Average viable recall, %", {"valid_average_viable_recall": "validation"}, share=True),
    Panel("Entropy of the options, nats", {"alpha_entropy": ""}),
    Panel("Share of operations without weights", {"parameter_free": ""}),
    Panel("Alpha's gradient from the data", {"gradient_data": ""}),
    Panel("Alpha's gradient from the zero-one loss", {"gradient_zero_one": ""}),
    Panel("Expected cost", {"cost": ""}),
    Panel("Learning rate", {"lr": ""}),
)
_COLOURS = {"training": "accent", "validation": "second", "": "other"}


def curves(title: str, rows: Rows, *, classes: int = 0, clips: int = 0) -> Html:
    """Learning curves of a search or a training, one chart per panel that has numbers.

    `classes` and the number of development `clips` give accuracies their chance and band; 0 where unknown.
    """
    shares = drawing.Shares(1 / classes if classes else None, clips)
    epochs = [row["epoch"] + 1 for row in rows]
    charts = [chart for panel in PANELS if (chart := _panel(title, panel, epochs, rows, shares))]
    seconds = sum(row.get("seconds", 0.0) for row in rows)
    lead = f"{amount(len(rows), 'epoch')} in {clock(seconds)}; epochs run from left to right."
    if clips:
        lead += f" Bands are what the draw of {clips:,} development clips alone allows (95 %)."
    key = legend((name, Paint(colour)) for name, colour in _COLOURS.items() if name)
    return section(f"{title} curves", key, tag("div", *charts, class_="grid"), lead=lead)


def history(rows: Rows, spec: ArchSpec | None) -> Html:
    """Each choice's option probabilities over the epochs of the search."""
    epochs = [row["epoch"] + 1 for row in rows]
    last = rows[-1]["probabilities"]
    options = list(dict.fromkeys(option for shares in last.values() for option in shares))
    colours = paints(options)
    figures = []
    for name, shares in last.items():
        over = {option: [row["probabilities"][name][option] for row in rows] for option in shares}
        picture = drawing.history(epochs, over, colours, f"Option probabilities of {name} over the search")
        taken = spec.choices.get(name, ()) if spec else ()
        figures.append(
            tag("figure", tag("figcaption", tag("b", name), _taken(taken, shares, colours)), picture)
        )
    lead = (
        "The probability of each choice's options over the epochs of the search. The caption names the "
        "options that were taken, with their last probabilities."
    )
    if any(_apart(shares) for shares in last.values()):
        lead += (
            " They do not sum to one, and where the next layer normalises, all those of a choice have a "
            "common factor that changes nothing: in brackets is the ratio to the strongest, which does."
        )
    key = legend((option, colours[option]) for option in options)
    return section("Course of the search", key, tag("div", *figures, class_="grid"), lead=lead)


def decided(record: DecidedRecord) -> Html:
    """The margins by which the choices were taken, as bars, and what they say of the search."""
    rows = [
        (
            name,
            join((f"{margin:.3f}", bar(margin, "second" if margin < CLOSE else "accent"))),
            _verdict(margin),
        )
        for name, margin in record.margins.items()
    ]
    lead = (
        f"The search is {record.words}. A margin is the lead of what was taken over the next, in shares; "
        "for independent sigmoids, the way to the threshold that one would have to cross."
    )
    advice = tag("p", record.advice) if record.advice else Html()
    return section("How decided it is", advice, table(("choice", "margin", ""), rows), lead=lead)


def _verdict(margin: float) -> str:
    return "" if margin >= CLOSE else "close"


def provenance(title: str, env: Mapping[str, Any], config: str) -> Html:
    """The command, the seed, versions and machine of one step, and its resolved configuration."""
    parts = [tag("h3", title)]
    if "command" in env:
        parts.append(tag("pre", tag("code", env["command"]), class_="command"))
    facts = [(key, value) for key, value in env.items() if key != "command" and value not in (None, "")]
    if facts:
        named = (join((tag("dt", key.replace("_", " ")), tag("dd", _words(value)))) for key, value in facts)
        parts.append(tag("dl", *named, class_="facts"))
    if config:
        parts.append(
            tag("details", tag("summary", "Resolved configuration"), tag("pre", tag("code", config)))
        )
    return tag("div", *parts)


def _panel(step: str, panel: Panel, epochs: list[int], rows: Rows, shares: drawing.Shares) -> Html:
    """The panel's chart, or nothing where no row has a number for it."""
    series, colours = {}, []
    for key, kind in panel.metrics.items():
        x, y = drawing.finite(epochs, [row.get(key) for row in rows])
        if x:
            series[kind] = (x, y)
            colours.append(_COLOURS[kind])
    if not series:
        return Html()
    kind, (x, y) = list(series.items())[-1]
    note = f"{kind} {drawing.short(y[-1])} at the end".lstrip()
    known = shares if panel.title.startswith("Accuracy") else drawing.Shares()
    if panel.share:
        peak = max(range(len(y)), key=y.__getitem__)
        note = f"{kind} best {percent(y[peak])} (epoch\N{NO-BREAK SPACE}{x[peak]:.0f})"
    name = f"{step}: {panel.title.lower()} over epochs"
    picture = drawing.curves(series, colours, name, known if panel.share else None)
    return tag("figure", tag("figcaption", tag("b", panel.title), note), picture)


def _taken(taken: Sequence[str], shares: Mapping[str, float], colours: Mapping[str, Paint]) -> Html:
    words: list[object] = []
    most = max(shares.values())
    for option in taken:
        if option in shares:
            ratio = f"({shares[option] / most:.2f}) " if _apart(shares) and most else ""
            words += [
                tag("i", class_="swatch", style=colours[option].style),
                f"{option} {shares[option]:.2f} {ratio}",
            ]
    return join(words)


def _apart(shares: Mapping[str, float]) -> bool:
    """True for sigmoids, whose sum is not one."""
    return abs(sum(shares.values()) - 1) > 0.02


def _words(value: object) -> str:
    return ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, Mapping) else str(value)
