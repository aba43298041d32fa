"""Columns of a table of runs: where a figure stands in a run's files, its unit, and the cells of a row."""

import re
from collections.abc import Callable, Mapping, Sequence
from statistics import mean
from typing import Any, NamedTuple

from audionas.core.errors import UserError, did_you_mean
from audionas.core.intervals import Interval
from audionas.engine.metrics import interval, macro_f1, macro_f1_interval, over_seeds
from audionas.study.gather import Clips, Pool, Row, Run

Value = float | str | None
Form = Callable[[float], str]
SHARES = ("accuracy", "recall", "precision", "f1", "macro_f1", "balanced_accuracy", "valid_accuracy")
INTERVALS = {"accuracy": "interval", "macro_f1": "macro_f1_interval"}


class Column(NamedTuple):
    """A figure: its title, the paths whose mean it is, and how its numbers are written.

    A path begins with `cost.`, `done.`, `env.` or `protocol.` for these files; others are the evaluation's.
    """

    title: str
    paths: Sequence[str]
    scale: float = 1
    form: str = "{:.4g}"

    def number(self, run: Run) -> Value:
        """The figure of a run; None where its files lack it."""
        if self.paths[0] in _SECONDS:
            return run.seconds(_SECONDS[self.paths[0]])
        found = [at(run, path) for path in self.paths]
        there = [value for value in found if isinstance(value, int | float)]
        if there:
            return self.scale * mean(there)
        return next((value for value in found if isinstance(value, str)), None)

    def interval(self, run: Run) -> Interval | None:
        """The interval in a run's evaluation, if there is one of this figure."""
        name = INTERVALS.get(self.paths[0], "")
        if len(self.paths) > 1 or name not in run.scores:
            return None
        return self.scaled(Interval.read(run.scores, name))

    def scaled(self, found: Interval) -> Interval:
        """An interval in the column's unit."""
        if not found.ends:
            return found
        return Interval((self.scale * found.ends[0], self.scale * found.ends[1]))


_FILES = ("cost", "done", "env", "protocol")
_SECONDS = {"search_s": "search", "train_s": "train"}
COLUMNS = {
    "dev": Column("dev %", ("done.valid_accuracy",), 100, "{:.1f}"),
    "epochs": Column("epochs", ("done.epochs",), 1, "{:,.0f}"),
    "params": Column("parameters", ("cost.params",), 1, "{:,.0f}"),
    "macs": Column("M multiply-adds", ("cost.macs",), 1e-6, "{:.2f}"),
    "latency_us": Column("ONNX µs", ("cost.latency_ms.p50_ms",), 1000, "{:.0f}"),
    "search_s": Column("search s", ("search_s",), 1, "{:,.0f}"),
    "train_s": Column("train s", ("train_s",), 1, "{:,.0f}"),
    "n": Column("clips", ("n",), 1, "{:,.0f}"),
    "speakers": Column("speakers", ("speakers",), 1, "{:,.0f}"),
    "log_loss": Column("log loss", ("log_loss",), 1, "{:.3f}"),
    "macro_log_loss": Column("class-wise log loss", ("macro_log_loss",), 1, "{:.3f}"),
}


class Cell(NamedTuple):
    """A figure of a row: its value, what stands behind it, and its text."""

    value: Value
    interval: Interval | None
    text: str


def columns(named: Sequence[str], runs: Sequence[Run]) -> list[Column]:
    """The columns of `NAME`, `PATH`, `PATH.*.KEY` (a column for each key) and `TITLE=PATH+PATH` (the mean).

    Raises UserError for what no run has.
    """
    found: list[Column] = []
    problems = []
    for name in named:
        title, _, paths = name.rpartition("=")
        if name in COLUMNS:
            found.append(COLUMNS[name])
            continue
        parts = paths.split("+")
        each = [spread for part in parts for spread in _expanded(part, runs)]
        written = {path for run in runs for path in _paths(run.scores)}
        if not each or any(p not in written and all(at(run, p) is None for run in runs) for p in each):
            known = [*COLUMNS, *sorted(written)]
            problems.append(f"--columns {name}: no run has it.{did_you_mean(parts[0], known)}")
        elif title or len(parts) > 1:
            found.append(_column(title or name, each))
        else:
            found += [_column(path, [path]) for path in each]
    if problems:
        raise UserError(problems, hint=f"columns are {', '.join(COLUMNS)}, and paths such as accuracy")
    return found


