"""`audionas search`: a config to an architecture file."""

import itertools
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from audionas.config import Config
from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError, did_you_mean
from audionas.core.files import read_json, write_json, write_text
from audionas.core.reporter import Reporter, read_rows
from audionas.core.rng import seed_torch
from audionas.cost.table import table
from audionas.data.batches import Batch, Batches
from audionas.engine import checkpoint, processes
from audionas.engine.checkpoint import State
from audionas.engine.distributed import level, own_draws
from audionas.engine.loop import Metrics, fit
from audionas.features import Features
from audionas.inputs.feed import Inputs, drawn, facts_of, open_inputs, preparer, split_rows, train_batches
from audionas.methods._base import Method, SearchRun
from audionas.methods._derive import parameter_free
from audionas.run.folder import device_of, finish, phase
from audionas.run.select import require_possible, select
from audionas.searchers._base import Problem
from audionas.spaces._base import Space
from audionas.zoo import find as _archs

_SECTIONS = ("augment", "spec_augment", "space", "method", "search")


@processes.joined()
def search(
    conf: Config, *, resume: bool = False, overwrite: bool = False, keep_supernet: bool = False
) -> ArchSpec:
    """Search `conf.space` with `conf.method`; writes and returns `exp/<name>/arch.json`.

    With a searcher the method only trains the supernet; the architecture is then the knee of the front that
    the searcher finds, which `front.json` has whole; `keep_supernet` overwrites only what the searcher found.
    Under torchrun every process calls this, and the first one writes.
    """
    if keep_supernet and not (overwrite and conf.searcher is not None):
        raise UserError(
            "--keep-supernet: there is nothing to keep it from",
            hint="It goes with --overwrite and a searcher: audionas search CONF --overwrite --keep-supernet",
        )
    space, _ = wanted(conf)
    inputs, device, reporter = opened(conf)
    arch = conf.folder / "arch.json"
    problem = Problem(space, inputs.io, sizes_of(conf, space), conf.general.seed)
    if conf.searcher is not None:
        require_possible(conf, problem)
    again = overwrite and not keep_supernet
    found = _fitted(conf, inputs, device, reporter, resume=resume, overwrite=again)
    if conf.searcher is not None:
        start = facts(conf, inputs, device)
        front = select(conf, problem, start, resume=resume, overwrite=overwrite)
        found = _kept(conf, front.member(front.knee).spec)
    assert found is not None
    costs = table(space, inputs.io, found.scale)
    params, macs = (costs.of(found, what) for what in ("params", "macs"))
    reporter.note(f"found {found.id}: {_archs.told(found)}")
    reporter.note(f"{params:,} parameters, {macs:,} multiply-adds; written to {arch}")
    return found


@processes.joined()
def supernet(conf: Config, *, resume: bool = False, overwrite: bool = False) -> None:
    """Only train the supernet of `conf.space` as `conf.method` does, for what scores networks in it."""
    inputs, device, reporter = opened(conf)
    _fitted(conf, inputs, device, reporter, derive=False, resume=resume, overwrite=overwrite)


def opened(conf: Config) -> tuple[Inputs, torch.device, Reporter]:
    """Data, device and voice of a search; UserErrors of whatever it lacks."""
    space, _ = wanted(conf)
    reporter = processes.reporter()
    device, why = device_of(conf)
    reporter.note(why)
    for change in conf.changes:
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
) -> ArchSpec | None:
    """The phase in which the method works; the architecture that it derives, where it is to derive one."""
    derive = derive and conf.searcher is None
    arch = conf.folder / "arch.json"
    started = facts(conf, inputs, device)
    with phase(conf, "search", started, resume=resume, overwrite=overwrite) as (folder, finished):
        if finished and not derive:
            return None
        if finished and _derived(folder) and arch.exists():
            spec = _archs.read(arch)
            reporter.note(f"{folder}: finished earlier; the architecture is {arch} ({spec.id})")
            return spec
        assert conf.method is not None
        found = _run(conf, conf.method, inputs, device, folder, derive=derive)
        kept = _kept(conf, found) if found is not None else None
        finish(folder, {"arch": kept.id if kept is not None else None})
        return kept


def _derived(folder: Path) -> bool:
    """Whether the method itself has derived an architecture from the supernet."""
    return read_json(folder / "done.json")["arch"] is not None


