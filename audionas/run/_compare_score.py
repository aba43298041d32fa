"""What a finished search of a comparison is worth: accuracies, costs, and the signs of a collapse."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from audionas.config import Config, changed
from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.files import read_json
from audionas.core.report import Reporter, read_rows
from audionas.core.rng import numpy_rng, seed_torch
from audionas.cost.graph import measure
from audionas.data import kaldi
from audionas.engine import checkpoint
from audionas.engine.conf import Compare
from audionas.engine.recalibrate import recalibrated
from audionas.export.bundle import ModelBundle
from audionas.methods._base import SearchRun
from audionas.methods._derive import parameter_free
from audionas.nn.edge import Gates
from audionas.run._examples import Split
from audionas.run._folder import device_of
from audionas.run._inputs import (
    Inputs,
    eval_batches,
    facts_of,
    open_inputs,
    preparer,
    scores_of,
    train_batches,
)
from audionas.run._pictures import ImageSplit, open_test
from audionas.run._recordings import ClipInputs, open_split
from audionas.run.search import budget, default_features, search, search_run, sizes_of, wanted
from audionas.run.train import sized, train
from audionas.spaces._base import Space, space_of

CALIBRATION = 32  # batches of training data from which batch-norm statistics are taken
COLLAPSED = 5 / 8  # share of operations without weights in a cell from which on it counts as collapsed


class Bench(NamedTuple):
    """What all runs share: space, data, device, and the split that networks are scored on, in words `tested`.

    `measured` says by which rules a row was made; a row made by others is made anew from its run.
    """

    space: Space
    inputs: Inputs
    device: torch.device
    test: Split
    tested: str
    compare: Compare
    measured: dict[str, Any]
    reporter: Reporter


def open_bench(one: Config, conf: Config, reporter: Reporter) -> Bench:
    """Open the data; `one` is the config of any of the searches. Raises the UserErrors that it would."""
    space, _ = wanted(one)
    compare = conf.compare
    assert compare is not None
    device, why = device_of(one)
    reporter.note(why)
    inputs = open_inputs(one, one.features or default_features(space), reporter)
    test = scored_split(one, inputs, compare.test, reporter)
    tested = f"{len(test):,} {inputs.noun} of {compare.test or 'the development data'}"
    measured = {
        "test": _fingerprint(inputs, compare.test, test),
        "calibration": CALIBRATION,
        "train": facts_of(one, inputs, device, ("train",))["train"] if compare.retrain else None,
    }
    return Bench(space, inputs, device, test, tested, compare, measured, reporter)


def scored_split(conf: Config, inputs: Inputs, test: str, reporter: Reporter) -> Split:
    """The examples of `compare.test`, or the development data; UserError where there are none."""
    if not test:
        if not len(inputs.dev):
            raise UserError(
                f"{conf.general.name}: nothing to score networks on: images.dev is 0",
                hint="Hold images out with images.dev=0.1, or name a test part with compare.test=PATH.",
            )
        return inputs.dev
    if isinstance(inputs, ClipInputs):
        folder, samples = kaldi.read(Path(test)), inputs.samples
        return open_split(folder, conf.data, inputs.labels, inputs.front_end, samples, reporter)
    assert conf.images is not None
    assert conf.space is not None
    any_network = conf.space.sample(numpy_rng(0), inputs.io)
    return open_test(Path(test), inputs.bundle(any_network, {}, {}), conf.images.cache, reporter)


def _fingerprint(inputs: Inputs, test: str, split: Split) -> str:
    """Of what networks are scored on."""
    if isinstance(split, ImageSplit) and test:
        return split.pool.fingerprint
    return kaldi.read(Path(test)).fingerprint[:12] if test else inputs.fingerprint


def score(conf: Config, bench: Bench, *, resume: bool, overwrite: bool) -> dict[str, Any]:
    """Search, train where asked for, and measure: the row of a run without its name.

    What is finished is not done again. Raises whatever search, method and training raise.
    """
    found = search(changed(conf), resume=resume, overwrite=overwrite)
    assert conf.method is not None
    spec = replace(found, scale=sizes_of(conf, bench.space))
    row: dict[str, Any] = {"arch": spec.id, **history(conf, bench)}
    if conf.method.trains:
        row |= inherited(conf, spec, bench)
    if bench.compare.retrain:
        bundle = train(conf, resume=resume, overwrite=overwrite)
        row["trained"] = trained(conf, bundle, bench)
        spec = sized(spec, conf.train)
    return {**row, **worth(spec, bench.space), "network": taken(spec)}


def worth(spec: ArchSpec, space: Space) -> dict[str, Any]:
    """Parameters and multiply-adds, and how many of the kept operations have no weights."""
    with torch.random.fork_rng(devices=[]):
        cost = measure(space.build(spec), spec.io)
    free, kept = parameter_free(spec, space)
    return {
        "params": cost.params,
        "macs": cost.macs,
        "free": free,
        "kept": kept,
        "free_share": free / max(kept, 1),
        "collapsed": _collapsed(free, kept, space),
    }


def _collapsed(free: int, kept: int, space: Space) -> bool:
    """At least five of eight kept operations of a cell, or all layers of a chain that may skip."""
    cells = any(choice.node for choice in space.choices())
    return kept > 0 and free >= (COLLAPSED * kept if cells else kept)


def taken(spec: ArchSpec) -> str:
    """The network in a line: its options in order, in cells with their edges."""
    cells = any(not options or "/" in name for name, options in spec.choices.items())
    kept = {name: "+".join(options) for name, options in spec.choices.items() if options}
    return " ".join(f"{name}:{options}" if cells else options for name, options in kept.items())


def history(conf: Config, bench: Bench) -> dict[str, Any]:
    """Training examples, steps, seconds (epochs and derivation) and the last entropy, from the run's log."""
    assert conf.method is not None
    if not conf.method.trains:
        return {"examples": 0, "steps": 0, "seconds": 0.0}
    steps, examples = budget(conf, bench.inputs)
    rows = read_rows(conf.folder / "search" / "metrics.jsonl")
    derive = conf.folder / "search" / "derive.json"
    seconds = sum(row["seconds"] for row in rows)
    return {
        "examples": examples * len(rows),
        "steps": steps * len(rows),
        "seconds": seconds + (read_json(derive)["seconds"] if derive.exists() else 0.0),
        "entropy": rows[-1]["alpha_entropy"],
    }


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
    """The supernet and the method as the search left them."""
    assert conf.method is not None
    run = search_run(conf, bench.inputs, bench.device)
    conf.method.setup(run)
    conf.method.restore(checkpoint.load(conf.folder / "search" / "ckpt"))
    run.epoch = run.epochs - 1  # schedules stand where the last step found them
    return conf.method.run


def _accuracy(conf: Config, run: SearchRun, gates: Callable[[], Gates], bench: Bench) -> float:
    """With batch norms recalibrated under these gates, which are drawn anew for each batch where they are."""
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
    scores = scores_of(net, batches, preparer(bench.inputs, bench.device))
    return float((scores.argmax(1) == bench.test.targets).mean())


def trained(conf: Config, bundle: ModelBundle, bench: Bench) -> float:
    """Accuracy of a network trained from scratch."""
    with torch.random.fork_rng(devices=[]):
        net = space_of(bundle.spec).build(bundle.spec)
    net.load_state_dict(bundle.weights)
    return _right(conf, net.to(bench.device).eval(), bench)