def cell(column: Column, row: Row, pools: Mapping[str, Pool]) -> Cell:
    """The figure of a row: pooled over folds first, then over seeds.

    A row that lacks a fold has no figure over folds.
    """
    clips, folds = "clips" in pools.values(), {"clips", "mean"} & set(pools.values())
    if folds and not row.whole:
        return Cell(None, None, "-")
    if clips and column.paths[0] in INTERVALS:
        each = [_scored(column, Row(row.fields, [seed])) for seed in row.seeds]
    else:
        each = [_averaged(column, seed) for seed in row.seeds]
    known = [(value, ends) for value, ends in each if isinstance(value, int | float)]
    if not known:
        return Cell(words := next((v for v, _ in each if isinstance(v, str)), None), None, words or "-")
    values, form = [value for value, _ in known], column.form.format
    if len(values) == 1:
        value, ends = known[0]
        return Cell(value, ends, form(value) + (f" [{ends.words(form)}]" if ends else ""))
    if column.paths[0].startswith("cost."):  # networks of several sizes: not a quantity with an error
        low, high = form(min(values)), form(max(values))
        return Cell(mean(values), None, low if low == high else f"{low} to {high}")
    within = (0.0, column.scale) if column.paths[0].rpartition(".")[2] in SHARES else (-1e300, 1e300)
    told = over_seeds(values, within)
    measured = Interval.read(told)
    return Cell(told["mean"], measured, f"{form(told['mean'])} ± {form(told['sd'])} ({measured.words(form)})")


def at(run: Run, path: str) -> Value:
    """The number or text under a path; None where it is missing, or a class has no clips there."""
    first, _, rest = path.partition(".")
    source = getattr(run, first) if rest and first in _FILES else None
    found: Any = run.scores if source is None else source
    for key in _keys(found, path if source is None else rest):
        if isinstance(found, dict) and found.get("n") == 0:
            return None  # recall and F1 of a class without clips are written as 0
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, int | float | str) and not isinstance(found, bool) else None


def _scored(column: Column, row: Row) -> tuple[Value, Interval | None]:
    """The figure over the clips of a seed's folds together, with its interval over speakers."""
    clips = Clips(row)
    if column.paths[0] == "accuracy":
        right = clips.right[0]
        return column.scale * float(right.mean()), column.scaled(interval(right, clips.speakers))
    answers, truth = clips.indices(clips.labels)
    ends = macro_f1_interval(answers[0], truth, clips.speakers)
    return column.scale * macro_f1(answers[0], truth), column.scaled(ends)


def _averaged(column: Column, runs: Sequence[Run]) -> tuple[Value, Interval | None]:
    """The mean over a seed's folds; a run alone has the interval of its evaluation."""
    values = [column.number(run) for run in runs]
    if len(runs) == 1:
        return values[0], column.interval(runs[0])
    numbers = [value for value in values if isinstance(value, int | float)]
    if numbers:
        return mean(numbers), None
    return next((value for value in values if isinstance(value, str)), None), None


def _column(title: str, paths: Sequence[str]) -> Column:
    share = paths[0].rpartition(".")[2] in SHARES
    return Column(
        f"{title} %" if share else title, tuple(paths), 100 if share else 1, "{:.1f}" if share else "{:.4g}"
    )


def _expanded(path: str, runs: Sequence[Run]) -> list[str]:
    """The paths that a path with `*` stands for, in the order of the first run that has them."""
    if "*" not in path:
        return [path]
    pattern = re.compile(".+".join(map(re.escape, path.split("*"))))
    return list(dict.fromkeys(p for run in runs for p in _paths(run.scores) if pattern.fullmatch(p)))


def _paths(value: Any, before: str = "") -> list[str]:
    """Every path to a number in an evaluation."""
    if isinstance(value, dict):
        return [p for key, each in value.items() for p in _paths(each, f"{before}.{key}" if before else key)]
    return [before] if isinstance(value, int | float) and not isinstance(value, bool) else []


def _keys(value: Any, path: str) -> list[str]:
    """The keys of a path; a key of the file may hold dots itself."""
    if not isinstance(value, dict):
        return path.split(".") if path else []
    for key in sorted(value, key=len, reverse=True):
        if path == key:
            return [key]
        if path.startswith(f"{key}.") and (rest := _keys(value[key], path[len(key) + 1 :])):
            return [key, *rest]
    return path.split(".")
