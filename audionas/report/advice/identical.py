"""Identical networks: runs that found the same one say nothing of the difference between their methods."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from audionas.core.hostile import setting
from audionas.core.reporter import amount
from audionas.report.advice.box import Advice, again


def identical(rows: Sequence[Mapping[str, Any]], title: str, typed: str) -> Advice | None:
    """`rows` are a comparison's finished runs, `typed` is its command."""
    found = defaultdict(list)
    for row in rows:
        found[row["arch"]].append(row)
    arch, alike = max(found.items(), key=lambda pair: len(pair[1]), default=("", []))
    if len(alike) < 2:
        return None
    runs = defaultdict(list)
    for row in alike:
        runs[row["method"]].append(str(row["seed"]))
    named = "; ".join(f"{method}, seed {' '.join(seeds)}" for method, seeds in runs.items())
    what = "methods" if len(runs) > 1 else "seeds"
    longer = f"search.epochs={2 * max(round(row.get('epochs') or 0) for row in rows)}"
    return Advice(
        f"{len(alike)} of {amount(len(rows), 'run')} found the same network ({arch}): {named}. What sets "
        f"their figures apart is training and chance, not the {what}. A larger space, or longer searches, "
        "may tell them apart:",
        again(typed, setting("name", f"{title}_longer"), longer) if not longer.endswith("=0") else "",
    )
