"""The benchmark's results as one `.npz` file: `python local/convert.py RESULTS.csv OUT.npz`.

RESULTS has a row for each cell, under the names of the columns; README.md lists them. It is text. The release
of NATS-Bench consists of pickles, which run any code in them when they are read: it is refused.
"""

import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from audionas.core.errors import UserError, did_you_mean
from audionas.core.files import atomic, read_text
from audionas.core.reporter import amount, say, script
from audionas.spaces.tables.nas_bench_201 import SETS, Nb201Table

FIGURES = ("test_acc", "val_acc_seeds", "params_m", "latency_s", "train_time_s")
SEEDS = "val_acc_seeds"  # one column, or several: val_acc_seeds/0, val_acc_seeds/1
DEVICE = "device_latency_ms/"  # before a device's name
HINT = "Give the results as text, a CSV file with the columns that recipes/nas_bench_201/README.md lists."


def convert(source: Path, out: Path) -> int:
    """Write `out`, and return the number of cells. Raises UserError with all faults, and writes nothing."""
    arrays = arrays_of(*_parsed(source), source)
    with atomic(out) as draft:
        with draft.open("wb") as file:
            np.savez_compressed(file, **arrays)
        try:
            Nb201Table.load(draft)
        except UserError as error:  # what no table may hold
            wrong = [problem.replace(str(draft), str(source)) for problem in error.problems]
            raise UserError(wrong, hint=HINT) from error
    return len(arrays["arch_str"])


def arrays_of(head: Sequence[str], rows: Sequence[Sequence[str]], source: Path) -> dict[str, np.ndarray]:
    """The table's arrays from the cells of a CSV file."""
    places = {name: [n for n, key in enumerate(head) if _array(key) == name] for name in map(_array, head)}
    numbers = _numbers(head, rows, source)
    arrays = {"arch_str": np.array([row[places["arch_str"][0]] for row in rows])}
    for name in places.keys() - {"arch_str", DEVICE}:
        found = numbers[:, places[name]]
        arrays[name] = found if name.endswith(SEEDS) else found[:, 0]
    if DEVICE in places:
        arrays["device_names"] = np.array([head[n].removeprefix(DEVICE) for n in places[DEVICE]])
        arrays["device_latency_ms"] = numbers[:, places[DEVICE]]
    return arrays


def _array(key: str) -> str:
    """The array that a column is part of: `cifar10/val_acc_seeds/1` of `cifar10/val_acc_seeds`."""
    if key.startswith(DEVICE):
        return DEVICE
    stem, _, last = key.rpartition("/")
    return stem if last.isdecimal() and stem.endswith(SEEDS) else key


def _parsed(source: Path) -> tuple[list[str], list[list[str]]]:
    """The names of the columns, and the other rows. Raises UserError where they are not those of a table."""
    text = "" if source.is_dir() or source.suffix != ".csv" else read_text(source, hint=HINT)
    try:
        rows = [row for row in csv.reader(io.StringIO(text), strict=True) if row]
    except csv.Error as error:
        raise UserError(f"{source}: not a CSV file ({error})", hint=HINT) from error
    if len(rows) < 2:
        raise UserError(f"{source}: not a CSV file of results; pickles run code, and are not read", hint=HINT)
    head = rows[0]
    known = ["arch_str", *(f"{name}/{figure}" for name in SETS for figure in FIGURES)]
    wrong = [
        f"{source}: no such column: {k!r}.{did_you_mean(k, known)}"
        for k in head
        if _array(k) not in (*known, DEVICE)
    ]
    wrong += [f"{source}: the column arch_str is missing"] * ("arch_str" not in head)
    wrong += [f"{source}: the column {k!r} is there twice" for k in {k for k in head if head.count(k) > 1}]
    wrong += [
        f"{source}: row {number} has {len(row)} cells, the head has {len(head)}"
        for number, row in enumerate(rows[1:], 1)
        if len(row) != len(head)
    ][:5]
    if wrong:
        raise UserError(wrong, hint=HINT)
    return head, rows[1:]


def _numbers(head: Sequence[str], rows: Sequence[Sequence[str]], source: Path) -> np.ndarray:
    """The cells (rows, columns) as numbers, NaN for text and where a seed was not trained."""
    numbers, wrong = np.full((len(rows), len(head)), np.nan), []
    for number, row in enumerate(rows):
        for place, (key, text) in enumerate(zip(head, row, strict=True)):
            if key == "arch_str" or (not text and _array(key).endswith(SEEDS)):
                continue
            try:
                numbers[number, place] = float(text)
            except ValueError:
                wrong.append(f"{source}: row {number + 1}, {key}: {text[:40]!r} is no number")
    if wrong:
        raise UserError(wrong[:10], hint=HINT)
    return numbers


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with script():
        say(f"{sys.argv[2]}: {amount(convert(Path(sys.argv[1]), Path(sys.argv[2])), 'cell')}")
