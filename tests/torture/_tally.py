"""The tables of docs/reliability.md: `python -m tests.torture._tally LOG`, of AUDIONAS_TORTURE_LOG."""

import json
import sys
from collections import Counter
from pathlib import Path


def table(rows: list[dict[str, object]]) -> str:
    """Tries, survived and lost by name, in Markdown; the last try of a number counts."""
    last = {(row["name"], row["seed"], row["try"]): row["lost"] for row in rows}
    tries, lost = (
        Counter(name for name, _, _ in last),
        Counter(name for (name, *_), why in last.items() if why),
    )
    lines = [
        f"| {name} | {many:,} | {many - lost[name]:,} | {lost[name]:,} |" for name, many in tries.items()
    ]
    return "\n".join(["| what | tries | survived | lost |", "|---|---:|---:|---:|", *lines])


if __name__ == "__main__":
    print(table([json.loads(line) for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]))
