"""`audionas check`: is this config going to work, what is its space worth, how long will it take."""

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from audionas.config import Config
from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.report import Reporter, clock
from audionas.engine.optim import set_rate
from audionas.run import _archs
from audionas.run._folder import device_of
from audionas.run._inputs import Inputs, open_inputs, preparer, train_batches
from audionas.run.costs import ends
from audionas.run.search import default_features, halves, search_run
from audionas.run.train import features_of
from audionas.spaces._base import Space, space_of

_STEPS = 2  # timed, after one to warm up


def check(conf: Config) -> dict[str, Any]:
    """Everything a run would find out in its first minute; nothing is written but the feature cache.

    Raises the same UserErrors as `search` and `train` would.
    """
    reporter = Reporter()
    device, why = device_of(conf)
    spec = _archs.find(conf.general.arch) if conf.general.arch else None
    if conf.features is not None:
        features = conf.features
    else:
        features = features_of(spec) if spec is not None else default_features(_space(conf))
    inputs = open_inputs(conf, features, reporter)
    result: dict[str, Any] = {
        "config": conf.resolved(),
        "device": why,
        "labels": list(inputs.labels),
        "clips": {"train": len(inputs.train.items), "dev": len(inputs.dev.items)},
        "speakers": {"train": len(set(inputs.train.speakers)), "dev": len(set(inputs.dev.speakers))},
        "input": inputs.io._asdict(),
    }
    if conf.space is not None and conf.method is not None:
        space = conf.space
        result["space"] = {"name": space.name, "size": space.size(), **ends(space, inputs.io)}
        result["search"] = _search_time(conf, inputs, device, reporter)
    if spec is not None:
        result["train"] = _train_time(conf, inputs, spec, device, reporter)
    return result


def show(result: dict[str, Any]) -> None:
    """The same for people, on standard output."""
    clips, io = result["clips"], result["input"]
    print(f"{result['device']}")
    print(
        f"{clips['train']} training and {clips['dev']} development clips of {len(result['labels'])} classes"
    )
    print(f"input {io['channels']}x{io['freq']}x{io['frames']}")
    if "space" in result:
        space = result["space"]
        print(f"space {space['name']}: {space['size']:,} networks")
        for which in ("cheapest", "dearest"):
            print(f"  {which}: {space[which]['params']:,} parameters, {space[which]['macs']:,} multiply-adds")
    for what in ("search", "train"):
        if what in result:
            timing = result[what]
            print(
                f"{what}: {timing['seconds_a_step']:.3f} s a step, {timing['steps']} steps, "
                f"about {clock(timing['seconds'])}"
            )


def _space(conf: Config) -> Space:
    if conf.space is None:
        raise UserError(
            f"{conf.general.name}: neither features, nor an architecture, nor a space",
            hint="Add a section, or arch=NAME: audionas check CONF arch=tc_resnet8",
        )
    return conf.space


def _search_time(conf: Config, inputs: Inputs, device: torch.device, reporter: Reporter) -> dict[str, Any]:
    assert conf.method is not None
    conf.method.setup(search_run(conf, inputs, device))
    if not conf.method.trains:
        conf.method.derive()  # says whether its budget can be met
        return {"seconds_a_step": 0.0, "steps": 0, "seconds": 0.0}
    conf.method.run.net.train()
    conf.method.on_epoch(0)
    train, valid = halves(conf, inputs, reporter)
    masked, clean = preparer(inputs, device, conf.spec_augment), preparer(inputs, device)
    pairs = zip(train.epoch(0), valid.epoch(0), strict=False)
    times = []
    for start, (a, b) in _clocked(pairs):
        float(torch.as_tensor(conf.method.step(masked(a), clean(b), 0.0)["loss"]).detach())
        times.append(time.monotonic() - start)
    train.close()
    valid.close()
    return _timing(times, len(train) * conf.search.epochs)


def _train_time(
    conf: Config, inputs: Inputs, spec: ArchSpec, device: torch.device, reporter: Reporter
) -> dict[str, Any]:
    net = space_of(spec).build(spec, io=inputs.io).to(device).train()
    rows = np.arange(len(inputs.train.items))
    options = conf.train
    batches = train_batches(
        conf, inputs, rows, batch_size=options.batch_size, workers=0, augmented=True, reporter=reporter
    )
    prepare, optimizer = preparer(inputs, device, conf.spec_augment), options.optim.build(net.parameters())
    set_rate(optimizer, 0.0)
    times = []
    for start, batch in _clocked(batches.epoch(0)):
        x, target = prepare(batch)
        loss: Tensor = torch.nn.functional.cross_entropy(net(x), target)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        times.append(time.monotonic() - start)
    return _timing(times, len(batches) * options.epochs)


def _clocked(items: Any) -> Any:
    """The first few items, each with the time at which it was asked for."""
    iterator = iter(items)
    for _ in range(_STEPS + 1):
        start = time.monotonic()
        item = next(iterator, None)
        if item is None:
            return
        yield start, item


def _timing(times: list[float], steps: int) -> dict[str, Any]:
    counted = times[1:] or times
    mean = sum(counted) / len(counted)
    return {"seconds_a_step": mean, "steps": steps, "seconds": mean * steps}
