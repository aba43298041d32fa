"""From a config's data to batches ready for a network, as search, training and checking use them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from audionas.config import Config
from audionas.config import load as load_config
from audionas.core.errors import Faults, UserError
from audionas.core.reporter import Reporter
from audionas.data.balance import count
from audionas.data.batches import Batch, Batches
from audionas.data.labels import require_several
from audionas.engine import processes
from audionas.features import Features, SpecAugment
from audionas.inputs.audio import open_recordings, read_directories
from audionas.inputs.images import open_images
from audionas.inputs.split import Inputs as Inputs  # search, training and checking import it from here
from audionas.inputs.split import Split


def open_inputs(conf: Config, features: Features | None, reporter: Reporter) -> Inputs:
    """The images that the config names, or its recordings with a front-end for them."""
    if conf.images is not None:
        images = open_images(conf, reporter)
        require_several(images.labels, conf.images.path)
        return images
    if features is None:
        raise UserError(
            f"{conf.general.name}: the space is for images and names no front-end for recordings",
            hint="Add a section images: {path: ...}, or features: {name: mfcc, preset: tc_resnet}.",
        )
    return open_recordings(conf, features, reporter)


def tell_all(faults: Faults, conf: Config) -> None:
    """Raise the faults of a run, if any, and those of its data directories with them."""
    if faults and conf.images is None:
        with faults:
            read_directories(conf.data)
    faults.tell()


def split_rows(conf: Config, inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the training split for the weights (a share `search.split`) and for alpha.

    Recordings are divided by speaker, images class by class.
    """
    return inputs.halves(conf.search.split, conf.general.seed)


def drawn(conf: Config, inputs: Inputs, rows: np.ndarray) -> int:
    """The number of these rows of the training split that one epoch of training draws."""
    balanced = conf.images is None and conf.data.balance == "undersample"
    return count(rows, classes=inputs.train.targets if balanced else None)


def train_batches(
    conf: Config,
    inputs: Inputs,
    rows: np.ndarray,
    *,
    batch_size: int,
    workers: int,
    augmented: bool,
    reporter: Reporter,
) -> Batches:
    """Shuffled batches over `rows` of the training split."""
    return inputs.batches(
        conf,
        inputs.train,
        rows,
        batch_size=batch_size,
        workers=workers,
        shuffle=True,
        augmented=augmented,
        reporter=reporter,
    )


def eval_batches(
    conf: Config, inputs: Inputs, split: Split, reporter: Reporter, batch_size: int = 256
) -> Batches:
    """Batches over a whole split, in order, not augmented."""
    return inputs.batches(
        conf,
        split,
        np.arange(len(split)),
        batch_size=batch_size,
        workers=0,
        shuffle=False,
        augmented=False,
        reporter=reporter,
    )


def preparer(
    inputs: Inputs, device: torch.device, masks: SpecAugment | None = None, *, final: bool = False
) -> Callable[[Batch], Batch]:
    """A function that moves a batch to the device and prepares it; it augments where `masks` are given.

    `final` adds what only the training of final networks uses (cutout).
    """
    inputs.to(device)

    def prepare(batch: Batch) -> Batch:
        with torch.no_grad():
            x = inputs.ready(batch.x.to(device, non_blocking=True), masks, final=final)
        return Batch(x, batch.target.to(device, non_blocking=True))

    return prepare


def facts_of(conf: Config, inputs: Inputs, device: torch.device, sections: Sequence[str]) -> dict[str, Any]:
    """The facts that must be equal for a run to resume bit for bit."""
    resolved = conf.resolved()
    return {
        "seed": conf.general.seed,
        "threads": torch.get_num_threads(),
        "device": device.type,
        **({"processes": processes.count()} if processes.count() > 1 else {}),
        **({"profile": conf.general.profile, "changes": list(conf.changes)} if conf.changes else {}),
        "data_fingerprint": inputs.fingerprint,
        **{section: _that_count(resolved.get(section)) for section in sections},
        **inputs.facts(conf),
    }


def _that_count(section: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The section without `workers`, any number of which gives the same batches."""
    return None if section is None else {key: value for key, value in section.items() if key != "workers"}


def scores_of(
    net: Callable[[Tensor], Tensor], batches: Batches, prepare: Callable[[Batch], Batch]
) -> np.ndarray:
    """Class probabilities (n, classes) of every example, in order."""
    rows = []
    with torch.inference_mode():
        for batch in batches.epoch(0):
            rows.append(net(prepare(batch).x).float().softmax(1).cpu())
    return torch.cat(rows).numpy()


def config_of(folder: Path) -> Config | None:
    """The config that the model was trained with; None where the run folder has none."""
    file = folder / "train" / "config.yaml"
    return load_config(file, trusted=False) if file.exists() else None
