"""The training results of every cell of NAS-Bench-201, from a table file that the user names.

The file is `.npz` without object arrays. `arch_str` (n,): the cells' strings. For each data set
`<set>/test_acc` (n,) and `<set>/val_acc_seeds` (n, seeds) in percent, NaN where a seed is missing;
`<set>/params_m`, `<set>/latency_s`, `<set>/train_time_s` (n,). If devices were measured,
`device_names` (d,) and `device_latency_ms` (n, d). Other arrays are not read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from audionas.core.arch import ArchSpec
from audionas.core.archives.arrays import arrays as read
from audionas.core.errors import UserError, did_you_mean
from audionas.spaces._nb201_code import code, code_of, parse
from audionas.spaces.tables.arrays import problems_of

SETS = ("cifar10", "cifar100", "ImageNet16-120")
Part = Literal["val", "test"]
PARTS: tuple[Part, ...] = ("val", "test")
_COLUMNS = ("test_acc", "val_acc_seeds", "params_m", "latency_s", "train_time_s")
_HINT = "recipes/nas_bench_201/README.md describes the table and how to get one."


class Outcome(NamedTuple):
    """A cell on one data set, trained for 200 epochs; accuracies in percent, means over the trained seeds.

    `latency_s` is for the benchmark's GPU. Validation on CIFAR-100 and ImageNet16-120 uses half of their test
    set.
    """

    val: float
    test: float
    params_m: float
    latency_s: float
    train_time_s: float


class Row(NamedTuple):
    """A cell by its string; outcomes by data set, and milliseconds by device if measured."""

    code: str
    outcomes: Mapping[str, Outcome]
    devices: Mapping[str, float]


@dataclass(frozen=True)
class Nb201Table:
    """A table of cells, looked up by their strings alone: each was trained separately, equal networks too."""

    rows: Mapping[str, int]
    outcomes: Mapping[str, np.ndarray]  # by data set, (n, len(Outcome._fields))
    seeds: Mapping[str, np.ndarray]  # by data set, the validation accuracies (n, seeds)
    devices: tuple[str, ...]
    latencies: np.ndarray  # (n, devices) milliseconds

    @staticmethod
    def load(path: Path | str) -> "Nb201Table":
        """Read a table file; raises UserError, with all problems, for a file with another layout."""
        wanted = [f"{name}/{column}" for name in SETS for column in _COLUMNS]
        arrays = read(Path(path), ("arch_str", "device_names", "device_latency_ms", *wanted), _HINT)
        sets = [name for name in SETS if f"{name}/test_acc" in arrays]
        problems: list[str] = []
        rows = _rows(arrays.get("arch_str", np.array([])), problems)
        problems += _problems(arrays, sets, len(rows)) if not problems else []
        if problems:
            raise UserError([f"{path}: {problem}" for problem in problems], hint=_HINT)
        return Nb201Table(
            rows=rows,
            outcomes={name: _outcomes(arrays, name) for name in sets},
            seeds={name: arrays[f"{name}/val_acc_seeds"].astype(np.float64) for name in sets},
            devices=tuple(arrays.get("device_names", np.array([])).tolist()),
            latencies=arrays.get("device_latency_ms", np.zeros((len(rows), 0))),
        )

    def row(self, spec: ArchSpec) -> Row:
        """The row of an architecture of `nas_bench_201`; UserError if the table does not have that cell."""
        return self.of(code_of(spec))

    def of(self, text: str) -> Row:
        """The same, by the cell's string."""
        text = code(parse(text))
        if text not in self.rows:
            raise UserError(f"the table has no cell {text} ({len(self.rows)} cells)", hint=_HINT)
        return self._row(text, self.rows[text])

    def best(self, data_set: str, part: Part = "val") -> Row:
        """The cell with the highest accuracy, the first if several tie."""
        column = self.accuracies(data_set, part)
        place = int(column.argmax())
        return self._row(list(self.rows)[place], place)

    def rank(self, row: Row, data_set: str, part: Part = "test") -> int:
        """The rank of a cell, 1 for the best: one more than the number of cells that are more accurate."""
        column = self.accuracies(data_set, part)
        return 1 + int((column > column[self.rows[row.code]]).sum())

    def accuracies(self, data_set: str, part: Part) -> np.ndarray:
        """The accuracies (n,) of all cells in percent; UserError where the table lacks the data set."""
        if data_set not in self.outcomes:
            known = ", ".join(self.outcomes)
            raise UserError(
                f"the table has no data set '{data_set}'.{did_you_mean(data_set, self.outcomes)}",
                hint=f"It has {known}.",
            )
        accuracies: np.ndarray = self.outcomes[data_set][:, Outcome._fields.index(part)]
        return accuracies

    def _row(self, text: str, place: int) -> Row:
        outcomes = {name: Outcome(*found[place].tolist()) for name, found in self.outcomes.items()}
        return Row(text, outcomes, dict(zip(self.devices, self.latencies[place].tolist(), strict=True)))


def _outcomes(arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """The outcomes, (n, len(Outcome._fields)), in double precision; untrained seeds are left out of means."""
    columns = {column: arrays[f"{name}/{column}"].astype(np.float64) for column in _COLUMNS}
    columns["test"], columns["val"] = columns["test_acc"], np.nanmean(columns["val_acc_seeds"], axis=1)
    return np.stack([columns[field] for field in Outcome._fields], axis=1)


def _rows(strings: np.ndarray, problems: list[str]) -> dict[str, int]:
    """The row of each cell by its string; faults are added to `problems`, at most five of a kind."""
    if strings.dtype.kind != "U" or strings.ndim != 1 or not strings.size:
        problems.append(f"arch_str: {strings.dtype} {strings.shape}, expected strings (cells,)")
        return {}
    rows: dict[str, int] = {}
    wrong = []
    for row, text in enumerate(strings.tolist()):
        try:
            first = rows.setdefault(code(parse(text)), row)
        except UserError as error:
            wrong.append(f"arch_str, row {row}: {error.problems[0]}")
        else:
            if first != row:
                wrong.append(f"arch_str, row {row}: the same cell as in row {first}")
    problems += wrong[:5]  # a file of another kind has thousands
    return rows


def _problems(arrays: Mapping[str, np.ndarray], sets: list[str], count: int) -> list[str]:
    """Every fault of the arrays of `count` cells against the layout."""
    problems = [] if sets else [f"no accuracies: expected test_acc for at least one of {', '.join(SETS)}"]
    for name in sets:
        for column in _COLUMNS:
            shape = (count, None) if column == "val_acc_seeds" else (count,)
            problems += problems_of(arrays, f"{name}/{column}", shape)
    if {"device_names", "device_latency_ms"} & set(arrays):
        names = arrays.get("device_names", np.array([]))
        if names.dtype.kind != "U" or names.ndim != 1 or len(set(names.tolist())) < max(names.size, 1):
            problems.append(f"device_names: {names.dtype} {names.shape}, expected distinct names (devices,)")
        else:
            problems += problems_of(arrays, "device_latency_ms", (count, names.size))
    return problems
