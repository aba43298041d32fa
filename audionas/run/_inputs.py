"""From a config's data directories to batches of features: what search and training share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from audionas.config import Config
from audionas.core.arch import InputSpec
from audionas.core.errors import UserError, did_you_mean
from audionas.core.report import Reporter
from audionas.data import kaldi
from audionas.data.augment import WaveAugment
from audionas.data.batches import Batch, Batches
from audionas.data.conf import Data
from audionas.data.kaldi import DataDir, Item
from audionas.data.store import Waves, waves
from audionas.features import (
    Features,
    FrontEnd,
    Normalize,
    SpecAugment,
    build,
    feature_store,
    spec_augment,
    statistics,
)


class Split(NamedTuple):
    """The readable clips of a data directory, in its order: items, waveforms, class indices (n,)."""

    items: list[Item]
    waves: Waves
    targets: np.ndarray

    @property
    def speakers(self) -> list[str]:
        """Who speaks in each clip; a clip without a speaker is its own."""
        return [item.speaker or item.id for item in self.items]


class Inputs(NamedTuple):
    """Everything a fit reads, and what a bundle must remember of it."""

    labels: tuple[str, ...]
    features: Features
    front_end: FrontEnd
    normalize: Normalize
    io: InputSpec
    samples: int
    train: Split
    dev: Split
    fingerprint: str


def open_inputs(conf: Config, features: Features, reporter: Reporter) -> Inputs:
    """Read train and dev, decode their clips once, and take the training statistics."""
    data = conf.data
    front_end = build(features)
    samples = round(data.seconds * front_end.sample_rate)
    directories = {name: kaldi.read(Path(path)) for name, path in (("train", data.train), ("dev", data.dev))}
    labels = labels_of(data, directories["train"])
    train, dev = (open_split(d, data, labels, front_end, samples, reporter) for d in directories.values())
    _require_all_classes(train, labels, data.train)
    stored = feature_store(
        front_end, train.waves.array, key=train.waves.key, folder=cache_of(data), reporter=reporter
    )
    mean, std = statistics(stored)
    return Inputs(
        labels=labels,
        features=features,
        front_end=front_end,
        normalize=Normalize(torch.from_numpy(mean), torch.from_numpy(std)),
        io=InputSpec(1, *front_end.shape(samples), len(labels)),
        samples=samples,
        train=train,
        dev=dev,
        fingerprint=f"{directories['train'].fingerprint[:12]} {directories['dev'].fingerprint[:12]}",
    )


def open_split(
    directory: DataDir,
    data: Data,
    labels: Sequence[str],
    front_end: FrontEnd,
    samples: int,
    reporter: Reporter,
) -> Split:
    """Decode a data directory; UserError for a label that is not among `labels`."""
    unknown = sorted(set(directory.labels) - set(labels))
    if unknown:
        raise UserError(
            [
                f"{directory.path}: label '{u}' is not a class of this model.{did_you_mean(u, labels)}"
                for u in unknown
            ],
            hint=f"Classes: {' '.join(labels)}",
        )
    decoded = waves(
        directory,
        rate=front_end.sample_rate,
        samples=samples,
        resample=data.resample,
        on_bad=data.on_bad,
        folder=cache_of(data),
        reporter=reporter,
    )
    items = [directory[i] for i in decoded.kept]
    return Split(items, decoded, np.array([labels.index(item.label) for item in items], dtype=np.int64))


def labels_of(data: Data, train: DataDir) -> tuple[str, ...]:
    """The classes in order: the file that `data.labels` names, `labels.txt` beside train, or sorted."""
    file = Path(data.labels) if data.labels else Path(data.train).parent / "labels.txt"
    if not file.exists() and not data.labels:
        return tuple(train.labels)
    try:
        labels = tuple(line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read ({error})") from error
    if len(set(labels)) != len(labels):
        raise UserError(f"{file}: a label stands twice")
    return labels


def cache_of(data: Data) -> Path:
    """Where decoded clips and features are kept."""
    return Path(data.cache) if data.cache else Path(data.train).parent / "cache"


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
    """Shuffled batches over `rows` of the training split: augmented waveforms, else stored features."""
    augment = None
    if augmented and conf.augment.active:
        augment = WaveAugment(
            conf.augment, inputs.front_end.sample_rate, conf.general.seed, resample=conf.data.resample
        )
    source = inputs.train.waves.array if augment else _stored(conf, inputs, inputs.train, reporter)
    return _batches(inputs.train, source, rows, conf.general.seed, batch_size, workers, augment, shuffle=True)


def eval_batches(
    conf: Config, inputs: Inputs, split: Split, reporter: Reporter, batch_size: int = 256
) -> Batches:
    """Stored features of a whole split, in its order."""
    source = _stored(conf, inputs, split, reporter)
    return _batches(split, source, np.arange(len(split.items)), 0, batch_size, 0, None, shuffle=False)


def preparer(
    inputs: Inputs, device: torch.device, masks: SpecAugment | None = None
) -> Callable[[Batch], Batch]:
    """To the device, through front-end (waveforms only) and statistics, and SpecAugment where given."""
    front_end, normalize = inputs.front_end.to(device), inputs.normalize.to(device)

    def prepare(batch: Batch) -> Batch:
        with torch.no_grad():
            x = batch.x.to(device, non_blocking=True)
            x = normalize(front_end(x) if x.ndim == 2 else x)
            if masks is not None:
                x = spec_augment(x, masks)
        return Batch(x, batch.target.to(device, non_blocking=True))

    return prepare


def facts_of(conf: Config, inputs: Inputs, device: torch.device, sections: Sequence[str]) -> dict[str, Any]:
    """What must be equal for a run to be continued bit for bit."""
    resolved = conf.resolved()
    return {
        "seed": conf.general.seed,
        "threads": torch.get_num_threads(),
        "device": device.type,
        "data_fingerprint": inputs.fingerprint,
        "features": inputs.features.resolved(),
        **{section: _without_workers(resolved.get(section)) for section in sections},
        "data": {k: v for k, v in asdict(conf.data).items() if k in ("seconds", "on_bad", "resample")},
    }


def _without_workers(section: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Any number of loader workers gives the same batches, so it may change when a run is continued."""
    return None if section is None else {k: v for k, v in section.items() if k != "workers"}


