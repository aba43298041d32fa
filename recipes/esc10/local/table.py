"""Prints the README's table from exp/: one row per network and seed, and differences from the baselines."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np

from audionas.core.files import read_json
from audionas.core.intervals import Interval
from audionas.engine.metrics import macro_f1, macro_f1_interval, paired_macro_f1

EXP = Path("exp")
FOLDS = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Run:
    """A network with one seed: its finished folds, and its answers on their test clips, fold by fold."""

    network: str
    seed: str
    folders: Mapping[int, Path]

    def cost(self, name: str) -> list[int]:
        """One cost for each fold's network."""
        return [read_json(folder / "cost.json")[name] for folder in self.folders.values()]

    def answers(self, folds: Sequence[int]) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Answers and truth as class indices (n,), and source recordings, of all test clips of some folds."""
        rows = [row for n in folds for row in read_json(self.folders[n] / "scores.json")]
        number = {label: i for i, label in enumerate(sorted({row["truth"] for row in rows}))}
        unknown = len(number)  # an answer that is never the truth
        answers = [number.get(row["label"], unknown) for row in rows]
        return np.array(answers), np.array([number[r["truth"]] for r in rows]), [r["speaker"] for r in rows]


def main() -> None:
    """Print a table of all finished runs, then each searched network against the hand-made ones."""
    runs = finished()
    if not runs:
        sys.exit("no finished run in exp/; start with run.sh")
    folds = " | ".join(f"F1 % fold {n}" for n in FOLDS)
    print(f"| network | seed | {folds} | F1 %, all folds | accuracy % | parameters | M multiply-adds |")
    print("| --- " * (len(FOLDS) + 6) + "|")
    for run in runs:
        print(row(run))
    print()
    for run in runs:
        for base in runs:
            searched = any((folder / "search").is_dir() for folder in run.folders.values())
            made = not any((folder / "search").is_dir() for folder in base.folders.values())
            if searched and made and run.seed == base.seed and run.folders.keys() & base.folders.keys():
                print(against(run, base))


def finished() -> list[Run]:
    """Every network and seed with some evaluated fold, by name."""
    found: dict[tuple[str, str], dict[int, Path]] = {}
    for folder in sorted(EXP.glob("*_fold[1-5]_*")):
        name, _, rest = folder.name.rpartition("_fold")
        if (folder / "scores.json").exists() and (folder / "cost.json").exists():
            found.setdefault((name, rest[2:]), {})[int(rest[0])] = folder
    return [Run(name, seed, folders) for (name, seed), folders in found.items()]


def row(run: Run) -> str:
    """F1 with its interval per fold and over all test clips together, and costs."""
    each = [percent(*run.answers([n])) if n in run.folders else "-" for n in FOLDS]
    folds = list(run.folders)
    answers, truth, recordings = run.answers(folds)
    whole = percent(answers, truth, recordings)
    if len(folds) < len(FOLDS):
        whole = "-"
    cells = [run.network, run.seed, *each, whole, f"{100 * np.mean(answers == truth):.1f}"]
    macs = span([count / 1e6 for count in run.cost("macs")], "{:.2f}")
    return f"| {' | '.join([*cells, span(run.cost('params'), '{:,.0f}'), macs])} |"


def percent(answers: np.ndarray, truth: np.ndarray, recordings: list[str]) -> str:
    """Macro F1 with its interval over source recordings."""
    interval = macro_f1_interval(answers, truth, recordings).words(lambda end: f"{100 * end:.1f}", ", ")
    return f"{100 * macro_f1(answers, truth):.1f} [{interval}]"


def against(run: Run, base: Run) -> str:
    """The paired difference of macro F1 on the folds that both have, and the share of multiply-adds saved."""
    folds = sorted(run.folders.keys() & base.folders.keys())
    mine, truth, recordings = run.answers(folds)
    theirs, same, speakers = base.answers(folds)
    if not np.array_equal(truth, same) or recordings != speakers:
        sys.exit(f"{run.network} and {base.network} were not tested on the same clips")
    found = paired_macro_f1(mine, theirs, truth, recordings)
    points, interval = 100 * found["difference"], Interval.read(found).words(lambda end: f"{100 * end:+.1f}")
    macs = [mean(read_json(r.folders[n] / "cost.json")["macs"] for n in folds) for r in (run, base)]
    return (
        f"- {run.network} - {base.network}, seed {run.seed}, folds {', '.join(map(str, folds))}: macro F1 "
        f"{points:+.1f} points (95 % interval {interval}), "
        f"multiply-adds {100 * (macs[0] / macs[1] - 1):+.1f} %"
    )


def span(values: Sequence[float], form: str) -> str:
    """One value, or the smallest and the largest."""
    low, high = form.format(min(values)), form.format(max(values))
    return low if low == high else f"{low} to {high}"


main()