def _kept(conf: Config, found: ArchSpec) -> ArchSpec:
    """The architecture with a note of where it is from, written to `arch.json` by the first process."""
    spec = replace(found, note={**found.note, **_note(conf)})
    if processes.first():
        spec.save(conf.folder / "arch.json")
    return spec


def facts(conf: Config, inputs: Inputs, device: torch.device) -> dict[str, Any]:
    """What must be equal for a search to be continued."""
    return facts_of(conf, inputs, device, _SECTIONS)


def default_features(space: Space) -> Features | None:
    """The front-end that a space was made for; None where it was made for images."""
    name, _, preset = space.features.partition("/")
    return Features(name=name, preset=preset) if name else None


class Searching:
    """The work of a search: the method's steps, and the history of its probabilities."""

    def __init__(self, method: Method, run: SearchRun, folder: Path, inputs: Inputs, conf: Config) -> None:
        self.method, self.run, self.folder = method, run, folder
        self.prepare_train = preparer(inputs, run.device, conf.spec_augment)
        self.prepare_valid = preparer(inputs, run.device)

    def begin(self, epoch: int) -> None:
        """Schedules, training mode."""
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
        """Log the probabilities; entropy and the share of free operations say how far it has decided."""
        level(self.run.net.buffers())
        probabilities = self.method.probabilities()
        if processes.first():
            self._log(epoch, probabilities)
        row = {"alpha_entropy": _entropy(probabilities), "lr": self.method.rate(epoch + 1)}
        if self.method.quick:
            free, kept = parameter_free(self.method.derive(), self.run.space)
            row["parameter_free"] = free / max(kept, 1)
        return {**row, **self.method.tell()}

    def _log(self, epoch: int, probabilities: Mapping[str, Mapping[str, float]]) -> None:
        log = self.folder / "alphas.jsonl"
        rows = [row for row in read_rows(log) if row["epoch"] < epoch]
        rows.append({"epoch": epoch, "probabilities": probabilities})
        write_text(log, "".join(json.dumps(row) + "\n" for row in rows))

    def stop(self) -> bool:
        """A search runs its epochs."""
        return False

    def state(self) -> State:
        """The method's."""
        return self.method.state()

    def restore(self, state: State) -> None:
        """The method's."""
        self.method.restore(state)


def search_run(conf: Config, inputs: Inputs, device: torch.device) -> SearchRun:
    """A fresh supernet with all that a method needs to work on it."""
    space, method = wanted(conf)
    options, seed = conf.search, conf.general.seed
    method.require(space)
    sizes = sizes_of(conf, space)
    seed_torch(seed, "supernet")
    return SearchRun(
        space=space,
        io=inputs.io,
        net=space.supernet(method.fill, inputs.io, dropout=options.dropout, sizes=sizes).to(device),
        costs=table(space, inputs.io, sizes),
        optim=options.optim,
        epochs=options.epochs,
        seed=seed,
        device=device,
        label_smoothing=options.label_smoothing,
        amp=options.amp and device.type == "cuda",
        sync_norms=options.bn == "sync",
        sizes=sizes,
        dropout=options.dropout,
    )


def sizes_of(conf: Config, space: Space) -> dict[str, int]:
    """The supernet's size in a space of cells; empty in others, where asking for one is a UserError."""
    asked = {k: v for k, v in (("layers", conf.search.layers), ("channels", conf.search.channels)) if v}
    if unknown := [k for k in asked if k not in space.sizes]:
        raise UserError(
            [
                f"search.{k}: space {space.name} has no such size.{did_you_mean(k, space.sizes)}"
                for k in unknown
            ],
            hint="Only spaces of cells, such as darts_cell, have layers and channels.",
        )
    return {**space.sizes, **asked}


def _run(
    conf: Config, method: Method, inputs: Inputs, device: torch.device, folder: Path, *, derive: bool
) -> ArchSpec | None:
    """Train the supernet, and derive where that is wanted."""
    run, place = search_run(conf, inputs, device), (processes.rank(), processes.count())
    method.setup(run)
    if method.trains:
        reporter = processes.reporter(folder, since=checkpoint.latest(folder / "ckpt"))
        train, valid = halves(conf, inputs, reporter)
        steps = budget(conf, inputs).steps
        mine = train.shared(*place), valid.shared(*place) if method.halves else valid
        work = Searching(method, run, folder, inputs, conf)
        give_examples(conf, run, inputs, reporter)
        fit(
            work,
            lambda epoch: pairs(method, *mine, epoch, steps),
            steps,
            epochs=run.epochs,
            seed=run.seed,
            folder=folder,
            reporter=reporter,
        )
        found = _derive(method, folder) if derive else None
        reporter.close()
        for batches in (train, valid, *mine):
            batches.close()
        return found
    return method.derive() if derive else None


