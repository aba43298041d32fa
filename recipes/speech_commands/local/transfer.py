"""Prints the transfer study as Markdown and writes exp/transfer.md and exp/transfer.csv.

python local/transfer.py SEED ...
"""

import csv
import sys
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from audionas.core.files import atomic, read_json, write_text
from audionas.core.intervals import Interval
from audionas.core.reporter import read_rows
from audionas.engine.metrics import over_seeds, paired

EXP = Path("exp")
RUNS = {
    "scratch": "from scratch",
    "inherited": "from the supernet's weights",
    "frozen": "the same, all but the last layer frozen",
    "distilled": "from scratch, with the teacher",
    "both": "from the supernet's weights, with the teacher",
    "tuned": "from scratch, with the teacher, weight 0.9, T 2",
    "longer": "from scratch, five times the epochs",
    "longer_tuned": "the same, with the teacher, weight 0.9, T 2",
    "teacher": "the teacher itself",
}


def main(seeds: list[str]) -> None:
    """Write one row per kind of training with its difference to scratch, and a CSV row per run."""
    runs = {kind: [EXP / f"transfer_{kind}_{seed}" for seed in seeds] for kind in RUNS}
    head = "training | seeds | epochs | dev % | test %, mean ± sd (95 % t-interval) | - scratch, points"
    lines = [f"| {head} | train s |", "|---|---:|---:|---:|---:|---:|---:|"]
    lines += [row(kind, folders, runs["scratch"]) for kind, folders in runs.items()]
    lines += ["", *facts(runs)]
    print("\n".join(lines))
    write_text(EXP / "transfer.md", "\n".join(lines) + "\n")
    rows = [one(kind, seed, folder) for kind in RUNS for seed, folder in zip(seeds, runs[kind], strict=True)]
    with atomic(EXP / "transfer.csv") as draft, draft.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def row(kind: str, folders: list[Path], scratch: list[Path]) -> str:
    """The row of one kind of training over its seeds."""
    told = [one(kind, "", folder) for folder in folders]
    accuracy = over_seeds([run["test"] for run in told], (0, 100))
    half = f" ({Interval.read(accuracy).words('{:.1f}'.format)})"
    spread = half if accuracy["sd"] is None else f" ± {accuracy['sd']:.1f}{half}"
    dev, seconds = (mean(run[key] for run in told) for key in ("dev", "seconds"))
    difference = "" if kind == "scratch" else against(folders, scratch)
    cells = (RUNS[kind], len(folders), told[0]["epochs"], f"{dev:.1f}")
    shown = (*cells, f"{accuracy['mean']:.1f}{spread}", difference, f"{seconds:.0f}")
    return f"| {' | '.join(map(str, shown))} |"


def one(kind: str, seed: str, folder: Path) -> dict[str, Any]:
    """The figures of a run."""
    result, done = read_json(folder / "eval.json"), read_json(folder / "train" / "done.json")
    return {
        "training": kind,
        "seed": seed,
        "arch": result["arch"],
        "epochs": done["epochs"],
        "dev": round(100 * done["valid_accuracy"], 3),
        "test": round(100 * result["accuracy"], 3),
        "log_loss": round(result["log_loss"], 4),
        "seconds": round(sum(r["seconds"] for r in read_rows(folder / "train" / "metrics.jsonl")), 1),
        "git": read_json(folder / "train" / "env.json")["git"],
    }


def against(folders: list[Path], scratch: list[Path]) -> str:
    """Mean correctness over seeds minus that from scratch, on the same clips; bootstrap over speakers."""
    speakers = [r["speaker"] for r in read_json(scratch[0] / "scores.json")]
    found = paired(right(folders), right(scratch), speakers)
    interval = Interval.read(found).words(lambda end: f"{100 * end:+.1f}", ", ")
    return f"{100 * found['difference']:+.1f} [{interval}]"


def right(folders: list[Path]) -> np.ndarray:
    """For each test clip, the share of seeds that name it correctly."""
    rows = [read_json(folder / "scores.json") for folder in folders]
    return np.mean([[r["label"] == r["truth"] for r in answers] for answers in rows], axis=0)


def facts(runs: dict[str, list[Path]]) -> list[str]:
    """The conditions of the measurement."""
    folder = runs["scratch"][0]
    result, env = read_json(folder / "eval.json"), read_json(folder / "train" / "env.json")
    commits = {read_json(f / "train" / "env.json")["git"]: None for some in runs.values() for f in some}
    supernets = [EXP / run.name.replace("scratch", "supernet") for run in runs["scratch"]]
    seconds = mean(sum(r["seconds"] for r in read_rows(f / "search" / "metrics.jsonl")) for f in supernets)
    taken = read_json(runs["inherited"][0] / "model" / "bundle.json")["note"]["init"]
    return [
        f"- scored on {result['n']} clips of {result['speakers']} speakers of {result['data']}",
        f"- architecture: {result['arch']}; tensors taken from its supernet: {taken['taken']}, "
        f"new: {len(taken['new'])}",
        f"- a supernet took {seconds:.0f} s, mean over seeds",
        f"- commits {', '.join(commits)}, torch {env['torch']}, {env['machine']}",
        "- brackets: 95 % by bootstrap over speakers, mean over seeds, paired on the same clips",
    ]


if __name__ == "__main__":
    main(sys.argv[1:] or ["0", "1", "2"])
