"""The results of a ranking study: `rank.csv`, `rank.json`, `rank.md` and a scatter plot in `rank.html`."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from audionas.core.files import write_json, write_text
from audionas.core.intervals import Interval
from audionas.core.reporter import Reporter, amount
from audionas.methods._score import STATISTICS
from audionas.report import html
from audionas.report.advice.box import Advice, box
from audionas.report.advice.intervals import of_rank
from audionas.report.advice.surpassed import surpassed
from audionas.report.axes.scale import SHARE
from audionas.report.compare_charts import Look, Plane, Spot, spots
from audionas.report.html import Html, join, percent, section, table
from audionas.report.markdown import table as markdown_table
from audionas.report.markdown import text

AGAIN = "trained again"  # one training in place of the supernet, against the others: the ceiling
COST = (
    "by "  # begins the name of a cost or proxy that orders, the more the better: supernets have to surpass it
)


class Ranking(NamedTuple):
    """A study: one row per network, and the agreement of orders with the truth, by what orders.

    That is the supernet's accuracy, by kind of batch-norm statistics, its loss, and under names that begin
    with `COST` each cost and each proxy of untrained networks; `AGAIN` compares one training with the mean of
    the others. `agreement[kind]` has the figures of `engine.agreement.order`, each with an interval by
    bootstrap over networks and supernets.
    `clips` is the number on which each network was tested alone, and `classes` of these: 0 where unknown.
    """

    title: str
    rows: Sequence[Mapping[str, Any]]
    agreement: Mapping[str, Mapping[str, Any]]
    facts: Mapping[str, Any]
    clips: int = 0
    classes: int = 0


def save(found: Ranking, folder: Path) -> None:
    """Write all four files."""
    write_json(folder / "rank.json", found._asdict())
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(found.rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(found.rows)
    write_text(folder / "rank.csv", stream.getvalue())
    write_text(folder / "rank.md", markdown(found))
    write_text(folder / "rank.html", page(found))


def markdown(found: Ranking) -> str:
    """The Markdown text: one row per kind of statistics, then the conditions of the measurement."""
    head, rows = lines(found)
    facts = [f"- {text(f'{name}: {value}')}" for name, value in (*reasons(found), *found.facts.items())]
    return "\n".join([f"# {text(found.title)}", "", markdown_table(head, rows, numbers=True), "", *facts, ""])


def lines(found: Ranking) -> tuple[list[str], list[list[str]]]:
    """Head and rows; accuracies and regrets in points, 95 % intervals in brackets where there are any."""
    names = [name for name in next(iter(found.agreement.values())) if name not in ("mean", "sd")]
    rows = []
    for kind, told in found.agreement.items():
        cells = [_figure(told.get(name), 100 if name.startswith("regret") else 1) for name in names]
        unlike = kind.startswith(COST) or kind.endswith(" loss")  # no accuracies
        accuracy = "-" if unlike else f"{100 * told['mean']:.1f} ± {100 * told['sd']:.1f}"
        rows.append([kind, *cells, accuracy])
    return ["ordered by", *names, "accuracy %"], rows


def _figure(told: Mapping[str, Any] | None, unit: float) -> str:
    if told is None or told["value"] is None:
        return "-"
    value, interval = unit * told["value"], Interval.read(told)
    if interval.ends is None:
        return f"{value:.3f}"
    return f"{value:.2f} [{interval.words(lambda end: f'{unit * end:.2f}', ', ')}]"


def reasons(found: Ranking) -> list[tuple[str, str]]:
    """The figures without an interval, by the reason: (name, words); not those of a whole table."""
    why: dict[str, dict[str, None]] = {}
    for told in found.agreement.values():
        for name, figure in told.items():
            if isinstance(figure, Mapping) and figure.get("interval_why"):
                why.setdefault(Interval.read(figure).words(str), {})[name] = None
    return [("intervals", f"{words} ({', '.join(names)})") for words, names in why.items()]


def show(found: Ranking, reporter: Reporter) -> None:
    """Print the table on standard error, like all progress; of intervals only that of tau-b."""
    head, rows = lines(found)
    rows = [[*row[:2], *(cell.partition(" [")[0] for cell in row[2:])] for row in rows]
    reporter.table(head, rows, title=f"{found.title}: {amount(len(found.rows), 'network')}")
    for _, words in reasons(found):
        reporter.note(f"95 % interval {words}")


def page(found: "Ranking") -> str:
    """The file's text."""
    head, rows = lines(found)
    lead = f"Agreement of each order with the {found.facts.get('truth', 'accuracies alone')}."
    parts = [_title(found), box(_advice(found)), section("Agreement", table(head, rows), lead=lead)]
    for kind in (k for k in map(str, STATISTICS) if k in found.agreement):
        parts.append(
            section(f"{kind[:1].upper()}{kind[1:]} statistics", _plot(found, kind), lead=_read(found))
        )
    facts = table(["", ""], [[name, str(value)] for name, value in (*reasons(found), *found.facts.items())])
    return html.page(found.title, join((*parts, section("How it was measured", facts))))


def _title(found: "Ranking") -> Html:
    scored = "each scored in the supernet and trained alone"
    if not any(kind in found.agreement for kind in STATISTICS):
        scored = "each scored untrained and trained alone"
    count = f"{amount(len(found.rows), 'network')}, {scored}."
    return html.header("audionas ranking", found.title, count, [str(found.facts.get("command", ""))])


def _advice(found: "Ranking") -> Iterator[Advice | None]:
    typed, epochs = str(found.facts.get("command", "")), int(found.facts.get("supernet epochs", 0))
    tau = {kind: told.get("kendall", {}).get("value") for kind, told in found.agreement.items()}
    supernet = {kind: tau[kind] for kind in map(str, STATISTICS) if kind in tau}
    costs = {kind: value for kind, value in tau.items() if kind.startswith(COST) and ", all " not in kind}
    yield surpassed(supernet, costs, found.title, epochs, typed)
    yield of_rank(len(found.rows), [words for _, words in reasons(found)], typed)


def _read(found: "Ranking") -> str:
    """How to read a plot."""
    lead = "Each dot is a network."
    if found.clips:
        lead += f" The bar at the right is what the draw of {found.clips:,} examples alone allows (95 %)."
    if found.classes:
        lead += f" Guessing is right in {percent(1 / found.classes)} (dotted, where in reach)."
    return lead


def _plot(found: "Ranking", kind: str) -> Html:
    dots = [Spot(row[kind], row["alone"], f"{row['network']}: {row['macs']:,} MACs") for row in found.rows]
    titles = (f"accuracy in the supernet ({kind} statistics), %", "accuracy alone, %")
    chance = 1 / found.classes if found.classes else None
    plane = Plane((percent, percent), titles, SHARE)
    return spots(dots, plane, f"{titles[1]} against {titles[0]}", Look(chance=chance, clips=found.clips))
