"""Finished runs by the fields of their folders' names: which belong in one row, and their answers."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from audionas.core import records
from audionas.core.arch import ArchSpec
from audionas.core.errors import Problem, UserError, did_you_mean
from audionas.core.files import read_json
from audionas.core.records.run import AnswersRecord, CostRecord, EvaluationRecord
from audionas.core.records.trained import TrainedRecord
from audionas.core.reporter import Reporter, read_rows
from audionas.cost.graph import measure
from audionas.spaces._base import space_of
from audionas.zoo.find import read as read_arch

Pool = Literal["clips", "mean", "spread"]
POOLS: Mapping[str, str] = {
    "clips": "the clips of all runs are scored together",
    "mean": "the mean over the runs",
    "spread": "mean, standard deviation and t-interval over the runs",
}
SCORES = "scores.json"
_FIELD = re.compile(r"\{(\w*)\}")


@dataclass(frozen=True)
class Run:
    """A run folder with one of its evaluations; `fields` come from its name."""

    folder: Path
    file: Path
    fields: Mapping[str, str]

    @cached_property
    def scores(self) -> dict[str, Any]:
        """The evaluation."""
        return records.plain(EvaluationRecord, self.file)

    @cached_property
    def cost(self) -> dict[str, Any]:
        """`cost.json`; where there is none the counts of `arch.json`, if that is there."""
        if found := _checked(CostRecord, self.folder / "cost.json"):
            return found
        arch = self.folder / "arch.json"
        return _counts(read_arch(arch).to_json()) if arch.is_file() else {}

    @cached_property
    def done(self) -> dict[str, Any]:
        """`train/done.json`; empty where nothing was trained."""
        return _checked(TrainedRecord, self.folder / "train" / "done.json")

    @cached_property
    def env(self) -> dict[str, Any]:
        """`train/env.json`, or that of the search; empty where neither is there."""
        return _json(self.folder / "train" / "env.json") or _json(self.folder / "search" / "env.json")

    @cached_property
    def protocol(self) -> dict[str, Any]:
        """`protocol.json` beside the evaluated data; empty where their preparation wrote none."""
        return _json(Path(str(self.scores.get("data", ""))).parent / "protocol.json")

    def seconds(self, phase: str) -> float | None:
        """Seconds of all epochs of `search` or `train`; None where there was none."""
        found = [row.get("seconds") for row in read_rows(self.folder / phase / "metrics.jsonl")]
        numbers = [each for each in found if isinstance(each, int | float)]
        return float(sum(numbers)) if numbers else None

    @cached_property
    def answers(self) -> list[dict[str, Any]]:
        """The row of each clip, of the last evaluation. Raises UserError where this is another."""
        path = self.folder / SCORES
        last = self.folder / "eval.json"
        if not path.exists() or read_json(last) != read_json(self.file):
            raise UserError(
                Problem(self.file, "its answers clip by clip are no longer there"),
                hint=f"{SCORES} keeps those of the last evaluation: evaluate these data once more",
            )
        rows: list[dict[str, Any]] = read_json(path)
        records.check(AnswersRecord, {"rows": rows}, str(path))
        return rows


@dataclass(frozen=True)
class Row:
    """One row of a table: its fields, and its runs by those of `mean` and `clips`, one list per seed."""

    fields: Mapping[str, str]
    seeds: Sequence[Sequence[Run]]
    whole: bool = field(default=True)

    @property
    def runs(self) -> list[Run]:
        """All runs."""
        return [run for seed in self.seeds for run in seed]


def find(
    folders: Sequence[Path], template: str, evaluations: str = "eval.json", reporter: Reporter | None = None
) -> list[Run]:
    """The runs in these folders whose name is as the template says, by name.

    `{FIELD}` stands for a part of a name: the first takes as much as it can, each further one no underscore.
    `evaluations` names the file in a run, or is a pattern: then the field `test` names the file. Folders
    without one are counted. Raises UserError where no run is found.
    """
    pattern, reporter = _pattern(template), reporter or Reporter()
    runs, other, without = [], [], []
    several = any(sign in evaluations for sign in "*?[")
    for folder in sorted(set(folders), key=lambda path: path.name):
        named = pattern.fullmatch(folder.name)
        files = sorted(folder.glob(evaluations)) if folder.is_dir() else []
        if named is None:
            other.append(folder)
        elif not files:
            without.append(folder)
        else:
            tests = [{"test": file.stem} if several else {} for file in files]
            pairs = zip(files, tests, strict=True)
            runs += [Run(folder, file, {**named.groupdict(), **test}) for file, test in pairs]
    for left, why in ((other, f"not named as {template}"), (without, f"no {evaluations}")):
        if left:
            more = f" and {len(left) - 1} more" if len(left) > 1 else ""
            reporter.note(f"left out, {why}: {left[0]}{more}")
    if not runs:
        raise UserError(
            f"none of {len(folders)} folders is an evaluated run",
            hint="give run folders such as exp/*, and with --name how they are called: '{network}_{seed}'",
        )
    return runs


def rows(runs: Sequence[Run], pools: Mapping[str, Pool]) -> list[Row]:
    """The runs by the fields that are not pooled, in order of their names.

    A row that lacks a fold which others have is not whole. Raises UserError for a field that no name has.
    """
    known = list(runs[0].fields)
    for name in pools:
        if name not in known:
            words = did_you_mean(name, known) or f"; the names have {', '.join(known)}"
            raise UserError(f"--pool {name}={pools[name]}: no such field{words}")
    spread = [name for name in known if pools.get(name) == "spread"]
    folds = [name for name in known if pools.get(name) in ("clips", "mean")]
    kept = [name for name in known if name not in pools]
    grouped: dict[tuple[str, ...], dict[tuple[str, ...], list[Run]]] = {}
    for run in runs:
        seeds = grouped.setdefault(_of(run, kept), {})
        seeds.setdefault(_of(run, spread), []).append(run)
    wanted = {_of(run, folds) for run in runs}
    return [
        Row(
            dict(zip(kept, key, strict=True)),
            list(seeds.values()),
            all({_of(run, folds) for run in own} == wanted for own in seeds.values()),
        )
        for key, seeds in grouped.items()
    ]


class Clips:
    """The answers of a row's runs to the same clips in order, one line per seed."""

    def __init__(self, row: Row) -> None:
        each = [[clip for run in seed for clip in run.answers] for seed in row.seeds]
        self.ids = [(clip["id"], clip["truth"]) for clip in each[0]]
        for clips, seed in zip(each, row.seeds, strict=True):
            if [(clip["id"], clip["truth"]) for clip in clips] != self.ids:
                raise UserError(
                    f"{seed[0].folder} and {row.seeds[0][0].folder} were tested on different clips"
                )
        self.speakers = [clip.get("speaker") or clip["id"] for clip in each[0]]
        self.labels = sorted({clip["truth"] for clip in each[0]} | {c["label"] for e in each for c in e})
        self.names = [[clip["label"] for clip in clips] for clips in each]
        self.right = np.array([[c["label"] == c["truth"] for c in clips] for clips in each], dtype=float)

    def indices(self, labels: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Answers (seeds, n) and truth (n,) as places in `labels`."""
        place = {label: number for number, label in enumerate(labels)}
        answers = np.array([[place[name] for name in names] for names in self.names])
        return answers, np.array([place[truth] for _, truth in self.ids])


def _pattern(template: str) -> re.Pattern[str]:
    names = _FIELD.findall(template)
    if not names or len(set(names)) < len(names) or not all(name.isidentifier() for name in names):
        raise UserError(
            f"--name {template}: expected the parts of a run's name, each once",
            hint="such as --name '{network}_fold{fold}_{seed}'",
        )
    parts = _FIELD.split(template)
    text = re.escape(parts[0])
    for number, (name, fixed) in enumerate(zip(parts[1::2], parts[2::2], strict=True)):
        text += f"(?P<{name}>{'.+' if not number else '[^_]+'}){re.escape(fixed)}"
    return re.compile(text)


def _of(run: Run, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(run.fields[name] for name in names)


@cache
def _counts(arch: str) -> dict[str, Any]:
    """Parameters and multiply-adds of an `arch.json`, counted once for all seeds of a network."""
    spec = ArchSpec.from_json(arch)
    with torch.device("meta"):
        found = measure(space_of(spec).build(spec), spec.io)
    return {"params": found.params, "macs": found.macs}


def _checked(model: type[records.Record], path: Path) -> dict[str, Any]:
    """The object in a file, if there is one. Raises UserError where it is not as `model` says."""
    return records.plain(model, path) if path.exists() else {}


def _json(path: Path) -> dict[str, Any]:
    found = read_json(path) if path.exists() else {}
    if not isinstance(found, dict):
        raise UserError(f"{path}: expected a JSON object")
    return found
