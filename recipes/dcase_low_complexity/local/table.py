"""Prints the README's table from exp/: one row per network, training list and seed, accuracy by device."""

import sys
from pathlib import Path
from statistics import mean

from complexity import challenge_macs, most_bits

from audionas.core.files import read_json

EXP = Path("exp")
DEVICES = ("a", "b", "c", "s1", "s2", "s3", "s4", "s5", "s6")
UNSEEN = ("s4", "s5", "s6")  # in no training list


def main() -> None:
    """Print one Markdown table of all evaluated runs, by training list and network."""
    runs = [f.parent for f in EXP.glob("*_split*_*/eval.json") if (f.parent / "cost.json").exists()]
    if not runs:
        sys.exit("no finished run in exp/; start with run.sh")
    devices = " | ".join(DEVICES)
    print(
        f"| network | list % | seed | macro accuracy % | log loss | {devices} | unseen | parameters | bits "
        "| M multiply-adds |"
    )
    print("| --- " * (len(DEVICES) + 9) + "|")
    for folder in sorted(runs, key=order):
        print(row(folder))


def parts(folder: Path) -> tuple[str, str, str]:
    """Network, percentage of the list, and seed, from a run's name."""
    network, _, rest = folder.name.rpartition("_split")
    percent, _, seed = rest.partition("_")
    return network, percent, seed


def order(folder: Path) -> tuple[int, str, str]:
    """Sort key: small training lists first."""
    network, percent, seed = parts(folder)
    return int(percent), network, seed


def row(folder: Path) -> str:
    """Figures on the test list; accuracies by device in percent, `-` for a device without clips."""
    found, cost = read_json(folder / "eval.json"), read_json(folder / "cost.json")
    by_device = {device: 100 * row["accuracy"] for device, row in found["by"]["device"].items()}
    unseen = [by_device[device] for device in UNSEEN if device in by_device]
    cells = [
        *parts(folder),
        f"{100 * found['balanced_accuracy']:.2f}",
        f"{found['log_loss']:.3f}",
        *(f"{by_device[device]:.1f}" if device in by_device else "-" for device in DEVICES),
        f"{mean(unseen):.1f}" if unseen else "-",
        f"{cost['params']:,}",
        str(most_bits(cost["params"]) or "none"),
        f"{challenge_macs(cost) / 1e6:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


main()
