"""A ranking study as a page: a scatter plot for each kind of batch-norm statistics, and the table."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audionas.methods._score import STATISTICS
from audionas.report import page as _page
from audionas.report.compare_charts import Spot, spots
from audionas.report.html import join, percent, section, table

if TYPE_CHECKING:
    from audionas.report.rank import Ranking


def page(found: "Ranking") -> str:
    """The file's text."""
    from audionas.report.rank import lines

    head, rows = lines(found)
    lead = "How well the supernet's accuracies order networks that were also trained alone."
    parts = [section(found.title, table(head, rows), lead=lead)]
    for kind in map(str, STATISTICS):
        words = f"accuracy in the supernet ({kind} statistics) and alone"
        parts.append(section(kind, _plot(found.rows, kind, words), lead=f"Across: {words}, upwards."))
    facts = table(["", ""], [[name, str(value)] for name, value in found.facts.items()])
    return _page.page(found.title, join((*parts, section("How it was measured", facts))))


def _plot(rows: Sequence[Mapping[str, Any]], kind: str, name: str) -> Any:
    dots = [Spot(row[kind], row["alone"], f"{row['network']}: {row['macs']:,} MACs") for row in rows]
    return spots(dots, (percent, percent), name)
