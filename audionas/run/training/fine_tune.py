"""Fine-tuning for int8: a few more epochs of a run's own training with weights and activations rounded."""

from dataclasses import replace
from pathlib import Path

import torch

from audionas.config import Config
from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from audionas.core.rng import seed_torch
from audionas.engine import checkpoint
from audionas.engine.conf import Train
from audionas.engine.fake_quant import attach, hold_norms, settle
from audionas.engine.loop import fit
from audionas.features import Normalize
from audionas.inputs.audio import ClipInputs
from audionas.inputs.feed import open_inputs, train_batches
from audionas.models.bundle import ModelBundle
from audionas.run.training import viable
from audionas.run.training.kept import discard
from audionas.run.training.weights import Weighing
from audionas.run.training.weights import find as find_weights
from audionas.run.training.work import Training

EPOCHS = 5
SHARE = 0.01  # factor on the training's learning rate


def fine_tune(conf: Config, bundle: ModelBundle, folder: Path, reporter: Reporter) -> ModelBundle:
    """The bundle with weights that suit int8 better; also written to `folder`, with the log of the epochs.

    It keeps the epoch that was best on the development data, by the measure of its training. Raises UserError
    where the data of `conf`, the config of its training, no longer exist or have other classes.
    """
    conf = replace(conf, train=options(conf.train))
    inputs = _inputs(conf, bundle, reporter)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    discard(folder)
    folder.mkdir(parents=True, exist_ok=True)
    seed = conf.general.seed
    seed_torch(seed, "fine-tuning")
    net = bundle.network().get_submodule("net").to(device)
    attach(net)
    given, judge = find_weights(conf, inputs), viable.find(conf, inputs, reporter)
    batches = train_batches(
        conf,
        inputs,
        torch.arange(len(inputs.train)).numpy(),
        batch_size=min(conf.train.batch_size, len(inputs.train)),
        workers=conf.train.workers,
        augmented=True,
        reporter=reporter,
    )
    batches = given.over(batches) if given is not None else batches
    weighing = Weighing(given, batches, device) if given is not None else None
    log = Reporter(folder)
    work = _Rounded(conf, net, inputs, device, log, None, weighing, judge)
    fit(
        work,
        batches.epoch,
        len(batches),
        epochs=EPOCHS,
        seed=seed,
        folder=folder,
        reporter=log,
        remedy="The weights do not bear rounding: export with --fine-tune never.",
    )
    log.close()
    batches.close()
    checkpoint.discard(folder / "ckpt")
    net.load_state_dict(work.kept())
    settle(net)
    weights = {name: tensor.detach().cpu() for name, tensor in net.state_dict().items()}
    tuned = replace(bundle, weights=weights, note={**bundle.note, "fine_tuned": EPOCHS})
    tuned.save(folder)
    return tuned


def options(train: Train) -> Train:
    """The options of fine-tuning: a hundredth of the learning rate, falling to 0, and labels only."""
    optim = replace(
        train.optim, lr=SHARE * train.optim.lr, final_lr=0.0, warmup_epochs=0.0, schedule="cosine"
    )
    return replace(
        train,
        epochs=EPOCHS,
        optim=optim,
        loss="cross_entropy",  # convolutions with rounded weights cannot be streamed
        past=0.0,
        keep="last" if train.select else "accuracy",
        every=1,
        init="",
        freeze=(),
        distill=None,
        auxiliary=0.0,
        drop_path=0.0,
        ema=None,
        average=0,
        patience=0,
        amp=False,  # bfloat16 has fewer levels than int8
    )


class _Rounded(Training):
    """Training with the batch-norm statistics that the exported network will have."""

    def begin(self, epoch: int) -> None:
        """Begin an epoch as in any training, except for the norms."""
        super().begin(epoch)
        hold_norms(self.net)


def _inputs(conf: Config, bundle: ModelBundle, reporter: Reporter) -> ClipInputs:
    """The run's data, with the statistics of the bundle."""
    inputs = open_inputs(conf, bundle.features, reporter)
    assert isinstance(inputs, ClipInputs)
    if inputs.labels != bundle.labels or inputs.samples != bundle.samples:
        raise UserError(
            f"{conf.data.train}: no longer holds the clips and classes that the model was trained on",
            hint="Use post-training quantisation alone: --fine-tune never",
        )
    return replace(inputs, normalize=Normalize(bundle.mean, bundle.std))
