"""`audionas search`: from a config to an architecture file."""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from audionas.config import Config
from audionas.core import records
from audionas.core.arch import ArchSpec
from audionas.core.errors import Faults, UserError
from audionas.core.files import add_line, write_json, write_text
from audionas.core.records.decided import DecidedRecord
from audionas.core.records.run import AlphasRecord, DoneRecord
from audionas.core.reporter import Reporter
from audionas.cost.table import table
from audionas.data.batches import Batch, mourned
from audionas.engine import checkpoint, processes
from audionas.engine.checkpoint import State
from audionas.engine.distributed import level, own_draws
from audionas.engine.loop import Metrics, fit
from audionas.inputs.feed import Inputs, facts_of, open_inputs, tell_all
from audionas.methods._base import Method, SearchRun
from audionas.methods._bilevel import Bilevel
from audionas.methods._decided import decided
from audionas.methods._derive import parameter_free
from audionas.proxies.untrained import EXAMPLES
from audionas.run.folder import device_of, finish, phase, require_there
from audionas.run.select import require_possible, select
from audionas.run.supernet import (
    budget,
    default_features,
    first_examples,
    give_examples,
    halves,
    pairs,
    preparers,
    search_run,
    sizes_of,
    wanted,
)
from audionas.run.training.found import find as viable
from audionas.searchers._base import Problem
from audionas.zoo.find import read as read_arch
from audionas.zoo.find import told

_SECTIONS = ("augment", "spec_augment", "space", "method", "search")
Until = Callable[[int], bool]


@processes.joined()
@mourned()
def search(
    conf: Config,
    *,
    resume: bool = False,
    overwrite: bool = False,
    keep_supernet: bool = False,
    until: Until | None = None,
) -> ArchSpec:
    """Search `conf.space` with `conf.method`. Writes and returns `exp/<name>/arch.json`.

    With a searcher the method only trains the supernet; the architecture is then the knee of the front that
    the searcher finds, and `front.json` holds the whole front; `keep_supernet` overwrites only the searcher's
    results. Told the epochs done, `until` says whether the method ends there, on the schedule of all epochs.
    Under torchrun every process calls this, and the first one writes.
    """
    if keep_supernet and not (overwrite and conf.searcher is not None):
        raise UserError(
            "--keep-supernet: works only with --overwrite and a searcher",
            hint="For example: audionas search CONF --overwrite --keep-supernet",
        )
    inputs, device, reporter = opened(conf)
    space, _ = wanted(conf)
    arch = conf.folder / "arch.json"
    problem = Problem(space, inputs.io, sizes_of(conf, space), conf.general.seed)
    if conf.searcher is not None:
        require_possible(conf, problem)
    judge = viable(conf, inputs, reporter)
    again = overwrite and not keep_supernet
    found = _fitted(conf, inputs, device, reporter, resume=resume, overwrite=again, until=until)
    if conf.searcher is not None:
        start = {**facts(conf, inputs, device), **(judge.facts if judge is not None else {})}
        shown = partial(first_examples, conf, inputs, device, reporter, EXAMPLES)
        front = select(conf, problem, start, shown, resume=resume, overwrite=overwrite)
        found = _kept(conf, front.member(front.knee).spec)
    assert found is not None
    costs = table(space, inputs.io, found.scale)
    params, macs = (costs.of(found, what) for what in ("params", "macs"))
    reporter.note(f"found {found.id}: {told(found)}")
    for line in _decided_words(found, str(arch)):
        reporter.note(line)
    reporter.note(f"{params:,} parameters, {macs:,} multiply-adds; written to {arch}")
    return found


@processes.joined()
@mourned()
def supernet(conf: Config, *, resume: bool = False, overwrite: bool = False) -> None:
    """Only train the supernet of `conf.space` as `conf.method` does, for later scoring of its networks."""
    inputs, device, reporter = opened(conf)
    _fitted(conf, inputs, device, reporter, derive=False, resume=resume, overwrite=overwrite)


