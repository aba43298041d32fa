"""`audionas train`: from an architecture to a trained model on disk, from scratch or from other weights."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from audionas.config import Config
from audionas.core.arch import ArchSpec
from audionas.core.errors import Faults, UserError
from audionas.core.files import write_json
from audionas.core.rng import seed_torch
from audionas.cost.profile import require
from audionas.data import heard
from audionas.data.batches import mourned
from audionas.engine import checkpoint, processes
from audionas.engine.conf import Train
from audionas.engine.loop import fit
from audionas.features import Features
from audionas.inputs.feed import (
    Inputs,
    facts_of,
    open_inputs,
    tell_all,
    train_batches,
)
from audionas.models import owned
from audionas.models.bundle import ModelBundle
from audionas.run.folder import device_of, finish, phase, require_there
from audionas.run.training import kept, lineage, max_pool, past, start, viable
from audionas.run.training.start import Source
from audionas.run.training.teacher import Teaching
from audionas.run.training.transfer import Transfer
from audionas.run.training.transfer import find as find_transfer
from audionas.run.training.viable import Viable
from audionas.run.training.weights import Weighing, Weights
from audionas.run.training.weights import find as find_weights
from audionas.run.training.work import Training, Until
from audionas.spaces._base import space_of
from audionas.zoo.find import find

_SECTIONS = ("augment", "spec_augment", "train")


@processes.joined()
@mourned()
def train(
    conf: Config, *, resume: bool = False, overwrite: bool = False, until: Until | None = None
) -> ModelBundle:
    """Train `conf.general.arch` (default: the run's own arch.json, or that of the model in `train.init`).
    Writes `exp/<name>/model/`. `until` may end it early; the schedule stays that of all epochs.

    Under torchrun every process calls this, and the first one writes.
    """
    faults, source, reporter = Faults(), None, processes.reporter()
    with faults:
        source = start.find(conf)
    with faults:
        if source is not None or conf.general.arch or not conf.train.init:  # else the first fault says it
            wanted, spec = wanted_arch(conf, source)
    with faults:
        device, why = device_of(conf)
    tell_all(faults, conf)
    reporter.note(why)
    for line in conf.void("train"):
        reporter.note(line)
    inputs = open_inputs(conf, wanted_features(conf, spec, source), reporter)
    spec = replace(sized(spec, conf.train), io=inputs.io)
    for name, asked in (("patience", conf.train.patience), ("keep", conf.train.keep != "last")):
        if asked and not len(inputs.dev):
            raise UserError(f"train.{name} needs development images, and images.dev is 0")
    with torch.device("meta"):
        net = built(spec, conf.train)  # refuses an impossible network before anything is written
    max_pool.find(conf, net, inputs)
    past.find(conf, net, inputs)
    weights, judge = find_weights(conf, inputs), viable.find(conf, inputs, reporter)
    transfer, inputs = find_transfer(conf, spec, net, inputs, source)
    within_limits(conf, spec, wanted)
    _keep_searched(conf.folder, spec)
    facts = {**transfer.facts(facts_of(conf, inputs, device, _SECTIONS)), "arch": spec.id}
    facts |= {**(weights.facts if weights else {}), **(judge.facts if judge else {})}
    if spec.scale:
        facts["scale"] = dict(spec.scale)
    last = owned.LAST if conf.train.judged else ()
    makes = (*owned.BUNDLE, *last, *(() if _given(conf.folder, spec) else ("arch.json",)))
    with phase(conf, "train", facts, resume=resume, overwrite=overwrite, makes=makes) as (folder, finished):
        model = conf.folder / "model"
        if finished and (model / "bundle.json").exists():
            reporter.note(f"{folder}: finished earlier; the model is {model}")
            return ModelBundle.load(model)
        if processes.first():
            if overwrite:
                kept.forget(conf.folder)
            spec.save(conf.folder / "arch.json")
        transfer.tell(inputs, reporter)
        lineage.warn(conf, source, reporter)
        bundle, end, result = _run(conf, spec, inputs, device, folder, transfer, weights, judge, until)
        if processes.first():
            require_there(folder)
            bundle.save(model)
            if conf.train.judged:
                end.save(conf.folder / "last")
            if (told := inputs.heard()) is not None:
                earlier = lineage.before(conf, source, reporter)
                write_json(model / heard.FILE, heard.plain(heard.together([told, *earlier])))
        finish(folder, {**result, **_development(conf, inputs)})
    reporter.note(f"trained {spec.id}: {_told(result)}written to {model}")
    return bundle


def wanted_arch(conf: Config, source: Source | None) -> tuple[str, ArchSpec]:
    """The architecture to train and its name: the requested one, the run's own, or that of `source`."""
    own = str(conf.folder / "arch.json")
    if source is not None and source.arch is not None and not conf.general.arch and not Path(own).exists():
        return source.place, source.arch
    wanted = conf.general.arch or own
    return wanted, find(wanted)


def wanted_features(conf: Config, spec: ArchSpec, source: Source | None) -> Features | None:
    """The front-end: the requested one, that of the first weights, or the architecture's; None for images."""
    if conf.images is not None:
        return None
    return conf.features or (source.features if source is not None else None) or features_of(spec)


def sized(spec: ArchSpec, options: Train) -> ArchSpec:
    """`spec` at the size given in the section `train`. Raises UserError where its space has no sizes."""
    asked = {k: v for k, v in (("layers", options.layers), ("channels", options.channels)) if v}
    unknown = [k for k in asked if k not in space_of(spec).sizes]
    if unknown:
        raise UserError(
            [f"train.{k}: space {spec.space} has no such size" for k in unknown],
            hint="Only spaces of cells, such as darts_cell, have layers and channels.",
        )
    return replace(spec, scale={**spec.scale, **asked})


def within_limits(conf: Config, spec: ArchSpec, name: str) -> None:
    """Raise UserError where the network of `spec`, called `name`, costs more than `conf.limits` allows, or
    does not fit `conf.general.profile`.
    """
    with torch.device("meta"):
        net = space_of(spec).build(spec)
    if conf.general.profile != "none":
        require(net, spec.io, conf.general.profile, name)
    if conf.limits is not None:
        conf.limits.require(net, spec.io, name)


def built(spec: ArchSpec, options: Train) -> nn.Module:
    """A fresh network, with the auxiliary head where the config sets its loss.

    Raises UserError where the space has no such head, or no paths that may be dropped.
    """
    space, wanted = space_of(spec), options.auxiliary > 0
    if options.drop_path and not any(choice.node for choice in space.choices()):
        raise UserError(
            f"train.drop_path: networks of space {spec.space} have no path around a dropped one",
            hint="Set train.drop_path=0; this option is for spaces of cells, such as darts_cell.",
        )
    net = space.build(spec, dropout=options.dropout, auxiliary=wanted)
    if wanted and getattr(net, "auxiliary", None) is None:
        raise UserError(
            f"train.auxiliary: networks of space {spec.space} have no auxiliary head",
            hint="Set train.auxiliary=0.",
        )
    return net


def _run(
    conf: Config,
    spec: ArchSpec,
    inputs: Inputs,
    device: torch.device,
    folder: Path,
    transfer: Transfer,
    weights: Weights | None,
    judge: Viable | None,
    until: Until | None,
) -> tuple[ModelBundle, ModelBundle, dict[str, float]]:
    """Train; return the model of the weights to keep, that of the last ones, and the result."""
    options, seed = conf.train, conf.general.seed
    reporter = processes.reporter(folder, since=checkpoint.latest(folder / "ckpt"))
    seed_torch(seed, "weights")
    net = built(spec, options).to(device)
    if transfer.begun is not None:
        start.take(net, transfer.begun)
        if processes.first():
            write_json(folder / "init.json", transfer.begun.plain)
    batches = train_batches(
        conf,
        inputs,
        np.arange(len(inputs.train)),
        batch_size=options.batch_size,
        workers=options.workers,
        augmented=True,
        reporter=reporter,
    )
    mine = (weights.over(batches) if weights else batches).shared(processes.rank(), processes.count())
    teacher = transfer.teacher
    teaching = Teaching(teacher, inputs, mine, conf, device, reporter) if teacher is not None else None
    weighing = Weighing(weights, mine, device) if weights is not None else None
    work = Training(conf, net, inputs, device, reporter, teaching, weighing, judge, until)
    fit(
        work,
        mine.epoch,
        len(batches),
        epochs=options.epochs,
        seed=seed,
        folder=folder,
        reporter=reporter,
        remedy=f"Start again with --overwrite {options.optim.calmer('train')}.",
    )
    result = {**work.validate(work.kept()), "epochs": work.done or options.epochs}
    if work.best is not None and work.best.tensors:
        result["best_epoch"] = work.best.epoch
    elif work.best is not None:
        reporter.note("average viable recall was 0 in every validation: the last epoch's weights are kept")
    reporter.close()
    mine.close()
    with torch.device("meta"):
        own = space_of(spec).build(spec).state_dict()  # without the auxiliary head
    note = {"seed": seed, "name": conf.general.name, **transfer.note}
    best, last = (
        inputs.bundle(spec, {name: t for name, t in found.items() if name in own}, {**told, **note})
        for found, told in ((work.kept(), result), (work.candidate(), {"epochs": result["epochs"]}))
    )
    return best, last, result


def _development(conf: Config, inputs: Inputs) -> dict[str, Any]:
    """The development data, of which the report says how sure its figures are."""
    data = conf.data.dev if conf.images is None else conf.images.path
    again = len({*inputs.train.speakers} & {*inputs.dev.speakers})
    found = {"clips": len(inputs.dev), "data": data, **({"heard": again} if again else {})}
    return {"development": found} if len(inputs.dev) else {}


def _told(result: Mapping[str, float]) -> str:
    """The figures of a training on the development data, if any, for a sentence."""
    named = {"accuracy": "development accuracy", "average_viable_recall": "average viable recall"}
    shares = ((words, result.get(f"valid_{name}")) for name, words in named.items())
    return "".join(f"{words} {share:.2%}; " for words, share in shares if share is not None)


def _keep_searched(folder: Path, spec: ArchSpec) -> None:
    """Raise UserError where training `spec` would replace the architecture found by a search here."""
    arch = folder / "arch.json"
    if (folder / "search" / "done.json").exists() and arch.exists() and find(str(arch)).id != spec.id:
        raise UserError(
            f"{arch}: found by the search in {folder / 'search'}, and not the architecture to train",
            hint="Train under another name: name=...",
        )


def _given(folder: Path, spec: ArchSpec) -> bool:
    """True where the file that would be written holds this network already: a user may have put it there."""
    with suppress(UserError):
        return find(str(folder / "arch.json")).id == spec.id
    return False


def features_of(spec: ArchSpec) -> Features:
    """The front-end that an architecture names in its note, or its space's."""
    wanted = str(spec.note.get("features") or space_of(spec).features)
    name, slash, preset = wanted.partition("/")
    if not slash:
        raise UserError(
            f"architecture {spec.id}: its note names the features '{wanted}', expected name/preset"
        )
    return Features(name=name, preset=preset)
