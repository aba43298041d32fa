"""Recordings as inputs of a fit: data directories, decoded clips, a front-end and its statistics."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from audionas.config import Config
from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import Faults, UserError
from audionas.core.reporter import Reporter, amount
from audionas.core.shards import Shards
from audionas.data import heard, kaldi
from audionas.data.audio import Channel
from audionas.data.augment import WaveAugment
from audionas.data.batches import Batches
from audionas.data.conf import Data
from audionas.data.files import sums
from audionas.data.heard import Heard
from audionas.data.kaldi import DataDir, Item
from audionas.data.labels import doubts, labels_of, require_known, require_several
from audionas.data.overlap import compare
from audionas.data.sound import cuts
from audionas.data.store import Form, Waves, waves
from audionas.engine.fusion import fused
from audionas.features import (
    Features,
    FrontEnd,
    Normalize,
    SpecAugment,
    build,
    feature_store,
    freq_mix_style,
    spec_augment,
    statistics,
)
from audionas.inputs.shards import SegmentSplit, open_segments
from audionas.inputs.split import Inputs, Split
from audionas.models.bundle import ModelBundle


@dataclass(frozen=True)
class ClipSplit(Split):
    """The readable clips of a data directory, with their waveforms."""

    items: Sequence[Item]
    waves: Waves

    @property
    def fingerprint(self) -> str:
        """That of the whole data directory with its files as they are now."""
        return self.waves.fingerprint


@dataclass(frozen=True)
class ClipInputs(Inputs):
    """Clips of `samples` samples and the front-end that makes features of them.

    In recordings with several `channels`, each channel is a clip.
    """

    noun: ClassVar[str] = "clips"

    train: ClipSplit | SegmentSplit
    dev: ClipSplit | SegmentSplit
    features: Features
    front_end: FrontEnd
    normalize: Normalize
    samples: int
    channels: int = 1

    def halves(self, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Split the rows so that no speaker is on both sides."""
        first, _ = DataDir(Path(), self.train.items).split(share, seed)
        ids = {item.id for item in first}
        member = np.array([item.id in ids for item in self.train.items])
        return np.flatnonzero(member), np.flatnonzero(~member)

    def batches(
        self,
        conf: Config,
        split: Split,
        rows: np.ndarray,
        *,
        batch_size: int,
        workers: int,
        shuffle: bool,
        augmented: bool,
        reporter: Reporter,
    ) -> Batches:
        """Batches of augmented waveforms where there is something to augment, else of stored features.

        When `augmented`, classes are under-sampled if the config asks for it: to train, not to score.
        """
        assert isinstance(split, ClipSplit | SegmentSplit)
        augment = None
        if augmented and conf.augment.active:
            rate, again = self.front_end.sample_rate, conf.data.resample
            augment = WaveAugment(conf.augment, rate, conf.general.seed, resample=again)
        if augment is not None and isinstance(split, ClipSplit):
            source: np.ndarray | Shards = split.waves.array
        else:
            source = self._stored(conf, split, reporter)
        balanced = augmented and conf.data.balance == "undersample"
        return Batches(
            source,
            split.targets,
            split.ids,
            [item.label for item in split.items],
            rows=rows,
            batch_size=batch_size,
            seed=conf.general.seed,
            shuffle=shuffle,
            augment=augment,
            workers=workers,
            drop_last=shuffle,
            classes=split.targets if balanced else None,
            together=self.channels,
        )

    def answers(self, split: Split, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Answers per recording: the mean over its channels."""
        return fused(scores, self.channels), split.targets[:: self.channels]

    def to(self, device: torch.device) -> None:
        """Move the front-end and the statistics."""
        self.front_end.to(device)
        self.normalize.to(device)

    def ready(self, x: Tensor, masks: SpecAugment | None, *, final: bool) -> Tensor:
        """Apply front-end (waveforms only) and statistics; `masks` is SpecAugment and Freq-MixStyle."""
        x = self.normalize(self.front_end(x) if x.ndim == 2 else x)
        if masks is None:
            return x
        return freq_mix_style(spec_augment(x, masks), masks.mix_style, masks.mix_alpha)

    def heard(self) -> Heard:
        """The training clips and their speakers."""
        items = self.train.items
        return heard.of(items if isinstance(items, DataDir) else DataDir(Path(), dict.fromkeys(items)))

    def facts(self, conf: Config) -> Mapping[str, Any]:
        """The settings of the front-end and of reading clips."""
        data = {k: v for k, v in asdict(conf.data).items() if k in ("seconds", "on_bad", "resample")}
        if self.channels > 1:
            data["channels"] = self.channels
        if conf.data.balance != "none":
            data["balance"] = conf.data.balance
        return {"features": self.features.resolved(), "data": data}

    def bundle(self, spec: ArchSpec, weights: dict[str, Tensor], note: dict[str, Any]) -> ModelBundle:
        """Bundle the network with the front-end and the statistics of each coefficient."""
        return ModelBundle(
            spec=spec,
            features=self.features,
            labels=self.labels,
            samples=self.samples,
            mean=self.normalize.mean.flatten().cpu(),
            std=self.normalize.std.flatten().cpu(),
            weights=weights,
            note={**note, "channels": self.channels} if self.channels > 1 else note,
        )

    def _stored(
        self, conf: Config, split: ClipSplit | SegmentSplit, reporter: Reporter
    ) -> np.ndarray | Shards:
        if isinstance(split, SegmentSplit):
            return split.features
        return _features(self.front_end, split.waves, conf.data, reporter)


def open_recordings(conf: Config, features: Features, reporter: Reporter) -> ClipInputs:
    """Read train and dev, decode their clips once, and take the training statistics."""
    data = conf.data
    front_end = build(features)
    samples = round(data.seconds * front_end.sample_rate)
    too_much = conf.augment.too_far(data.seconds) + conf.spec_augment.too_wide(*front_end.shape(samples))
    if too_much:
        raise UserError(too_much)  # before anything is decoded
    if data.channels > 1:
        return _open_channels(conf, features, front_end, samples, reporter)
    directories = _directories(data, reporter)
    labels = _labels(data, directories["train"], reporter)
    for directory in directories.values():
        tell_cuts(directory, data.seconds, reporter)
    train, dev = (open_split(d, data, labels, front_end, samples, reporter) for d in directories.values())
    _require_all_classes(train, labels, data.train)
    mean, std = statistics(_features(front_end, train.waves, data, reporter))
    return ClipInputs(
        labels=labels,
        io=InputSpec(1, *front_end.shape(samples), len(labels)),
        train=train,
        dev=dev,
        fingerprint=f"{train.fingerprint[:12]} {dev.fingerprint[:12]}",
        features=features,
        front_end=front_end,
        normalize=Normalize(torch.from_numpy(mean), torch.from_numpy(std)),
        samples=samples,
    )


def _open_channels(
    conf: Config, features: Features, front_end: FrontEnd, samples: int, reporter: Reporter
) -> ClipInputs:
    """Do the same for recordings of several channels, whose waveforms are not kept."""
    data = conf.data
    if conf.augment.active:
        raise UserError(
            "augment: recordings of several channels are stored as features, which it cannot change",
            hint="Leave the section out; spec_augment works on features.",
        )
    directories = _directories(data, reporter)
    labels = _labels(data, directories["train"], reporter)
    for directory in directories.values():
        tell_cuts(directory, data.seconds, reporter)
    train, dev = (
        open_channels(directory, data, labels, front_end, samples, reporter)
        for directory in directories.values()
    )
    _require_all_classes(train, labels, data.train)
    return ClipInputs(
        labels=labels,
        io=InputSpec(1, *front_end.shape(samples), len(labels)),
        train=train,
        dev=dev,
        fingerprint=f"{train.fingerprint[:12]} {dev.fingerprint[:12]}",
        features=features,
        front_end=front_end,
        normalize=Normalize(torch.from_numpy(train.mean), torch.from_numpy(train.std)),
        samples=samples,
        channels=data.channels,
    )


def read_directories(data: Data) -> dict[str, DataDir]:
    """Training and development data as they are. Raises one UserError for all that cannot be read."""
    faults, read = Faults(), dict[str, DataDir]()
    for name, path in (("train", data.train), ("dev", data.dev)):
        with faults:
            read[name] = kaldi.read(Path(path))
    faults.tell()
    return read


def _directories(data: Data, reporter: Reporter) -> dict[str, DataDir]:
    """Training and development data that share no recording, and what else they share as notes.

    Raises UserError where they do, or one recording has two labels; with `on_bad: skip` those are left out,
    what both hold out of training.
    """
    read = read_directories(data)
    found = compare(read, lambda name, item: read[name].content(item))
    if found.problems and data.on_bad == "error":
        raise UserError(
            found.problems,
            hint="Prepare the data again, or leave these recordings out (out of training those in both sets) "
            "with data.on_bad=skip.",
        )
    reporter.problems(found.problems, cache_of(data) / "left_out.txt")
    for note in found.notes:
        reporter.note(note)
    for name, rows in found.drop.items():
        reporter.note(f"{read[name].path}: {amount(len(rows), 'clip')} left out")
        read[name] = read[name].chosen(row for row in range(len(read[name])) if row not in rows)
    return read


def _labels(data: Data, train: DataDir, reporter: Reporter) -> tuple[str, ...]:
    """The classes, with a note about names that look wrong. Raises UserError for a single one."""
    labels = labels_of(data, train)
    require_several(labels, train.path)
    for doubt in doubts(labels):
        reporter.note(f"attention: {doubt}")
    return labels


def tell_cuts(directory: DataDir, seconds: float, reporter: Reporter) -> None:
    """Say how much of the recordings clips of `seconds` leave unheard, and how much is padded."""
    times = [item.seconds for item in directory]
    remedy = f"data.seconds={math.ceil(10 * max(times, default=0)) / 10:g} hears all"
    if words := cuts(times, seconds, remedy=remedy):
        reporter.note(f"{directory.path}: {words}")


def open_channels(
    directory: DataDir,
    data: Data,
    labels: Sequence[str],
    front_end: FrontEnd,
    samples: int,
    reporter: Reporter,
) -> SegmentSplit:
    """The channels of a data directory's recordings. Raises UserError for an unknown label, or a change."""
    require_known(directory, labels)
    directory = sums.require_unchanged(directory, cache_of(data), reporter, data.workers)
    form = Form(front_end.sample_rate, data.channels, samples)
    return open_segments(directory, labels, front_end, form, cache_of(data), reporter)


def open_split(
    directory: DataDir,
    data: Data,
    labels: Sequence[str],
    front_end: FrontEnd,
    samples: int,
    reporter: Reporter,
    channel: Channel = None,
) -> ClipSplit:
    """Decode a data directory; `channel` as in `audio.read`. Raises UserError for a label that is not among
    `labels`.
    """
    require_known(directory, labels)
    decoded = waves(
        directory,
        rate=front_end.sample_rate,
        samples=samples,
        resample=data.resample,
        on_bad=data.on_bad,
        channel=channel,
        folder=cache_of(data),
        reporter=reporter,
        workers=data.workers,
    )
    items = directory.chosen(decoded.kept.tolist())
    return ClipSplit(
        ids=[item.id for item in items],
        targets=np.array([labels.index(item.label) for item in items], dtype=np.int64),
        speakers=[item.speaker or item.id for item in items],
        items=items,
        waves=decoded,
    )


def _features(front_end: FrontEnd, decoded: Waves, data: Data, reporter: Reporter) -> Shards:
    """The features of decoded clips, stored."""
    return feature_store(
        front_end,
        decoded.array,
        key=decoded.key,
        folder=cache_of(data),
        reporter=reporter,
        workers=data.workers,
    )


def cache_of(data: Data) -> Path:
    """The folder of decoded clips and features."""
    return Path(data.cache) if data.cache else Path(data.train).parent / "cache"


def _require_all_classes(split: Split, labels: Sequence[str], path: str) -> None:
    counts = np.bincount(split.targets, minlength=len(labels))
    empty = [label for label, count in zip(labels, counts, strict=True) if count == 0]
    if empty:
        raise UserError(
            f"{path}: no clips of {', '.join(empty)}",
            hint="Add recordings, or remove the label from labels.txt.",
        )