def opened(conf: Config) -> tuple[Inputs, torch.device, Reporter]:
    """Data, device and reporter of a search. Raises UserErrors for anything missing."""
    faults, reporter = Faults(), processes.reporter()
    with faults:
        space, _ = wanted(conf)
    with faults:
        device, why = device_of(conf)
    tell_all(faults, conf)
    reporter.note(why)
    for change in (*conf.changes, *conf.void("search", "searcher", "method")):
        reporter.note(change)
    return open_inputs(conf, conf.features or default_features(space), reporter), device, reporter


def _fitted(
    conf: Config,
    inputs: Inputs,
    device: torch.device,
    reporter: Reporter,
    *,
    derive: bool = True,
    resume: bool,
    overwrite: bool,
    until: Until | None = None,
) -> ArchSpec | None:
    """Run the phase in which the method works. Returns the derived architecture, if one is wanted."""
    derive = derive and conf.searcher is None
    arch = conf.folder / "arch.json"
    started = facts(conf, inputs, device)
    makes = ("arch.json",) if derive else ()
    with phase(conf, "search", started, resume=resume, overwrite=overwrite, makes=makes) as (
        folder,
        finished,
    ):
        if finished and not derive:
            return None
        if finished and _derived(folder) and arch.exists():
            spec = read_arch(arch)
            reporter.note(f"{folder}: finished earlier; the architecture is {arch} ({spec.id})")
            return spec
        assert conf.method is not None
        found = _run(conf, conf.method, inputs, device, folder, until, derive=derive)
        if processes.first():
            require_there(folder)
        kept = _kept(conf, found) if found is not None else None
        finish(folder, {"arch": kept.id if kept is not None else None})
        return kept


def _derived(folder: Path) -> bool:
    """True where the method itself has derived an architecture from the supernet."""
    return records.read(DoneRecord, folder / "done.json").arch is not None


def _kept(conf: Config, found: ArchSpec) -> ArchSpec:
    """The architecture with a note of its origin; the first process writes it to `arch.json`."""
    spec = replace(found, note={**found.note, **_note(conf)})
    if processes.first():
        spec.save(conf.folder / "arch.json")
    return spec


def facts(conf: Config, inputs: Inputs, device: torch.device) -> dict[str, Any]:
    """The facts that must be equal for a search to resume."""
    return facts_of(conf, inputs, device, _SECTIONS)


class Searching:
    """The work of a search: the method's steps, and the history of its probabilities."""

    def __init__(
        self,
        method: Method,
        run: SearchRun,
        folder: Path,
        inputs: Inputs,
        conf: Config,
        until: Until | None = None,
    ) -> None:
        self.method, self.run, self.folder = method, run, folder
        self.done, self.until = 0, until  # epochs
        self.logged = False  # a row of probabilities, by this process
        self.prepare_train, self.prepare_valid = preparers(conf, inputs, run.device)

    def begin(self, epoch: int) -> None:
        """Set schedules, counters and training mode."""
        self.run.taken.clear()
        self.method.on_epoch(epoch)
        self.run.net.train()

    def step(self, batch: tuple[Batch, Batch], progress: float) -> Metrics:
        """One step of the method on (train, valid)."""
        train, valid = batch
        with own_draws():
            first = self.prepare_train(train)
            second = self.prepare_valid(valid) if self.method.halves else first
        return self.method.step(first, second, progress)

    def end(self, epoch: int) -> Mapping[str, float]:
        """Log the probabilities; entropy and the share of free operations show how far it has decided.

        The steps that the optimisers of weights and alpha took are those of this epoch.
        """
        level(self.run.net.buffers())
        self.done = epoch + 1
        self.method.after_epoch()
        probabilities = self.method.probabilities()
        if processes.first():
            self._log(epoch, probabilities)
        row = {"alpha_entropy": _entropy(probabilities), "lr": self.method.rate(epoch + 1)}
        if self.method.quick:
            free, kept = parameter_free(self.method.derive(), self.run.space)
            row["parameter_free"] = free / max(kept, 1)
        row["weight_steps"] = self.run.taken["weights"]
        if self.run.alphas:
            row["alpha_steps"] = self.run.taken["alpha"]
        return {**row, **self.method.tell(), **self.run.told()}

    def _log(self, epoch: int, probabilities: Mapping[str, Mapping[str, float]]) -> None:
        """Append a row; the first of a process drops those of epochs that are run again."""
        log, line = self.folder / "alphas.jsonl", json.dumps({"epoch": epoch, "probabilities": probabilities})
        if self.logged:
            add_line(log, line)
            return
        rows = [row for row in records.rows(AlphasRecord, log) if row["epoch"] < epoch]
        write_text(log, "".join(json.dumps(row) + "\n" for row in rows) + line + "\n")
        self.logged = True

    def stop(self) -> bool:
        """True where the method has a reason to end, or `until` says so."""
        asked = self.done and self.until is not None and self.until(self.done)
        return bool(asked or self.method.stop())

    def state(self) -> State:
        """The state of the method."""
        return self.method.state()

    def restore(self, state: State) -> None:
        """Restore the state of the method, and the epoch after which it was saved."""
        self.method.restore(state)
        self.done = checkpoint.latest(self.folder / "ckpt")
        self.run.epoch = self.done - 1


