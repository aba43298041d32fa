"""Print every evaluation in exp/ as one table, one row per run and test set; needs only Python."""

import json
from pathlib import Path
from typing import Any

from audionas.core.intervals import Interval

SETS = {"test": "lists", "test_archive": "separate archive"}
HEAD = ("protocol", "test set", "silence", "run", "test clips", "accuracy %", "95 % interval", "macro F1 %")
COSTS = ("parameters", "M multiply-adds")


def main() -> None:
    """Print rows by protocol, test set and run; figures of different protocols are not comparable."""
    rows = sorted(row(file) for file in Path("exp").glob("*/eval/*.json"))
    if not rows:
        raise SystemExit("no evaluation in exp/: run stage 4 first")
    print("# Results\n")
    print(
        "Accuracy and interval (bootstrap over speakers) per test set; docs/protocols.md explains the sets\n"
    )
    for cells in ([*HEAD, *COSTS], ["---"] * (len(HEAD) + len(COSTS)), *rows):
        print(f"| {' | '.join(cells)} |")


def row(file: Path) -> list[str]:
    """The cells of one evaluation."""
    found = read(file)
    facts = read(Path(found["data"]).parent / "protocol.json")
    costs = read(file.parents[1] / "cost.json")
    return [
        facts.get("name", "?"),
        SETS.get(file.stem, file.stem),
        "the archive's" if file.stem == "test_archive" else facts.get("silence", "?"),
        file.parents[1].name,
        str(found["n"]),
        f"{100 * found['accuracy']:.2f}",
        Interval.read(found).words(lambda end: f"{100 * end:.2f}"),
        f"{100 * found['macro_f1']:.2f}",
        f"{costs['params']:,}" if "params" in costs else "-",
        f"{costs['macs'] / 1e6:.2f}" if "macs" in costs else "-",
    ]


def read(file: Path) -> dict[str, Any]:
    """A JSON file; empty where it is absent, as for data that were not prepared here."""
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


if __name__ == "__main__":
    main()
