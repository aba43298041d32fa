"""`audionas check`: whether a config works, the size of its space, and the time that it takes."""

import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from audionas.config import Config
from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import Faults, UserError
from audionas.core.reporter import Reporter, amount, clock, say
from audionas.core.rng import numpy_rng
from audionas.cost.table import ends
from audionas.engine.optim import set_rate
from audionas.features import Features
from audionas.inputs.feed import Inputs, open_inputs, preparer, tell_all, train_batches
from audionas.run.folder import device_of
from audionas.run.select import require_possible
from audionas.run.supernet import (
    budget,
    default_features,
    give_examples,
    halves,
    pairs,
    preparers,
    search_run,
    sizes_of,
)
from audionas.run.train import built, features_of, sized, within_limits
from audionas.run.training import found, max_pool, viable, weights
from audionas.run.training.criterion import Criterion
from audionas.run.training.loss import loss_of
from audionas.run.training.start import find as find_start
from audionas.run.training.transfer import find as find_transfer
from audionas.searchers._base import Problem
from audionas.spaces._base import Space
from audionas.zoo.find import find

_STEPS = 2  # timed steps, after one to warm up


def check(conf: Config, *, seconds: float = 0.0) -> dict[str, Any]:
    """Everything a run would find out in its first minute; only the feature cache is written. Steps of a
    training are timed for at least so many `seconds`, within one epoch.

    Raises the same UserErrors as `search` and `train` would.
    """
    reporter, faults = Reporter(), Faults()
    with faults:
        device, why = device_of(conf)
    with faults:
        spec = find(conf.general.arch) if conf.general.arch else None
    tell_all(faults, conf)
    inputs = open_inputs(conf, _features(conf, spec), reporter)
    train, dev = inputs.train, inputs.dev
    result: dict[str, Any] = {
        "config": conf.resolved(),
        "device": why,
        "changes": list(conf.changes),
        # a search says nothing of its budget: in a comparison it is set for methods of both kinds
        "void": [*conf.void("search", "searcher", "method", "train"), *conf.unread("budget")],
        "labels": list(inputs.labels),
        inputs.noun: {"train": len(train), "dev": len(dev)},
        "input": inputs.io._asdict(),
    }
    if conf.images is None:
        result["speakers"] = {"train": len(set(train.speakers)), "dev": len(set(dev.speakers))}
    if conf.space is not None:
        space = conf.space
        result["space"] = {"name": space.name, "size": space.size(), **ends(space, inputs.io)}
    if conf.space is not None and conf.method is not None:
        problem = Problem(space, inputs.io, sizes_of(conf, space), conf.general.seed)
        if conf.searcher is not None:
            require_possible(conf, problem)
        result["search"] = search_time(conf, inputs, device, reporter)
        if conf.method.trains:
            weights = conf.method.run.net.parameters()
            result["supernet"] = {"params": sum(weight.numel() for weight in weights)}
        if conf.searcher is not None:
            result["select"] = _select_time(conf, inputs, problem, reporter)
    if spec is not None:
        spec = replace(sized(spec, conf.train), io=inputs.io)
        within_limits(conf, spec, conf.general.arch)
        with torch.device("meta"):
            net = built(spec, conf.train)
        transfer, inputs = find_transfer(conf, spec, net, inputs, find_start(conf))
        transfer.tell(inputs, reporter)
        result["train"] = train_time(conf, inputs, spec, device, reporter, seconds)
    return result


def show(result: dict[str, Any]) -> None:
    """Print the result for people on standard output."""
    noun = "images" if "images" in result else "clips"
    count, io = result[noun], result["input"]
    say(result["device"], *result["changes"], *result["void"])
    say(
        f"{count['train']} training and {count['dev']} development {noun} in "
        f"{amount(len(result['labels']), 'class')}"
    )
    say(f"input {io['channels']}x{io['freq']}x{io['frames']}")
    if "space" in result:
        space = result["space"]
        say(f"space {space['name']}: {amount(space['size'], 'network')}")
        for which in ("cheapest", "dearest"):
            say(f"  {which}: {space[which]['params']:,} parameters, {space[which]['macs']:,} multiply-adds")
    if "supernet" in result:
        say(f"  with every option, as it is searched: {result['supernet']['params']:,} parameters")
    if "select" in result:
        timing = result["select"]
        told = f"{amount(timing['networks'], 'network')} at {timing['seconds_a_network']:.3f} s"
        say(f"searcher: {told}, about {clock(timing['seconds'])}")
    for what in ("search", "train"):
        if what in result:
            timing = result[what]
            say(
                f"{what}: {timing['seconds_a_step']:.3f} s per step, {timing['steps']} steps, "
                f"about {clock(timing['seconds'])}"
            )


