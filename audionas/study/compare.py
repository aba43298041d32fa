"""`audionas compare`: every method with every seed, all else equal, and tables of the results."""

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from audionas.config import Config, changed, compared
from audionas.core import records
from audionas.core.errors import UserError
from audionas.core.files import write_text
from audionas.core.made import delete
from audionas.core.records import Record
from audionas.core.records.run import DoneRecord
from audionas.core.reporter import Reporter, amount
from audionas.engine.conf import Compare
from audionas.inputs.feed import facts_of
from audionas.models.owned import COMPARED, enter
from audionas.report import compare_table
from audionas.report.compare import write as write_page
from audionas.report.compare_table import Comparison, Row, in_a_line
from audionas.run.folder import Busy, alone, require_equal
from audionas.run.search import facts
from audionas.study.about import about
from audionas.study.bench import Bench, open_bench
from audionas.study.budgets import begin, timed
from audionas.study.rows import Key, Run, append, known, runs_of, waiting
from audionas.study.score import score
from audionas.study.steps import measure as measure_steps
from audionas.study.steps import steps as steps_of

_SHORT = ("methods", "seeds")
_SELDOM = 20  # times as long as drawing the page took, it stays as it is: charts take a twentieth at most
_AGAIN = "--resume resumes failed runs with a checkpoint; the same command retries those without."


def overrides_of(words: Sequence[str]) -> list[str]:
    """`methods=a,b` and `seeds=0,1` as overrides of the section `compare`; other words as they are."""
    found = []
    for word in words:
        key, equals, value = word.partition("=")
        listed = value if value.startswith("[") else f"[{value}]"
        found.append(f"compare.{key}={listed}" if key in _SHORT and equals else word)
    return found


def compare(conf: Config, *, resume: bool = False, overwrite: bool = False) -> Comparison:
    """Run everything that is not finished; write the tables after each run, and all with the page at the end.

    A failed run does not stop the others. Raises UserError at the end, with a list, where any failed.
    """
    conf = replace(conf, compare=conf.compare or Compare())
    reporter, runs = Reporter(), runs_of(conf)
    bench = open_bench(runs[0].conf, conf, reporter)
    conf.folder.mkdir(parents=True, exist_ok=True)
    enter(conf.folder, COMPARED)
    begin(conf, runs, overwrite=overwrite)
    runs, untimed = timed(conf, runs, bench)
    _require_same(conf, runs, bench, overwrite=overwrite)
    if not resume and not overwrite:
        _require_finished(runs, known(conf.folder))
    left, page = [], Page()
    for number, run in enumerate(runs, 1):
        if overwrite or _open(run, known(conf.folder).get(run.key), bench, resume=resume):
            reporter.note(f"{run.words} ({number} of {len(runs)})")
            if why := untimed.get(run.label):
                row: Row | None = {"method": run.label, "seed": run.seed, "status": "failed", "reason": why}
            else:
                row = _attempt(run, bench, resume=resume, overwrite=overwrite)
            if row is None:
                left.append(run)
            elif row != known(conf.folder).get(run.key):
                append(conf.folder, row)
                _tables(conf, bench, page.sometimes)
    failed = _measure_steps(conf, runs, bench)
    result = _tables(conf, bench, page.draw)
    compare_table.show(result)
    if left:
        reporter.note(f"left to another process: {'; '.join(run.words for run in left)}")
    _require_success(runs, known(conf.folder), failed)
    return result


def _open(run: Run, row: Row | None, bench: Bench, *, resume: bool) -> bool:
    """True where a run has work left: to search, train, or measure again by other rules."""
    if row is None or row["status"] == "refused":
        return True
    if row["status"] == "failed":
        return resume or not _checkpointed(run)
    done = run.conf.folder / "search" / "done.json"
    if row.get("measured") != bench.measured or not done.exists():
        return True
    return bool(records.read(DoneRecord, done).arch != row["arch"])


def _attempt(run: Run, bench: Bench, *, resume: bool, overwrite: bool) -> Row | None:
    """The row of a run: done, failed or refused; None where another process holds it."""
    name = {"method": run.label, "seed": run.seed}
    assert run.conf.method is not None
    method = run.conf.method
    why = f"without a searcher it is {method.alike}, to which it adds objectives" if method.alike else ""
    if why := why or method.why_not(bench.space):
        bench.reporter.note(*f"refused: {why}".split("\n"))
        return {**name, "status": "refused", "reason": why}
    log = run.conf.folder / "error.log"
    try:
        row = score(changed(run.conf), bench, resume=resume, overwrite=overwrite)
    except Busy as busy:
        bench.reporter.note(str(busy))
        return None
    except UserError as error:
        reason = str(error)
    except Exception as error:  # a bug here or in an external method: the other runs continue
        enter(run.conf.folder, (log.name,))
        write_text(log, traceback.format_exc())
        reason = f"{type(error).__name__}: {error} (traceback in {log})"
    else:
        delete(run.conf.folder, (log.name,))
        return {**name, "status": "done", "reason": "", **row, "measured": bench.measured}
    bench.reporter.note(*f"failed: {reason}".split("\n"))
    if not _checkpointed(run):  # nothing to resume: the next call starts it afresh
        for phase in ("search", "train"):
            if not (run.conf.folder / phase / "done.json").exists():
                (run.conf.folder / phase / "run.json").unlink(missing_ok=True)
    return {**name, "status": "failed", "reason": reason}


