"""Prints the README's table from exp/: one row per network, and paired differences between networks."""

import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean

import numpy as np

from audionas.core.files import read_json
from audionas.core.intervals import Interval
from audionas.core.reporter import read_rows
from audionas.engine.metrics import over_seeds, paired

EXP = Path("exp")


def main() -> None:
    """Print a table of all finished runs, then each searched family against two hand-made networks."""
    runs = defaultdict(list)
    for folder in sorted(EXP.glob("*_[0-9]*")):
        if (folder / "cost.json").exists():
            runs[folder.name.rpartition("_")[0]].append(folder)
    if not runs:
        sys.exit("no finished run in exp/; start with local/table.sh")
    head = "network | seeds | dev % | test %, mean ± sd (95 % t-interval) | test % per seed [bootstrap]"
    print(f"| {head} | parameters | M multiply-adds | ONNX µs | search s | train s |")
    print("| --- " * 10 + "|")
    for name, folders in runs.items():
        print(row(name, folders))
    for base in ("tc_resnet8", "bc_resnet1"):
        for name, folders in runs.items():
            if base in runs and (folders[0] / "search").is_dir():
                print(against(name, folders, base, runs[base]))


def row(name: str, folders: list[Path]) -> str:
    """The row of a network over its seeds."""
    tests = [read_json(f / "eval.json") for f in folders]
    accuracy = over_seeds([100 * t["accuracy"] for t in tests], (0, 100))
    half = f" ({Interval.read(accuracy).words('{:.1f}'.format)})"
    spread = f" ± {accuracy['sd']:.1f}" if accuracy["sd"] is not None else ""
    each = "; ".join(
        f"{100 * t['accuracy']:.1f} [{Interval.read(t).words(lambda end: f'{100 * end:.1f}', ', ')}]"
        for t in tests
    )
    shown = [read_json(f / "cost.json") for f in folders]
    latency = mean(1000 * c["latency_ms"]["p50_ms"] for c in shown)
    dev = mean(100 * read_json(f / "train" / "done.json")["valid_accuracy"] for f in folders)
    return (
        f"| {name} | {len(folders)} | {dev:.1f} | {accuracy['mean']:.1f}{spread}{half} | {each} | "
        f"{span([c['params'] for c in shown], '{:,.0f}')} | "
        f"{span([c['macs'] / 1e6 for c in shown], '{:.2f}')} | "
        f"{latency:.0f} | {seconds(folders, 'search')} | {seconds(folders, 'train')} |"
    )


def against(name: str, folders: list[Path], base: str, others: list[Path]) -> str:
    """Paired bootstrap over speakers of the mean correctness over seeds, on the same clips."""
    mine, theirs = right(folders), right(others)
    speakers = [r["speaker"] for r in read_json(folders[0] / "scores.json")]
    found = paired(mine, theirs, speakers)
    interval = Interval.read(found).words(lambda end: f"{100 * end:+.1f}")
    return f"{name} - {base}: {100 * found['difference']:+.1f} points (95 % interval {interval})"


def right(folders: list[Path]) -> np.ndarray:
    """For each test clip, the share of seeds that name it correctly."""
    return np.mean(
        [[r["label"] == r["truth"] for r in read_json(f / "scores.json")] for f in folders], axis=0
    )


def seconds(folders: list[Path], phase: str) -> str:
    """Mean seconds of a phase's epochs, or a dash where there was none."""
    sums = [sum(r["seconds"] for r in read_rows(f / phase / "metrics.jsonl")) for f in folders]
    return f"{mean(sums):.0f}" if any(sums) else "-"


def span(values: list[float], form: str) -> str:
    """One value, or the smallest and the largest."""
    low, high = form.format(min(values)), form.format(max(values))
    return low if low == high else f"{low} to {high}"


main()