def _stored(conf: Config, inputs: Inputs, split: Split, reporter: Reporter) -> np.ndarray:
    key = split.waves.key
    return feature_store(
        inputs.front_end, split.waves.array, key=key, folder=cache_of(conf.data), reporter=reporter
    )


def _batches(
    split: Split,
    source: np.ndarray,
    rows: np.ndarray,
    seed: int,
    batch_size: int,
    workers: int,
    augment: WaveAugment | None,
    *,
    shuffle: bool,
) -> Batches:
    return Batches(
        source,
        split.targets,
        [item.id for item in split.items],
        [item.label for item in split.items],
        rows=rows,
        batch_size=batch_size,
        seed=seed,
        shuffle=shuffle,
        augment=augment,
        workers=workers,
        drop_last=shuffle,
    )


def _require_all_classes(split: Split, labels: Sequence[str], path: str) -> None:
    counts = np.bincount(split.targets, minlength=len(labels))
    empty = [label for label, count in zip(labels, counts, strict=True) if count == 0]
    if empty:
        raise UserError(
            f"{path}: no clip of {', '.join(empty)}",
            hint="Add recordings of it, or take the label out of labels.txt.",
        )


def scores_of(
    net: Callable[[Tensor], Tensor], batches: Batches, prepare: Callable[[Batch], Batch]
) -> np.ndarray:
    """Class probabilities (n, classes) of every clip, in order."""
    rows = []
    with torch.inference_mode():
        for batch in batches.epoch(0):
            rows.append(net(prepare(batch).x).float().softmax(1).cpu())
    return torch.cat(rows).numpy()
