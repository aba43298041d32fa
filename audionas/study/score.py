"""The results of a finished search of a comparison: accuracies, costs, and the signs of a collapse."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from audionas.config import Config, changed
from audionas.core import records
from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.records.decided import DecidedRecord
from audionas.core.records.study import DerivedRecord, SearchEpochRecord
from audionas.core.rng import seed_torch
from audionas.cost.graph import layers
from audionas.engine import checkpoint
from audionas.engine.recalibrate import recalibrated
from audionas.inputs.feed import (
    eval_batches,
    preparer,
    scores_of,
    train_batches,
)
from audionas.methods._base import SearchRun
from audionas.methods._bilevel import Bilevel
from audionas.models.bundle import ModelBundle
from audionas.nn.edge import Gates
from audionas.run.search import search
from audionas.run.supernet import budget, search_run, sizes_of
from audionas.run.train import sized, train
from audionas.spaces._base import Space, space_of
from audionas.spaces.tables.nas_bench_201 import Nb201Table
from audionas.study.bench import CALIBRATION, Bench
from audionas.study.chance import judged
from audionas.zoo.find import told


def score(conf: Config, bench: Bench, *, resume: bool, overwrite: bool) -> dict[str, Any]:
    """Search, train if requested, and measure: the row of a run without its name.

    Finished work is not repeated. Raises whatever search, method and training raise.
    """
    found = search(changed(conf), resume=resume, overwrite=overwrite)
    assert conf.method is not None
    spec = replace(found, scale=sizes_of(conf, bench.space))
    row: dict[str, Any] = {"arch": spec.id, **history(conf, bench), **decided(spec)}
    if conf.method.trains:
        row |= inherited(conf, spec, bench)
    if bench.compare.retrain:
        bundle = train(conf, resume=resume, overwrite=overwrite)
        row["trained"] = trained(conf, bundle, bench)
        spec = sized(spec, conf.train)
    if bench.table is not None:
        row |= looked_up(spec, bench.table)
    return {**row, **worth(spec, bench.space), "network": told(spec)}


def decided(spec: ArchSpec) -> dict[str, float]:
    """How decided the search was, from the architecture's note; nothing where that does not apply."""
    if "decided" not in spec.note:
        return {}
    record = records.check(DecidedRecord, spec.note["decided"], f"architecture {spec.id}")
    return {
        "margin_least": record.least,
        "margin_most": record.most,
        "close_share": record.close / len(record.margins),
        "entropy_share": record.entropy,
        "undecided": float(record.undecided),
    }


def looked_up(spec: ArchSpec, table: Nb201Table) -> dict[str, float]:
    """The table's results for a cell: accuracies as shares, and its rank by CIFAR-10's test accuracy."""
    found = table.row(spec)
    row: dict[str, float] = {}
    for name, outcome in found.outcomes.items():
        short = name.lower().replace("-", "_")
        row |= {f"{short}_val": outcome.val / 100, f"{short}_test": outcome.test / 100}
    if "cifar10" in found.outcomes:
        row["cifar10_rank"] = table.rank(found, "cifar10")
    return row


def worth(spec: ArchSpec, space: Space) -> dict[str, Any]:
    """Parameters and multiply-adds, and the kept operations without weights against the chance level."""
    with torch.random.fork_rng(devices=[]):
        found = layers(space.build(spec), spec.io)
    costs = {"params": sum(layer.params for layer in found), "macs": sum(layer.macs for layer in found)}
    return {**costs, **judged(spec, space)}


