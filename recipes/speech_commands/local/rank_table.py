"""Prints the ranking studies as Markdown: one row per study and kind of statistics, then differences of tau.

python local/rank_table.py exp/rank_*_0
"""

import sys
from collections.abc import Mapping
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np

from audionas.core.bootstrap import rows
from audionas.core.errors import UserError
from audionas.core.files import read_json
from audionas.core.intervals import drawn as interval_of
from audionas.core.reporter import say, script
from audionas.core.rng import numpy_rng
from audionas.engine.agreement import kendall
from audionas.methods._score import STATISTICS
from audionas.report.markdown import table, text
from audionas.report.rank import Ranking, lines

PAIRED = "paired, 95 % by bootstrap over networks"
PAIRS = (  # compared studies of the same networks
    ("fair_nas", "spos_passes"),
    ("fair_nas", "spos_updates"),
    ("mix2", "mix2_plain"),
    ("mix4", "mix4_plain"),
    ("scarlet", "scarlet_plain"),
)


def main(folders: list[Path]) -> None:
    """Print all tables of the finished studies."""
    found = {folder.name: read_json(folder / "rank" / "rank.json") for folder in folders if done(folder)}
    if not found:
        raise UserError("no finished study among these folders; start with local/rank.sh")
    studies = {name.removeprefix("rank_").rpartition("_")[0]: Ranking(**raw) for name, raw in found.items()}
    head = lines(next(iter(studies.values())))[0]
    orders = [
        [name, study.facts["supernet epochs"], *row]
        for name, study in studies.items()
        for row in lines(study)[1]
    ]
    say(*table(["study", "epochs", *head], orders, numbers=True).splitlines(), "")
    say(
        *table(
            ["difference of tau-b", "statistics", PAIRED], differences(studies), numbers=True
        ).splitlines(),
        "",
    )
    for name, study in studies.items():
        alone = [100 * row["alone"] for row in study.rows]
        told = f"alone {np.mean(alone):.1f} ± {np.std(alone, ddof=1):.1f} %, commit {study.facts['git']}"
        say(f"- {text(f'{name}: {len(alone)} networks, {told}')}")


def differences(studies: Mapping[str, Ranking]) -> list[list[str]]:
    """The rows of two studies of the same networks, and of two orders in one study."""
    return [
        [f"{a} - {b}", kind, difference(studies[a], kind, studies[b], kind)]
        for (a, b), kind in product(PAIRS, STATISTICS)
        if a in studies and b in studies
    ] + [
        [name, f"{one} - {other}", difference(study, one, study, other)]
        for name, study in studies.items()
        for one, other in combinations((*STATISTICS, "macs"), 2)
    ]


def done(folder: Path) -> bool:
    """True where a study is finished."""
    return (folder / "rank" / "rank.json").exists()


def difference(a: Ranking, kind: str, b: Ranking, other: str) -> str:
    """Tau of one study minus that of another, over draws of the same networks."""
    assert [row["arch"] for row in a.rows] == [row["arch"] for row in b.rows]
    alone, first, second = (
        np.array([row[key] for row in study.rows]) for study, key in ((a, "alone"), (a, kind), (b, other))
    )

    def less(taken: Any) -> float:
        return kendall(first[taken], alone[taken]) - kendall(second[taken], alone[taken])

    drawn = np.array([less(taken) for taken in rows(len(alone), numpy_rng("rank table", len(alone)))])
    interval = interval_of(drawn[np.isfinite(drawn)], len(alone), "network").words("{:+.2f}".format, ", ")
    return f"{less(slice(None)):+.2f} [{interval}]"


if __name__ == "__main__":
    with script():
        main([Path(word) for word in sys.argv[1:]])