def _run(
    conf: Config,
    method: Method,
    inputs: Inputs,
    device: torch.device,
    folder: Path,
    until: Until | None,
    *,
    derive: bool,
) -> ArchSpec | None:
    """Train the supernet, and derive an architecture if wanted."""
    run, place = search_run(conf, inputs, device), (processes.rank(), processes.count())
    method.setup(run)
    if method.trains:
        reporter = processes.reporter(folder, since=checkpoint.latest(folder / "ckpt"))
        train, valid = halves(conf, inputs, reporter)
        steps = budget(conf, inputs).steps
        mine = train.shared(*place), valid.shared(*place) if method.halves else valid
        work = Searching(method, run, folder, inputs, conf, until)
        give_examples(conf, run, inputs, reporter)
        fit(
            work,
            lambda epoch: pairs(method, *mine, epoch, steps),
            steps,
            epochs=run.epochs,
            seed=run.seed,
            folder=folder,
            reporter=reporter,
            remedy=_remedy(conf, method),
        )
        if why := method.stop():
            reporter.note(f"the search stopped after epoch {run.epoch + 1} of {run.epochs}: {why}")
        elif work.done < run.epochs:
            reporter.note(f"the search ended after epoch {work.done} of {run.epochs}, as asked")
        found = _derive(method, folder) if derive else None
        reporter.close()
        for batches in (train, valid, *mine):
            batches.close()
        return found
    return method.derive() if derive else None


def _decided_words(found: ArchSpec, source: str) -> list[str]:
    """How decided the search was, and what to change where it was not."""
    if "decided" not in found.note:
        return ["decided: not applicable, as no strengths of options are learnt here"]
    record = records.check(DecidedRecord, found.note["decided"], source)
    return [record.words, record.advice] if record.advice else [record.words]


def _remedy(conf: Config, method: Method) -> str:
    """The overrides after which a search that diverges is calmer."""
    calmer = conf.search.optim.calmer("search")
    if isinstance(method, Bilevel):
        calmer += f" method.alpha_lr={min(method.alpha_lr / 10, type(method).alpha_lr):g}"
    return f"Start again with --overwrite {calmer}."


def _derive(method: Method, folder: Path) -> ArchSpec:
    """The architecture found, with a note of how decided the method is."""
    start = time.monotonic()
    found = method.derive()
    if not method.quick and processes.first():
        write_json(folder / "derive.json", {"seconds": time.monotonic() - start})
    note: dict[str, Any] = {}
    if (record := decided(method)) is not None:
        note["decided"] = record.plain()
    if why := method.stop():
        note["stopped"] = f"after epoch {method.run.epoch + 1} of {method.run.epochs}: {why}"
    return replace(found, note={**found.note, **note})


def _entropy(probabilities: Mapping[str, Mapping[str, float]]) -> float:
    """Mean over choices of the entropy in nats of the options' shares (sigmoids are normalised first)."""
    entropies = []
    for options in probabilities.values():
        total = sum(options.values())
        shares = [p / total for p in options.values() if p > 0]
        entropies.append(-sum(s * math.log(s) for s in shares))
    return sum(entropies) / len(entropies)


def _note(conf: Config) -> dict[str, str | int]:
    assert conf.method is not None
    return {"name": conf.general.name, "method": conf.raw["method"]["name"], "seed": conf.general.seed}