def history(conf: Config, bench: Bench) -> dict[str, Any]:
    """Training examples, steps, seconds (epochs and derivation) and the last entropy, from the run's log."""
    method = conf.method
    assert method is not None
    if not method.trains:
        return {"examples": 0, "weight_steps": 0, "seconds": 0.0}
    rows = records.rows(SearchEpochRecord, log := conf.folder / "search" / "metrics.jsonl")
    if not rows:
        raise UserError(f"{log}: has no epoch", hint="Start again with --overwrite.")
    derive = conf.folder / "search" / "derive.json"
    seconds = sum(row["seconds"] for row in rows)
    return {
        "epochs": len(rows),
        "examples": budget(conf, bench.inputs).examples * len(rows),
        **taken(rows, method.alpha_lr if isinstance(method, Bilevel) else None),
        "seconds": seconds + (records.read(DerivedRecord, derive).seconds if derive.exists() else 0.0),
        "entropy": rows[-1]["alpha_entropy"],
    }


def taken(rows: Sequence[Mapping[str, Any]], rate: float | None) -> dict[str, float]:
    """The steps of weights and alpha in all epochs, and alpha's times its rate: Adam's way, at most.

    Logs of earlier versions have none.
    """
    found: dict[str, float] = {
        name: sum(row[name] for row in rows)
        for name in ("weight_steps", "alpha_steps")
        if all(name in row for row in rows)
    }
    if rate is not None and "alpha_steps" in found:
        found["alpha_reach"] = found["alpha_steps"] * rate
    return found


def inherited(conf: Config, spec: ArchSpec, bench: Bench) -> dict[str, float]:
    """Accuracy of the derived network with the supernet's weights, and of the relaxed supernet."""
    method, run = conf.method, finished(conf, bench)
    assert method is not None
    one_hot = bench.space.one_hot(spec).items()
    hard = Gates({name: gate._replace(weight=gate.weight.to(run.device)) for name, gate in one_hot})
    derived = _accuracy(conf, run, lambda: hard, bench)
    relaxed = _accuracy(conf, run, lambda: method.gates("weights"), bench)
    return {"accuracy": derived, "relaxed": relaxed, "gap": relaxed - derived}


def finished(conf: Config, bench: Bench) -> SearchRun:
    """The supernet and the method in the state after the search."""
    assert conf.method is not None
    run = search_run(conf, bench.inputs, bench.device)
    conf.method.setup(run)
    checkpoint.restore(conf.method, conf.folder / "search" / "ckpt")
    run.epoch = run.epochs - 1  # schedules are in the state of the last step
    return conf.method.run


def _accuracy(conf: Config, run: SearchRun, gates: Callable[[], Gates], bench: Bench) -> float:
    """Accuracy with batch norms recalibrated under these gates; sampled gates are drawn again per batch."""
    prepare = preparer(bench.inputs, run.device)
    seed_torch(run.seed, "compare")
    with recalibrated(run.net, lambda b: run.logits(b.x, gates()), _calibration(conf, prepare, bench)):
        return _right(conf, lambda x: run.logits(x, gates()), bench)


def _calibration(conf: Config, prepare: Callable[[Any], Any], bench: Bench) -> Iterator[Any]:
    """The first batches of all training data in the seed's order, not augmented."""
    batches = train_batches(
        conf,
        bench.inputs,
        np.arange(len(bench.inputs.train)),
        batch_size=conf.search.batch_size,
        workers=0,
        augmented=False,
        reporter=bench.reporter,
    )
    return map(prepare, itertools.islice(batches.epoch(0), CALIBRATION))


def _right(conf: Config, net: Callable[[Tensor], Tensor], bench: Bench) -> float:
    """The share of right answers on the test split."""
    batches = eval_batches(conf, bench.inputs, bench.test, bench.reporter)
    found = scores_of(net, batches, preparer(bench.inputs, bench.device))
    scores, targets = bench.inputs.answers(bench.test, found)
    return float((scores.argmax(1) == targets).mean())


def trained(conf: Config, bundle: ModelBundle, bench: Bench) -> float:
    """Accuracy of a network trained from scratch."""
    with torch.random.fork_rng(devices=[]):
        net = space_of(bundle.spec).build(bundle.spec)
    net.load_state_dict(bundle.weights)
    return _right(conf, net.to(bench.device).eval(), bench)
