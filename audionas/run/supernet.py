"""A finished search's supernet, and the scorer of its networks for any process."""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from audionas.config import Config, built
from audionas.core.errors import UserError, did_you_mean
from audionas.core.reporter import Reporter
from audionas.core.rng import seed_torch
from audionas.cost.table import table
from audionas.data.batches import Batch, Batches
from audionas.engine import checkpoint
from audionas.features import Features
from audionas.inputs.feed import drawn, open_inputs, preparer, split_rows, train_batches
from audionas.inputs.split import Inputs
from audionas.methods._base import Method, SearchRun
from audionas.run.folder import device_of
from audionas.run.training import found
from audionas.searchers._base import DEAR
from audionas.spaces._base import Bare, Space


def scorer(config: Mapping[str, Any], where: str) -> Callable[[Any], dict[str, float]]:
    """A function from the choices of a network to its scores with the supernet's weights."""
    os.chdir(where)
    conf = built(config)
    device, _ = device_of(conf)
    assert conf.space is not None
    inputs = open_inputs(conf, conf.features or default_features(conf.space), reporter := Reporter())
    method = finished(conf, inputs, device, reporter)
    return found.scorer(conf, method, inputs, reporter)


def finished(conf: Config, inputs: Inputs, device: torch.device, reporter: Reporter) -> Method:
    """The method of a finished search with its supernet, from the last checkpoint."""
    method = conf.method
    assert method is not None
    method.setup(search_run(conf, inputs, device))
    folder = conf.folder / "search" / "ckpt"
    checkpoint.restore(method, folder)
    method.run.epoch = checkpoint.latest(folder) - 1  # schedules are in the state of the last step
    give_examples(conf, method.run, inputs, reporter)
    return method


def default_features(space: Space) -> Features | None:
    """The front-end that a space is designed for; None for image spaces."""
    name, _, preset = space.features.partition("/")
    return Features(name=name, preset=preset) if name else None


def search_run(conf: Config, inputs: Inputs, device: torch.device) -> SearchRun:
    """A fresh supernet with everything that a method needs to work on it."""
    space, method = wanted(conf)
    options, seed = conf.search, conf.general.seed
    method.require(space)
    sizes = sizes_of(conf, space)
    bare = bare_of(conf, method)
    seed_torch(seed, "supernet")
    net = space.supernet(method.fill, inputs.io, dropout=options.dropout, sizes=sizes, bare=bare, k=method.k)
    return SearchRun(
        space=space,
        io=inputs.io,
        net=net.to(device),
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
        bare=bare,
        k=method.k,
    )


def bare_of(conf: Config, method: Method) -> Bare | None:
    """The norms without affine parameters in the supernet: as `search.affine` says, or the method."""
    if conf.search.affine:
        return "none"
    return method.bare if conf.search.affine is None else method.bare or "ends"


def sizes_of(conf: Config, space: Space) -> dict[str, int]:
    """The supernet's size in a space of cells; empty in others, where setting one raises UserError."""
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


def give_examples(conf: Config, run: SearchRun, inputs: Inputs, reporter: Reporter) -> None:
    """Set the examples that networks of the supernet are scored on: both halves, in order, not augmented."""
    prepare = preparer(inputs, run.device)
    batches = partial(
        train_batches, conf, inputs, batch_size=conf.search.batch_size, workers=0, augmented=False
    )
    first, second = (batches(rows, reporter=reporter) for rows in split_rows(conf, inputs))
    run.train, run.valid = partial(_prepared, first, prepare), partial(_prepared, second, prepare)


def first_examples(
    conf: Config, inputs: Inputs, device: torch.device, reporter: Reporter, count: int
) -> Tensor:
    """`count` drawn examples (B, C, F, T) of the weights' half, or all if it has fewer, not augmented."""
    rows, _ = split_rows(conf, inputs)
    batches = train_batches(
        conf, inputs, rows, batch_size=count, workers=0, augmented=False, reporter=reporter
    )
    return next(_prepared(batches, preparer(inputs, device))).x


def _prepared(batches: Batches, prepare: Callable[[Batch], Batch]) -> Iterator[Batch]:
    return map(prepare, batches.epoch(0))


def halves(conf: Config, inputs: Inputs, reporter: Reporter) -> tuple[Batches, Batches]:
    """Batches for the weights and for alpha, of different examples; the first are augmented, the others where
    `augments_alpha`.

    A method with one level takes all training data for the first.
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
    valid = batches(second, augmented=augments_alpha(conf))
    return train, valid


def augments_alpha(conf: Config) -> bool:
    """Whether alpha's half is augmented: as `search.augment_alpha` says, or images and no recordings."""
    asked = conf.search.augment_alpha
    return conf.images is not None if asked is None else asked


def preparers(
    conf: Config, inputs: Inputs, device: torch.device
) -> tuple[Callable[[Batch], Batch], Callable[[Batch], Batch]]:
    """Functions that prepare batches of the weights' half and of alpha's."""
    masks = conf.spec_augment if augments_alpha(conf) else None
    return preparer(inputs, device, conf.spec_augment), preparer(inputs, device, masks)


class Budget(NamedTuple):
    """The work of an epoch: steps, and training examples drawn."""

    steps: int
    examples: int


def budget(conf: Config, inputs: Inputs) -> Budget:
    """The budget of an epoch of `conf.method`: equal examples, as far as batches allow, or equal steps.

    That is one pass over the half for the weights, and as many batches of the other; a method with one level
    draws from all training data as many examples, or takes as many steps (`search.budget`).
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
    if conf.search.budget != "steps":
        steps = max(1, examples // batch)
    return Budget(steps, steps * batch)


def pairs(
    method: Method, train: Batches, valid: Batches, epoch: int, steps: int
) -> Iterable[tuple[Batch, Batch]]:
    """An epoch's (train, valid) batches; for a method with one level both are the same."""
    if method.halves:
        return zip(train.epoch(epoch), _endless(valid, epoch), strict=False)
    return ((batch, batch) for batch in itertools.islice(_endless(train, epoch), steps))


def _endless(batches: Batches, epoch: int) -> Iterator[Batch]:
    """As many passes as an epoch needs; each pass has its own order."""
    passes: Iterable[int] = itertools.count()
    for k in passes:
        yield from batches.epoch(epoch * 1000 + k)


def wanted(conf: Config) -> tuple[Space, Method]:
    """The space and the method of a search. Raises UserError where one is missing or nothing to search."""
    missing = [s for s in ("space", "method") if getattr(conf, s) is None]
    if missing or conf.space is None or conf.method is None:
        raise UserError(
            [f"{conf.general.name}: the config has no section '{s}'" for s in missing],
            hint="For example: space: {name: kws_tc_resnet}, method: {name: noisy_darts}",
        )
    if conf.searcher is not None and not conf.method.trains and {*DEAR} & {*conf.searcher.objectives}:
        raise UserError(
            f"searcher: method {conf.raw['method']['name']} trains no supernet to score networks with",
            hint="For example: method: {name: fair_nas}, or searcher.objectives={swap: max, macs: min}",
        )
    if not conf.space.choices():
        raise UserError(
            f"space {conf.space.name} has no choices: there is nothing to search",
            hint="Train it instead: audionas train CONF arch=NAME",
        )
    return conf.space, conf.method
