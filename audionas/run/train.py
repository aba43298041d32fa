"""`audionas train`: from an architecture to a trained model on disk, from scratch or from other weights."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from audionas.config import Config
from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.files import write_json
from audionas.core.reporter import Reporter
from audionas.core.rng import seed_torch
from audionas.cost.profile import require
from audionas.data import heard
from audionas.data.batches import Batch, mourned
from audionas.engine import checkpoint, processes
from audionas.engine.averaging import Average
from audionas.engine.best import Best
from audionas.engine.checkpoint import State
from audionas.engine.conf import Train
from audionas.engine.distill import distilled, divergence
from audionas.engine.distributed import average_gradients, level, own_draws
from audionas.engine.freeze import freeze
from audionas.engine.loop import Metrics, fit
from audionas.engine.metrics import macro_f1
from audionas.engine.optim import pack, set_rate, unpack
from audionas.engine.sync_norm import synced
from audionas.features import Features
from audionas.inputs.feed import (
    Inputs,
    eval_batches,
    facts_of,
    open_inputs,
    preparer,
    scores_of,
    train_batches,
)
from audionas.models import owned
from audionas.models.bundle import ModelBundle
from audionas.run.folder import device_of, finish, phase, require_there
from audionas.run.training import kept, lineage, max_pool, past, start
from audionas.run.training.loss import loss_of
from audionas.run.training.start import Source
from audionas.run.training.teacher import Teaching
from audionas.run.training.transfer import Transfer
from audionas.run.training.transfer import find as find_transfer
from audionas.spaces._base import space_of
from audionas.zoo.find import find

Until = Callable[[int], bool]  # told the number of finished epochs, whether a training ends
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
    source = start.find(conf)
    wanted, spec = wanted_arch(conf, source)
    reporter = processes.reporter()
    device, why = device_of(conf)
    reporter.note(why)
    inputs = open_inputs(conf, wanted_features(conf, spec, source), reporter)
    spec = replace(sized(spec, conf.train), io=inputs.io)
    for name, asked in (("patience", conf.train.patience), ("keep", conf.train.keep != "last")):
        if asked and not len(inputs.dev):
            raise UserError(f"train.{name} needs development images, and images.dev is 0")
    with torch.device("meta"):
        net = built(spec, conf.train)  # refuses an impossible network before anything is written
    max_pool.find(conf, net, inputs)
    past.find(conf, net, inputs)
    transfer, inputs = find_transfer(conf, spec, net, inputs, source)
    within_limits(conf, spec, wanted)
    _keep_searched(conf.folder, spec)
    facts = {**transfer.facts(facts_of(conf, inputs, device, _SECTIONS)), "arch": spec.id}
    if spec.scale:
        facts["scale"] = dict(spec.scale)
    makes = (*owned.BUNDLE, *(() if _given(conf.folder, spec) else ("arch.json",)))
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
        bundle, result = _run(conf, spec, inputs, device, folder, transfer, until)
        if processes.first():
            require_there(folder)
            bundle.save(model)
            if (told := inputs.heard()) is not None:
                earlier = lineage.before(conf, source, reporter)
                write_json(model / heard.FILE, heard.plain(heard.together([told, *earlier])))
        finish(folder, result)
    accuracy = f"development accuracy {result['valid_accuracy']:.2%}; " if len(inputs.dev) else ""
    reporter.note(f"trained {spec.id}: {accuracy}written to {model}")
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


class Training:
    """The work of a training: steps on the loss, an average of the weights, validation in each epoch.

    With `teaching` a teacher's answers are part of the loss.
    """

    def __init__(
        self,
        conf: Config,
        net: nn.Module,
        inputs: Inputs,
        device: torch.device,
        reporter: Reporter,
        teaching: Teaching | None = None,
        until: Until | None = None,
    ) -> None:
        self.options, self.net, self.device, self.inputs = conf.train, net, device, inputs
        self.frozen, self.teaching = freeze(net, self.options.freeze), teaching
        self.optimizer = self.options.optim.build(p for p in net.parameters() if p.requires_grad)
        self.criterion = nn.CrossEntropyLoss(label_smoothing=self.options.label_smoothing)
        self.pooled, self.past = max_pool.find(conf, net, inputs), past.find(conf, net, inputs)
        self.average = Average(net, self.options.ema) if self.options.ema or self.options.average else None
        self.prepare = preparer(inputs, device, conf.spec_augment, final=True)
        self.prepare_dev = preparer(inputs, device)
        self.dev = eval_batches(conf, inputs, inputs.dev, reporter) if len(inputs.dev) else None
        self.best = Best() if self.options.keep != "last" else None
        self.accuracies: list[float] = []  # on the development data, one entry per validation
        self.done, self.until = 0, until  # epochs
        self.drop_path = 0.0

    def begin(self, epoch: int) -> None:
        """Set training mode, except for frozen batch norms; more paths are dropped from epoch to epoch."""
        self.net.train()
        self.frozen.hold()
        if self.teaching is not None:
            self.teaching.begin(epoch)
        self.drop_path = self.options.drop_path * epoch / self.options.epochs

    def step(self, batch: Batch, progress: float) -> Metrics:
        """Take one optimiser step, in bfloat16 mixed precision where it is on."""
        amp = self.options.amp and self.device.type == "cuda"
        with own_draws():
            x, target = self.prepare(batch)
        with (
            torch.autocast(self.device.type, torch.bfloat16, enabled=amp),
            own_draws(),
            synced(self.options.bn == "sync"),
        ):
            weight, drop_path = self.options.auxiliary, self.drop_path
            loss, logits = loss_of(self.net, self.criterion, x, target, weight, drop_path, self.pooled)
            told: dict[str, Tensor] = {}
            if self.past is not None:
                with self.past.heard(self.net, x) as late:
                    again = loss_of(self.net, self.criterion, late, target, weight, drop_path, self.pooled)
                loss, told["apart"] = past.joined((loss, logits), again)
            if self.teaching is not None:
                settings, answers = self.teaching.settings, self.teaching.logits(batch, x)
                told["divergence"] = divergence(logits, answers, settings.temperature)
                loss = distilled(loss, told["divergence"], settings.weight)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        average_gradients(self.net.parameters())
        if self.options.optim.clip is not None:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.options.optim.clip)
        set_rate(self.optimizer, self.options.optim.rate(progress, self.options.epochs))
        self.optimizer.step()
        if self.average is not None and self.options.ema:
            self.average.update(self.net)
        return {"loss": loss, **told, "accuracy": (logits.detach().argmax(1) == target).float().mean()}

    def end(self, epoch: int) -> Mapping[str, float]:
        """Average, then validate the weights that would be kept if training ended here."""
        level(self.net.buffers())
        if self.average is not None:
            level(t for name, t in self.average.tensors.items() if name in dict(self.net.named_buffers()))
        if self.average is not None and epoch >= self.options.epochs - self.options.average:
            self.average.update(self.net)
        self.done = epoch + 1
        rate = {"lr": self.options.optim.rate(epoch + 1, self.options.epochs)}
        if self.done % self.options.every and self.done < self.options.epochs:
            return rate
        valid = self.validate(self.candidate())
        self.accuracies += [valid["valid_accuracy"]] if valid else []
        if self.best is not None:
            self.best.offer(valid[f"valid_{self.options.keep}"], self.done, self.candidate())
        return {**valid, **rate}

    def validate(self, weights: dict[str, Tensor]) -> dict[str, float]:
        """Accuracy and cross-entropy of some weights on the development data, if any."""
        if self.dev is None:
            return {}
        own = {name: t.clone() for name, t in self.net.state_dict().items()}
        self.net.load_state_dict(weights)
        self.net.eval()
        scores, targets = self.inputs.answers(
            self.inputs.dev, scores_of(self.net, self.dev, self.prepare_dev)
        )
        self.net.load_state_dict(own)
        likelihood = scores[np.arange(len(targets)), targets]
        accuracy = float((scores.argmax(1) == targets).mean())
        loss = float(-np.log(np.maximum(likelihood, 1e-12)).mean())
        told = {"valid_loss": loss, "valid_accuracy": accuracy}
        if self.options.keep == "macro_f1":
            told["valid_macro_f1"] = macro_f1(scores.argmax(1), targets)
        return told

    def kept(self) -> dict[str, Tensor]:
        """The weights for the bundle: the best where the config asks for them, else the latest."""
        return self.best.tensors if self.best is not None and self.best.tensors else self.candidate()

    def candidate(self) -> dict[str, Tensor]:
        """The weights to keep from this epoch: the average once there is one, else the current weights."""
        if self.average is not None and self.average.updates:
            return dict(self.average.tensors)
        return dict(self.net.state_dict())

    def stop(self) -> bool:
        """True where `until` says so, or the development accuracy has not risen for `patience` epochs."""
        if self.done and self.until is not None and self.until(self.done):
            return True
        if not self.options.patience or len(self.accuracies) <= self.options.patience:
            return False
        before = self.accuracies[: -self.options.patience]
        return max(self.accuracies[-self.options.patience :]) <= max(before)

    def state(self) -> State:
        """Weights, optimiser, average, and the accuracies so far."""
        state = State({"weights": dict(self.net.state_dict()), "optimizer": pack(self.optimizer)})
        state.plain |= {"accuracies": self.accuracies, "epochs": self.done}
        if self.best is not None and self.best.tensors:
            state.tensors["best"] = self.best.tensors
            state.plain["best"] = [self.best.score, self.best.epoch]
        if self.average is not None:
            state.tensors["average"] = self.average.tensors
            state.plain["updates"] = self.average.updates
        return state

    def restore(self, state: State) -> None:
        """Go back to `state`."""
        self.net.load_state_dict(state.tensors["weights"])
        unpack(self.optimizer, state.tensors["optimizer"])
        self.accuracies = list(state.plain["accuracies"])
        self.done = int(state.plain.get("epochs", len(self.accuracies)))
        if self.best is not None and "best" in state.tensors:
            self.best.restore(state.tensors["best"], *state.plain["best"])
        if self.average is not None:
            self.average.restore(state.tensors["average"], state.plain["updates"])


def _run(
    conf: Config,
    spec: ArchSpec,
    inputs: Inputs,
    device: torch.device,
    folder: Path,
    transfer: Transfer,
    until: Until | None,
) -> tuple[ModelBundle, dict[str, float]]:
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
    mine = batches.shared(processes.rank(), processes.count())
    teacher = transfer.teacher
    teaching = Teaching(teacher, inputs, mine, conf, device, reporter) if teacher is not None else None
    work = Training(conf, net, inputs, device, reporter, teaching, until)
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
    reporter.close()
    mine.close()
    result = {**work.validate(work.kept()), "epochs": work.done or options.epochs}
    if work.best is not None:
        result["best_epoch"] = work.best.epoch
    with torch.device("meta"):
        own = space_of(spec).build(spec).state_dict()  # without the auxiliary head
    weights = {name: tensor for name, tensor in work.kept().items() if name in own}
    note = {**result, "seed": seed, "name": conf.general.name, **transfer.note}
    return inputs.bundle(spec, weights, note), result


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
