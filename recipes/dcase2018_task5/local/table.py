"""Prints tables from exp/: macro F1 on the four folds, F1 per class, the evaluation set by nodes."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from audionas.core.files import read_json
from audionas.core.intervals import Interval
from audionas.prep.dcase2018 import FOLDS, LABELS

EXP = Path("exp")
PARTS = ("unknown", "known", "all")  # parts of the evaluation set; the challenge ranks by the first


@dataclass(frozen=True)
class Run:
    """A network with one seed: the result of `audionas eval` for each fold and part of the evaluation."""

    network: str
    seed: str
    results: Mapping[str, Mapping[str, Any]]

    @property
    def complete(self) -> bool:
        """True where all four folds are evaluated."""
        return all(str(fold) in self.results for fold in FOLDS)

    def f1(self, part: str) -> list[float]:
        """The F1 of each class on a part, in percent, without classes that have no segments there."""
        rows = self.results[part]["per_class"]
        return [100 * rows[label]["f1"] for label in LABELS if rows[label]["n"]]


def main() -> None:
    """Print one table over the folds, one over classes, one for the evaluation set."""
    runs = finished()
    if not runs:
        sys.exit("no finished run in exp/; start with run.sh")
    print(
        "Development set: macro F1 in percent with its interval over sessions, and the mean over the folds\n"
    )
    show(
        ["network", "seed", *(f"fold {n}" for n in FOLDS), "mean", "parameters", "M multiply-adds"],
        map(row, runs),
    )
    print("\nDevelopment set: F1 per class in percent, the mean over the folds\n")
    whole = [run for run in runs if run.complete]
    show(["network", "seed", *LABELS], ([run.network, run.seed, *classes(run)] for run in whole))
    print("\nEvaluation set, after training on the development set: macro F1 in percent with its interval\n")
    told = [run for run in runs if set(PARTS) <= run.results.keys()]
    show(
        ["network", "seed", "unknown nodes", "known nodes", "all nodes"],
        ([run.network, run.seed, *(percent(run, part) for part in PARTS)] for run in told),
    )


def finished() -> list[Run]:
    """Every network and seed with some evaluated part, by name."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for folder in sorted(EXP.glob("*_fold*_*")):
        name, _, rest = folder.name.rpartition("_fold")
        fold, _, seed = rest.partition("_")
        parts = {part: part for part in PARTS} if fold == "full" else {fold: "test"}
        for part, file in parts.items():
            if (result := folder / "eval" / f"{file}.json").exists():
                cost = read_json(folder / "cost.json")
                found.setdefault((name, seed), {})[part] = {**read_json(result), "cost": cost}
    return [Run(name, seed, results) for (name, seed), results in found.items()]


def row(run: Run) -> list[str]:
    """Macro F1 on each fold, their mean as the challenge defines it, and costs."""
    folds = [str(fold) for fold in FOLDS]
    each = [percent(run, fold) if fold in run.results else "-" for fold in folds]
    whole = f"{mean(mean(run.f1(fold)) for fold in folds):.2f}" if run.complete else "-"
    costs = [result["cost"] for result in run.results.values()]
    params = span([cost["params"] for cost in costs], "{:,.0f}")
    return [
        run.network,
        run.seed,
        *each,
        whole,
        params,
        span([cost["macs"] / 1e6 for cost in costs], "{:.2f}"),
    ]


def percent(run: Run, part: str) -> str:
    """Macro F1 on a part with its interval."""
    interval = Interval.read(run.results[part], "macro_f1_interval")
    return f"{mean(run.f1(part)):.2f} [{interval.words(lambda end: f'{100 * end:.1f}', ', ')}]"


def classes(run: Run) -> list[str]:
    """The mean over the folds of each class's F1; a fold without that class does not count."""
    found = []
    for label in LABELS:
        rows = [run.results[str(fold)]["per_class"][label] for fold in FOLDS]
        f1 = [100 * row["f1"] for row in rows if row["n"]]
        found.append(f"{mean(f1):.2f}" if f1 else "-")
    return found


def show(head: Sequence[str], rows: Any) -> None:
    """Print a Markdown table."""
    print(f"| {' | '.join(head)} |")
    print("| --- " * len(head) + "|")
    for cells in rows:
        print(f"| {' | '.join(cells)} |")


def span(values: Sequence[float], form: str) -> str:
    """One value, or the smallest and the largest."""
    low, high = form.format(min(values)), form.format(max(values))
    return low if low == high else f"{low} to {high}"


main()