def _features(conf: Config, spec: ArchSpec | None) -> Features | None:
    """The front-end that a run would use; None for images."""
    if conf.images is not None:
        return None
    if conf.features is not None:
        return conf.features
    return features_of(spec) if spec is not None else default_features(_space(conf))


def _space(conf: Config) -> Space:
    if conf.space is None:
        raise UserError(
            f"{conf.general.name}: neither features, nor an architecture, nor a space",
            hint="Add one of these, for example arch=NAME: audionas check CONF arch=tc_resnet8",
        )
    return conf.space


def search_time(conf: Config, inputs: Inputs, device: torch.device, reporter: Reporter) -> dict[str, Any]:
    """Seconds of a step of the config's method, and of its whole search, by a few timed steps.

    Raises UserError where the method refuses the space, or cannot meet its own limit.
    """
    assert conf.method is not None
    conf.method.setup(search_run(conf, inputs, device))
    if not conf.method.trains:
        conf.method.derive()  # raises where its budget cannot be met
        return {"seconds_a_step": 0.0, "steps": 0, "seconds": 0.0}
    conf.method.run.net.train()
    conf.method.on_epoch(0)
    train, valid = halves(conf, inputs, reporter)
    first, second = preparers(conf, inputs, device)
    times = []
    steps = budget(conf, inputs).steps
    for start, (a, b) in _clocked(pairs(conf.method, train, valid, 0, steps)):
        float(torch.as_tensor(conf.method.step(first(a), second(b), 0.0)["loss"]).detach())
        times.append(time.monotonic() - start)
    train.close()
    valid.close()
    return _timing(times, steps * conf.search.epochs)


def _select_time(conf: Config, inputs: Inputs, problem: Problem, reporter: Reporter) -> dict[str, Any]:
    """The time to score all networks that the searcher asks for, on the supernet as it is now."""
    assert conf.searcher is not None
    count, each = conf.searcher.budget(problem.space), scoring_time(conf, inputs, problem.io, reporter)
    seconds = each * count / conf.general.workers
    return {"seconds_a_network": each, "networks": count, "seconds": seconds}


def scoring_time(conf: Config, inputs: Inputs, io: InputSpec, reporter: Reporter) -> float:
    """Seconds to score one network on the supernet that `search_time` has set up."""
    method = conf.method
    assert method is not None
    give_examples(conf, method.run, inputs, reporter)
    scored, times = found.scorer(conf, method, inputs, reporter), []
    for seed in range(_STEPS):
        spec = method.run.space.sample(numpy_rng("check", seed), io)
        choices = {name: list(options) for name, options in spec.choices.items()}
        start = time.monotonic()
        scored(choices)
        times.append(time.monotonic() - start)
    return min(times)


def train_time(
    conf: Config,
    inputs: Inputs,
    spec: ArchSpec,
    device: torch.device,
    reporter: Reporter,
    seconds: float = 0.0,
) -> dict[str, Any]:
    """Seconds of a step of training `spec`, and of all its epochs, by a few timed steps."""
    options = conf.train
    net = built(spec, options).to(device).train()
    rows = np.arange(len(inputs.train))
    batches = train_batches(
        conf,
        inputs,
        rows,
        batch_size=options.batch_size,
        workers=options.workers if seconds else 0,  # what they have prepared ahead would make few steps quick
        augmented=True,
        reporter=reporter,
    )
    prepare = preparer(inputs, device, conf.spec_augment, final=True)
    pooled = max_pool.find(conf, net, inputs)
    weights.find(conf, inputs)
    viable.find(conf, inputs, reporter)
    optimizer, criterion = options.optim.build(net.parameters()), Criterion()
    set_rate(optimizer, 0.0)
    times = []
    for start, batch in _clocked(batches.epoch(0), seconds):
        x, target = prepare(batch)
        loss, _ = loss_of(net, criterion, x, target, options.auxiliary, pooled=pooled)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        times.append(time.monotonic() - start)
    batches.close()
    return _timing(times, len(batches) * options.epochs)


def _clocked(items: Any, seconds: float = 0.0) -> Any:
    """The first few items, or those of so many seconds, each with the time of its request."""
    iterator, began, count = iter(items), time.monotonic(), 0
    while count <= _STEPS or time.monotonic() < began + seconds:
        start, count = time.monotonic(), count + 1
        item = next(iterator, None)
        if item is None:
            return
        yield start, item


def _timing(times: list[float], steps: int) -> dict[str, Any]:
    counted = times[1:] or times
    mean = sum(counted) / len(counted)
    return {"seconds_a_step": mean, "steps": steps, "seconds": mean * steps}
