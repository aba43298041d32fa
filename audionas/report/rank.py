"""What a ranking study found: `rank.csv`, `rank.json`, `rank.md` and a scatter plot in `rank.html`."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from audionas.config import Config
from audionas.core.arch import ArchSpec
from audionas.core.files import read_json, write_json, write_text
from audionas.core.reporter import Reporter
from audionas.cost.table import table
from audionas.engine.agreement import agreement, regret
from audionas.methods._score import STATISTICS
from audionas.report import rank_html as _rank_html
from audionas.zoo.find import told as words_of

SHOWN = ("kendall", "spearman")
AGAIN = "trained again"  # a second training in the place of the supernet
COST = "by cost"  # more of it taken for better: what any supernet has to surpass


class Ranking(NamedTuple):
    """A study: a row a network, and by kind of batch-norm statistics how well the orders agree.

    `agreement[kind]` has Kendall's tau-b, Spearman's rho and for each k the regret: the best accuracy of
    all less the best among the supernet's first k. Each has its interval by bootstrap over networks. The
    supernet is held against the mean of a network's trainings, and so is the cost that networks are spread
    over, under `COST`; `AGAIN` is the second training against the first.
    """

    title: str
    rows: Sequence[Mapping[str, Any]]
    agreement: Mapping[str, Mapping[str, Any]]
    facts: Mapping[str, Any]


def ranking(
    conf: Config,
    specs: Sequence[ArchSpec],
    scores: Mapping[str, Any],
    alone: Mapping[str, Sequence[float]],
    tested: str,
) -> Ranking:
    """Put together what was measured."""
    assert conf.rank is not None
    assert conf.space is not None
    costs = table(conf.space, specs[0].io, specs[0].scale)
    again = conf.rank.trainings > 1
    rows = [
        {
            "arch": spec.id,
            "network": words_of(spec),
            "macs": costs.of(spec, "macs"),
            "params": costs.of(spec, "params"),
            "alone": float(np.mean(alone[spec.id])),
            **{kind: scores[spec.id][kind]["accuracy"] for kind in STATISTICS},
            **({f"training {n}": value for n, value in enumerate(alone[spec.id], 1)} if again else {}),
        }
        for spec in specs
    ]
    found = {str(kind): _agreement(rows, kind, "alone", conf.rank.top) for kind in STATISTICS}
    found[COST] = _agreement(rows, conf.rank.strata, "alone", conf.rank.top)
    if again:
        found[AGAIN] = _agreement(rows, "training 2", "training 1", conf.rank.top)
    run = read_json(conf.folder / "search" / "env.json")
    facts = {
        "method": conf.raw["method"],
        "space": {"name": conf.space.name, **conf.raw["space"]},
        "networks": len(rows),
        "trainings of each": conf.rank.trainings,
        "scored on": tested,
        "seed": conf.general.seed,
        "supernet epochs": conf.search.epochs,
        "alone epochs": conf.train.epochs,
        **{key: run[key] for key in ("command", "git", "machine", "torch")},
    }
    return Ranking(conf.general.name, rows, found, facts)


def _agreement(
    rows: Sequence[Mapping[str, Any]], kind: str, truth: str, top: Sequence[int]
) -> dict[str, Any]:
    score, alone = (np.array([row[key] for row in rows], dtype=float) for key in (kind, truth))
    agreed = agreement(score.tolist(), alone.tolist())
    return {
        **{name: agreed[name] for name in SHOWN},
        **{f"regret@{k}": regret(score, alone, k) for k in top},
        "mean": float(score.mean()),
        "sd": float(score.std(ddof=1)),
    }


def save(found: Ranking, folder: Path) -> None:
    """Write all four files."""
    write_json(folder / "rank.json", found._asdict())
    text = io.StringIO()
    writer = csv.DictWriter(text, list(found.rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(found.rows)
    write_text(folder / "rank.csv", text.getvalue())
    write_text(folder / "rank.md", markdown(found))
    write_text(folder / "rank.html", _rank_html.page(found))


def markdown(found: Ranking) -> str:
    """A row a kind of statistics, then how it was measured."""
    head, rows = lines(found)
    table_ = [f"| {' | '.join(row)} |" for row in (head, ["---"] + ["---:"] * (len(head) - 1), *rows)]
    facts = [f"- {name}: {value}" for name, value in found.facts.items()]
    return "\n".join([f"# {found.title}", "", *table_, "", *facts, ""])


def lines(found: Ranking) -> tuple[list[str], list[list[str]]]:
    """Head and rows; accuracies and regrets in points, intervals of 95 % in brackets."""
    names = [name for name in next(iter(found.agreement.values())) if name not in ("mean", "sd")]
    rows = []
    for kind, told in found.agreement.items():
        cells = [_figure(told[name], 100 if name.startswith("regret") else 1) for name in names]
        accuracy = "-" if kind == COST else f"{100 * told['mean']:.1f} ± {100 * told['sd']:.1f}"
        rows.append([kind, *cells, accuracy])
    return ["ordered by", *names, "accuracy %"], rows


def _figure(told: Mapping[str, Any], unit: float) -> str:
    if told["value"] is None:
        return "-"
    low, high = (unit * end for end in told["interval"])
    return f"{unit * told['value']:.2f} [{low:.2f}, {high:.2f}]"


def show(found: Ranking, reporter: Reporter) -> None:
    """The table, on standard error as all progress."""
    head, rows = lines(found)
    reporter.table(head, rows, title=f"{found.title}: {len(found.rows)} networks")
