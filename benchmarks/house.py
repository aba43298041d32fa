"""The size of the house: rooms, files, lines, circles and floors, by python benchmarks/house.py.

A file is one floor above the highest file that it imports; strings that name a module count as imports.
"""

import ast
import sys
from collections import Counter
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests._house import LIBRARY, SCRIPTS, circles, dotted, imports, room_of  # noqa: E402


def main() -> None:
    """Print one line per figure, then one per room."""
    trees = {file: ast.parse(text) for file, text in LIBRARY.items()}
    below = {dotted(file): {name for _, name in imports(tree, file)} for file, tree in trees.items()}
    found = circles(trees)
    ring = {file: frozenset(group) for group in found for file in group}

    @cache
    def floor(file: str) -> int:
        group = ring.get(file, frozenset({file}))
        under = {name for member in group for name in below[member]} & below.keys() - group - {"audionas"}
        return 1 + max((floor(name) for name in under), default=0)

    lines = {file: text.count("\n") for file, text in (LIBRARY | SCRIPTS).items()}
    rooms: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for file, count in lines.items():
        rooms[room_of(file)] += count
        files[room_of(file)] += 1
    print(f"{len(lines)} files, {rooms.total():,} lines, {len(rooms)} rooms, {len(found)} circles of files")
    print(f"{max(map(floor, below))} floors")
    print(f"{sum(Path(f).name.startswith('_') and '__' not in f for f in lines)} files with an underscore")
    for room, count in rooms.most_common():
        print(f"{room:12} {files[room]:4} files {count:6,} lines {count / rooms.total():6.1%}")


if __name__ == "__main__":
    main()
