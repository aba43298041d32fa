"""The results of a ranking study: `rank.csv`, `rank.json`, `rank.md` and a scatter plot in `rank.html`."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from audionas.core.files import write_json, write_text
from audionas.core.intervals import Interval
from audionas.core.reporter import Reporter, amount
from audionas.methods._score import STATISTICS
from audionas.report import html
from audionas.report.compare_charts import Spot, spots
from audionas.report.html import join, percent, section, table
from audionas.report.markdown import table as markdown_table
from audionas.report.markdown import text

AGAIN = "trained again"  # one training in place of the supernet, against the others: the ceiling
COST = "by "  # begins the name of a cost that orders, the more the better: any supernet has to surpass it


class Ranking(NamedTuple):
    """A study: one row per network, and the agreement of orders with the truth, by what orders.

    That is the supernet's accuracy, by kind of batch-norm statistics, its loss, and under names that begin
    with `COST` each cost; `AGAIN` compares one training with the mean of the others. `agreement[kind]` has
    the figures of `engine.agreement.order`, each with an interval by bootstrap over networks and supernets.
    """

    title: str
    rows: Sequence[Mapping[str, Any]]
    agreement: Mapping[str, Mapping[str, Any]]
    facts: Mapping[str, Any]


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
    lead = f"Agreement of the supernet's order with the {found.facts.get('truth', 'accuracies alone')}."
    parts = [section(found.title, table(head, rows), lead=lead)]
    for kind in map(str, STATISTICS):
        words = f"accuracy in the supernet ({kind} statistics) and alone"
        axes = "The horizontal axis is the accuracy in the supernet, the vertical axis the accuracy alone."
        parts.append(section(kind, _plot(found.rows, kind, words), lead=axes))
    facts = table(["", ""], [[name, str(value)] for name, value in (*reasons(found), *found.facts.items())])
    return html.page(found.title, join((*parts, section("How it was measured", facts))))


def _plot(rows: Sequence[Mapping[str, Any]], kind: str, name: str) -> Any:
    dots = [Spot(row[kind], row["alone"], f"{row['network']}: {row['macs']:,} MACs") for row in rows]
    return spots(dots, (percent, percent), name)