def _derive(method: Method, folder: Path) -> ArchSpec:
    start = time.monotonic()
    found = method.derive()
    if not method.quick and processes.first():
        write_json(folder / "derive.json", {"seconds": time.monotonic() - start})
    return found


def give_examples(conf: Config, run: SearchRun, inputs: Inputs, reporter: Reporter) -> None:
    """What networks of the supernet are scored on: both halves in one order, not augmented."""
    prepare = preparer(inputs, run.device)
    batches = partial(
        train_batches, conf, inputs, batch_size=conf.search.batch_size, workers=0, augmented=False
    )
    first, second = (batches(rows, reporter=reporter) for rows in split_rows(conf, inputs))
    run.train, run.valid = partial(_prepared, first, prepare), partial(_prepared, second, prepare)


def _prepared(batches: Batches, prepare: Callable[[Batch], Batch]) -> Iterator[Batch]:
    return map(prepare, batches.epoch(0))


def halves(conf: Config, inputs: Inputs, reporter: Reporter) -> tuple[Batches, Batches]:
    """Batches for the weights and for alpha, of different examples; only the first are augmented.

    A method of one level takes all training data for the first.
    """
    first, second = split_rows(conf, inputs)
    batches = partial(
        train_batches,
        conf,
        inputs,
        batch_size=conf.search.batch_size,
        workers=conf.search.workers,
        reporter=reporter,
    )
    assert conf.method is not None
    train = batches(first if conf.method.halves else np.arange(len(inputs.train)), augmented=True)
    valid = batches(second, augmented=False)
    return train, valid


class Budget(NamedTuple):
    """What an epoch takes: steps, and training examples drawn."""

    steps: int
    examples: int


def budget(conf: Config, inputs: Inputs) -> Budget:
    """An epoch of `conf.method`: every method draws as many examples in one, as far as batches allow.

    That is a pass over the half for the weights, and as many batches of the other; a method of one level
    draws them from all training data.
    """
    weights, alpha = split_rows(conf, inputs)
    first, second = drawn(conf, inputs, weights), len(alpha)
    size = conf.search.batch_size
    steps = max(1, first // size)
    examples = steps * (min(size, first) + min(size, second))
    assert conf.method is not None
    if conf.method.halves:
        return Budget(steps, examples)
    batch = min(size, drawn(conf, inputs, np.arange(len(inputs.train))))
    return Budget(max(1, examples // batch), max(1, examples // batch) * batch)


def pairs(
    method: Method, train: Batches, valid: Batches, epoch: int, steps: int
) -> Iterable[tuple[Batch, Batch]]:
    """An epoch's (train, valid) batches; for a method of one level both are the same."""
    if method.halves:
        return zip(train.epoch(epoch), _endless(valid, epoch), strict=False)
    return ((batch, batch) for batch in itertools.islice(_endless(train, epoch), steps))


def _endless(batches: Batches, epoch: int) -> Iterator[Batch]:
    """As many passes as an epoch needs; each pass has an order of its own."""
    passes: Iterable[int] = itertools.count()
    for k in passes:
        yield from batches.epoch(epoch * 1000 + k)


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


def wanted(conf: Config) -> tuple[Space, Method]:
    """The space and the method of a search; UserError where there is none, or nothing to search."""
    missing = [s for s in ("space", "method") if getattr(conf, s) is None]
    if missing or conf.space is None or conf.method is None:
        raise UserError(
            [f"{conf.general.name}: the config has no section '{s}'" for s in missing],
            hint="For example: space: {name: kws_tc_resnet}, method: {name: noisy_darts}",
        )
    if conf.searcher is not None and not conf.method.trains:
        raise UserError(
            f"searcher: method {conf.raw['method']['name']} trains no supernet to score networks by",
            hint="For example: method: {name: fair_nas}",
        )
    if not conf.space.choices():
        raise UserError(
            f"space {conf.space.name} has no choices: there is nothing to search",
            hint="Train it instead: audionas train CONF arch=NAME",
        )
    return conf.space, conf.method
