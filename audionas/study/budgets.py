"""The budget of a comparison, kept in `budget.json`: equal examples, steps, or seconds as epochs."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from audionas.config import Config, changed, compared
from audionas.core import records
from audionas.core.errors import UserError
from audionas.core.files import write_json
from audionas.core.records.run import BudgetRecord, TimedRecord
from audionas.core.rng import seed_torch
from audionas.data.batches import Batch
from audionas.methods._base import Method
from audionas.run.supernet import budget
from audionas.spaces._base import Space
from audionas.study.bench import Bench
from audionas.study.rows import Run, run_conf, waiting
from audionas.study.step_cost import clocked
from audionas.study.steps import DARTS, first_batches, no_measure, started

_PLACES = 5  # epochs of a search in which steps are timed: stages and warm-ups differ
_STEPS = 5  # timed in each, ProxylessNAS' cycle


def record_of(folder: Path) -> BudgetRecord | None:
    """The record of a comparison; None where there is none, as before there were budgets to choose."""
    file = folder / "budget.json"
    return records.read(BudgetRecord, file) if file.exists() else None


def begin(conf: Config, runs: Sequence[Run], *, overwrite: bool) -> None:
    """Write the record. Raises UserError where runs that stay had another budget."""
    assert conf.compare is not None
    if conf.search.budget is not None:
        raise UserError(
            f"search.budget is {conf.search.budget}, but a comparison sets it for all its searches",
            hint=f"Remove search.budget, and set compare.budget={conf.search.budget}.",
        )
    now = BudgetRecord(budget=conf.compare.budget, epochs=conf.search.epochs)
    with waiting(conf.folder):
        _begin(conf.folder, now, {run.conf.folder for run in runs} if overwrite else set())


def _begin(folder: Path, now: BudgetRecord, emptied: Collection[Path]) -> None:
    """Write a new record, if the runs that stay allow it."""
    before = record_of(folder) or BudgetRecord(budget="examples", epochs=now.epochs)
    if (now.budget, now.epochs) == (before.budget, before.epochs) and (folder / "budget.json").exists():
        return
    stay = [file for file in folder.glob("*/*/search/run.json") if file.parents[1] not in emptied]
    differs = [f"  compare.budget: {before.budget} there, {now.budget} now"] * (before.budget != now.budget)
    if now.budget == "seconds" and before.epochs != now.epochs:  # else each run says so itself
        differs.append(f"  search.epochs: {before.epochs} there, {now.epochs} now")
    if stay and differs:
        raise UserError(
            [f"{folder}: holds a comparison with another budget", *differs],
            hint="Give this one another name (name=...), or discard the old one's runs with --overwrite.",
        )
    _write(folder, now)


def timed(conf: Config, runs: Sequence[Run], bench: Bench) -> tuple[list[Run], dict[str, str]]:
    """The runs with as many epochs as their budget allows, and why no time could be taken, by method.

    A number of epochs is found once: later calls, and other processes, read it from the record.
    """
    assert conf.compare is not None
    if conf.compare.budget != "seconds":
        return list(runs), {}
    require_measure(bench.space)
    methods = {run.label: run.conf.method for run in runs}
    wanted = {
        label: section
        for label, section in compared(conf).items()
        if (method := methods[label]) is not None and method.trains and not method.bars(bench.space)
    }
    with waiting(conf.folder, "steps"):  # two processes measuring at once would slow each other down
        known, failed = _known(conf, wanted, bench)
    return [_lasting(run, known) for run in runs], failed


def require_measure(space: Space) -> None:
    """Raise UserError where DARTS, whose seconds all methods get, does not run on a space."""
    if why := no_measure(space):
        raise UserError(f"compare.budget is seconds, but {why}", hint="For example: compare.budget=examples")


def _known(
    conf: Config, wanted: Mapping[str, Mapping[str, Any]], bench: Bench
) -> tuple[Mapping[str, TimedRecord], dict[str, str]]:
    """The record's methods, to which those of `wanted` that are missing are added; reasons of failures."""
    record = record_of(conf.folder)
    assert record is not None
    known, failed = dict(record.methods), {}
    missing = [label for label in wanted if label not in known or known[label].section != wanted[label]]
    if missing:
        bench.reporter.note(f"seconds per step, for equal seconds: {', '.join(missing)}")
        pair = first_batches(conf, bench)
    for label in missing:
        try:
            known[label] = _time(conf, label, wanted[label], bench, pair)
        except Exception as error:  # an error in one method does not stop the others
            failed[label] = f"its steps could not be timed: {type(error).__name__}: {error}"
            continue
        bench.reporter.note(f"{label}: {known[label].epochs} epochs")
        _write(conf.folder, record.model_copy(update={"methods": known}))
    return known, failed


def _time(
    conf: Config, label: str, section: Mapping[str, Any], bench: Bench, pair: tuple[Batch, Batch]
) -> TimedRecord:
    """The epochs of a method that take as long as `search.epochs` of DARTS."""
    assert conf.compare is not None
    seconds, base = seconds_of(started(conf, section, bench), started(conf, DARTS, bench), pair, bench.device)
    own, darts = (run_conf(conf, "steps", conf.compare.seeds[0], one) for one in (section, DARTS))
    steps, base_steps = (budget(one, bench.inputs).steps for one in (own, darts))
    ratio = 1.0 if section == DARTS else base_steps * base / (steps * seconds)
    epochs = lasting(conf.search.epochs, ratio)
    return TimedRecord(section=dict(section), seconds=seconds, darts_seconds=base, epochs=epochs)


def lasting(epochs: int, ratio: float) -> int:
    """`epochs` of DARTS in those of a method, `ratio` of which last as long as one; at least two."""
    return max(min(2, epochs), round(epochs * ratio))


def seconds_of(
    method: Method, darts: Method, pair: tuple[Batch, Batch], device: torch.device
) -> tuple[float, float]:
    """Mean seconds of a step over a method's whole search, and of steps of DARTS taken in turns with them.

    Both methods must be set up, each on its own run, which is used up.
    """
    taken: tuple[list[float], list[float]] = ([], [])
    with torch.random.fork_rng():
        seed_torch(0, "step costs")
        for epoch in places(method.run.epochs):
            for one in (method, darts):
                one.on_epoch(epoch)
                one.run.net.train()
                _step(one, pair)  # the first after a change is slower
            for _ in range(_STEPS):
                for one, seconds in zip((method, darts), taken, strict=True):
                    seconds.append(clocked(partial(_step, one, pair), device))
    return fmean(taken[0]), fmean(taken[1])


def places(epochs: int) -> list[int]:
    """The epochs in which steps are timed: the middles of equal parts of the search."""
    return sorted({(2 * part + 1) * epochs // (2 * _PLACES) for part in range(_PLACES)})


def _step(method: Method, pair: tuple[Batch, Batch]) -> None:
    method.step(pair[0], pair[1] if method.halves else pair[0], float(method.run.epoch))


def _lasting(run: Run, known: Mapping[str, TimedRecord]) -> Run:
    """The run with its method's epochs, where they were found."""
    if run.label not in known:
        return run
    search = {**run.conf.raw.get("search", {}), "epochs": known[run.label].epochs}
    return run._replace(conf=changed(run.conf, search=search))


def _write(folder: Path, record: BudgetRecord) -> None:
    write_json(folder / "budget.json", record.model_dump())