def _checkpointed(run: Run) -> bool:
    """True where an unfinished phase has left a checkpoint."""
    phases = (run.conf.folder / phase for phase in ("search", "train"))
    return any((f / "ckpt" / "latest").exists() and not (f / "done.json").exists() for f in phases)


def _require_same(conf: Config, runs: Sequence[Run], bench: Bench, *, overwrite: bool) -> None:
    """Raise UserError where runs of this name, finished or not, had other settings: tables never mix them."""
    chosen = {str(run.conf.folder): run for run in runs}
    for started in sorted(conf.folder.glob("*/*/search/run.json")):
        own = chosen.get(str(started.parents[1]))
        if own is None or not overwrite:
            before = records.plain(Record, started)
            now = facts((own or runs[0]).conf, bench.inputs, bench.device)
            if own is None:  # another method or seed
                before, now = (_common(found, conf.compare) for found in (before, now))
            require_equal(started.parent, before, now)
    if not bench.compare.retrain or overwrite:
        return
    now = facts_of(runs[0].conf, bench.inputs, bench.device, ("train",))
    for started in sorted(conf.folder.glob("*/*/train/run.json")):
        before = records.plain(Record, started)
        require_equal(started.parent, {"train": before.get("train")}, {"train": now["train"]})


def _common(found: Mapping[str, Any], compare: Compare | None) -> dict[str, Any]:
    """Those facts that all runs of a comparison share; with equal seconds each method has its own epochs."""
    common = {key: value for key, value in found.items() if key not in ("seed", "method")}
    if compare is not None and compare.budget == "seconds":
        common["search"] = {key: value for key, value in found["search"].items() if key != "epochs"}
    return common


def _require_finished(runs: Sequence[Run], rows: dict[Key, Row]) -> None:
    """Raise UserError where a run was interrupted and no other process holds it."""
    unfinished = []
    for run in runs:
        for phase in ("search", "train"):
            folder = run.conf.folder / phase
            begun = (folder / "run.json").exists() and not (folder / "done.json").exists()
            failed = run.key in rows and rows[run.key]["status"] == "failed"
            if begun and not failed and not _held(run, phase):
                unfinished.append(f"{folder}: holds an unfinished run")
    if unfinished:
        raise UserError(unfinished, hint="Resume with --resume, or discard all with --overwrite.")


def _held(run: Run, phase: str) -> bool:
    try:
        with alone(run.conf.folder / f".{phase}.lock", run.conf.folder):
            return False
    except Busy:
        return True


def _measure_steps(conf: Config, runs: Sequence[Run], bench: Bench) -> dict[str, str]:
    """Measure seconds and memory per step of each method with a finished run. Returns reasons of failures."""
    rows, sections = known(conf.folder), compared(conf)
    finished = {run.label for run in runs if rows.get(run.key, {}).get("status") == "done"}
    wanted = {label: section for label, section in sections.items() if label in finished}
    return measure_steps(conf, wanted, bench)


class Page:
    """`compare.html`, whose charts are all drawn anew each time; `clock` tells seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock, self.due = clock, clock()

    def sometimes(self, comparison: Comparison) -> None:
        """Draw the page unless it was drawn a short time ago."""
        if self.clock() >= self.due:
            self.draw(comparison)

    def draw(self, comparison: Comparison) -> None:
        """Draw the page."""
        began = self.clock()
        write_page(comparison)
        ended = self.clock()
        self.due = ended + _SELDOM * (ended - began)


def _tables(conf: Config, bench: Bench, page: Callable[[Comparison], object]) -> Comparison:
    """Write all tables from the rows of all processes."""
    with waiting(conf.folder):
        rows = known(conf.folder)
        labels = list(dict.fromkeys((*compared(conf), *(label for label, _ in rows))))
        result = Comparison(
            folder=conf.folder,
            title=conf.general.name,
            labels=labels,
            rows=sorted(rows.values(), key=lambda row: (labels.index(row["method"]), row["seed"])),
            steps=steps_of(conf),
            noun=bench.inputs.noun,
            tested=bench.tested,
            facts=about(conf, rows, bench),
            clips=len(bench.test),
            classes=bench.inputs.io.classes,
        )
        compare_table.write(result)
        page(result)
    return result


def _require_success(runs: Sequence[Run], rows: dict[Key, Row], steps: dict[str, str]) -> None:
    """Raise UserError where runs of this comparison failed, now or before."""
    lost = [
        f"{run.words}: {in_a_line(rows[run.key]['reason'])}"
        for run in runs
        if run.key in rows and rows[run.key]["status"] == "failed"
    ]
    lost += [f"{label}, cost per step: {why}" for label, why in steps.items()]
    if lost:
        count = f"{len(lost)} of {amount(len(runs), 'run')} failed; the others are in the tables:"
        raise UserError([count, *(f"  {line}" for line in lost)], hint=_AGAIN)
