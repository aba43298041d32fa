"""The parts that all runs of a comparison share: space, data, device, and test examples."""

from pathlib import Path
from typing import Any, NamedTuple

import torch

from audionas.config import Config
from audionas.core.errors import UserError
from audionas.core.files import sha256
from audionas.core.reporter import Reporter
from audionas.core.rng import numpy_rng
from audionas.data import kaldi
from audionas.engine.conf import Compare
from audionas.inputs.audio import ClipInputs, ClipSplit, open_channels, open_split, tell_cuts
from audionas.inputs.feed import Inputs, facts_of, open_inputs
from audionas.inputs.images import ImageSplit, open_test
from audionas.inputs.shards import SegmentSplit
from audionas.inputs.split import Split
from audionas.run.folder import device_of
from audionas.run.supernet import default_features, wanted
from audionas.spaces._base import Space
from audionas.spaces.nas_bench_201 import NasBench201
from audionas.spaces.tables.nas_bench_201 import Nb201Table
from audionas.study.chance import RARE

CALIBRATION = 32  # batches of training data from which batch-norm statistics are taken


class Bench(NamedTuple):
    """The shared space, data and device, and the split that networks are scored on, in words `tested`.

    `measured` identifies the rules by which a row was made; a row made by other rules is remade from its run.
    """

    space: Space
    inputs: Inputs
    device: torch.device
    test: Split
    tested: str
    compare: Compare
    table: Nb201Table | None
    measured: dict[str, Any]
    reporter: Reporter


def open_bench(one: Config, conf: Config, reporter: Reporter) -> Bench:
    """Open the data; `one` is the config of any of the searches. Raises the UserErrors of a search."""
    space, _ = wanted(one)
    compare = conf.compare
    assert compare is not None
    found = _table(compare.table, space)
    device, why = device_of(one)
    reporter.note(why)
    inputs = open_inputs(one, one.features or default_features(space), reporter)
    test = scored_split(one, inputs, compare.test, reporter)
    tested = f"{len(test):,} {inputs.noun} of {compare.test or 'the development data'}"
    measured = {
        "test": _fingerprint(inputs, compare.test, test),
        "calibration": CALIBRATION,
        "collapsed": RARE,
        "train": facts_of(one, inputs, device, ("train",))["train"] if compare.retrain else None,
        "table": sha256(compare.table)[:12] if found is not None else None,
    }
    return Bench(space, inputs, device, test, tested, compare, found, measured, reporter)


def _table(path: str, space: Space) -> Nb201Table | None:
    """The table of results in the config. Raises UserError where it belongs to another space."""
    if not path:
        return None
    if not isinstance(space, NasBench201):
        raise UserError(
            f"compare.table: {path} has results of nas_bench_201, but the space is {space.name}",
            hint="Remove compare.table, or search space.name=nas_bench_201.",
        )
    return Nb201Table.load(path)


def scored_split(conf: Config, inputs: Inputs, test: str, reporter: Reporter) -> Split:
    """The examples of `compare.test`, or the development data. Raises UserError where there are none."""
    if not test:
        if not len(inputs.dev):
            raise UserError(
                f"{conf.general.name}: nothing to score networks on: images.dev is 0",
                hint="Hold images out with images.dev=0.1, or give a test part with compare.test=PATH.",
            )
        return inputs.dev
    if isinstance(inputs, ClipInputs):
        folder, samples = kaldi.read(Path(test)), inputs.samples
        tell_cuts(folder, conf.data.seconds, reporter)
        if inputs.channels > 1:
            return open_channels(folder, conf.data, inputs.labels, inputs.front_end, samples, reporter)
        return open_split(folder, conf.data, inputs.labels, inputs.front_end, samples, reporter)
    assert conf.images is not None
    assert conf.space is not None
    any_network = conf.space.sample(numpy_rng(0), inputs.io)
    return open_test(Path(test), inputs.bundle(any_network, {}, {}), conf.images.cache, reporter)


def _fingerprint(inputs: Inputs, test: str, split: Split) -> str:
    """The fingerprint of the examples that networks are scored on."""
    if isinstance(split, ImageSplit) and test:
        return split.pool.fingerprint
    if not test:
        return inputs.fingerprint
    assert isinstance(split, ClipSplit | SegmentSplit)
    return split.fingerprint[:12]
