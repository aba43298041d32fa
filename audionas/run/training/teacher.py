"""Trained models as another's teachers: the mean of their logits for the same examples.

Each hears them through its own front-end. Where examples look the same in every epoch, it answers once into a
memory-mapped file, keyed by the digests of model and data; else it answers for every batch.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from audionas.config import Config
from audionas.core.cache import Block, Plan, built
from audionas.core.errors import UserError, did_you_mean
from audionas.core.files import sha256_text
from audionas.core.reporter import Reporter
from audionas.core.shards import Shards
from audionas.data.batches import Batch, Batches
from audionas.engine.conf import Distill
from audionas.engine.distributed import forked_draws
from audionas.images import augment
from audionas.inputs.audio import ClipInputs, ClipSplit, cache_of
from audionas.inputs.images import ImageInputs
from audionas.inputs.split import Inputs
from audionas.models.bundle import KeywordModel, ModelBundle, PictureModel
from audionas.models.names import digest, folder_of

_BLOCK = 256  # examples per batch for the file
_KEY = "train.distill.teacher"


@dataclass(frozen=True)
class Member:
    """A model that knows the student's classes; `columns` gives their positions among its logits."""

    name: str
    digest: str
    bundle: ModelBundle
    columns: list[int]


@dataclass(frozen=True)
class Teacher:
    """One model or several that teach together; `cached` says whether each answers once per example."""

    settings: Distill
    members: tuple[Member, ...]
    cached: bool

    @property
    def digest(self) -> str:
        """That of the only member; of several the hash of theirs."""
        first, *others = (member.digest for member in self.members)
        return sha256_text(" ".join((first, *others))) if others else first


def find(conf: Config, inputs: Inputs) -> Teacher | None:
    """The teacher in `train.distill`. Raises UserError where it cannot answer for the run's examples."""
    settings = conf.train.distill
    if settings is None:
        return None
    folders = {name: folder_of(name, _KEY, own=conf.folder) for name in settings.teacher}
    bundles = {name: ModelBundle.load(folder) for name, folder in folders.items()}
    problems = [
        f"{_KEY}: {name} {problem}"
        for name, bundle in bundles.items()
        for problem in _unknown(bundle, inputs) or _other_input(bundle, inputs)
    ]
    if problems:
        raise UserError(problems)
    still = isinstance(inputs, ClipInputs) and not conf.augment.active
    members = tuple(
        Member(name, digest(folders[name]), bundle, [bundle.labels.index(label) for label in inputs.labels])
        for name, bundle in bundles.items()
    )
    return Teacher(settings, members, still if settings.cache is None else settings.cache)


class Teaching:
    """Teachers at work beside a training on `batches`."""

    def __init__(
        self,
        teacher: Teacher,
        inputs: Inputs,
        batches: Batches,
        conf: Config,
        device: torch.device,
        reporter: Reporter,
    ) -> None:
        self.settings, self.device = teacher.settings, device
        self.inputs, self.batches = inputs, batches
        self._rows: Iterator[np.ndarray] = iter(())
        self.heads = [_Head(member, inputs, device) for member in teacher.members]
        self.cached = teacher.cached
        if self.cached:
            for head in self.heads:
                head.store(_cache(conf), reporter)

    def begin(self, epoch: int) -> None:
        """Prepare for the first batch of an epoch."""
        self._rows = self.batches.rows(epoch)

    @torch.no_grad()
    def logits(self, batch: Batch, x: Tensor) -> Tensor:
        """Logits of the next batch, (B, classes) in the student's order; `x` is the batch as it sees it.

        No random numbers are drawn: the student's are those of a training without a teacher.
        """
        rows = next(self._rows)
        if self.cached:
            answers = [head.stored(rows) for head in self.heads]
        else:
            heard = self._heard(batch, rows, x)
            with forked_draws([self.device] if self.device.type == "cuda" else []):
                answers = [head.answer(heard) for head in self.heads]
        return torch.stack(answers).mean(0)

    def _heard(self, batch: Batch, rows: np.ndarray, x: Tensor) -> Tensor:
        """The waveforms (B, N) of a batch, or its images (B, 3, H, W) in [0, 1]."""
        if isinstance(self.inputs, ImageInputs):
            return x * self.inputs.standardize.std + self.inputs.standardize.mean
        heard = batch.x if batch.x.ndim == 2 else _clean(self.inputs, rows)
        return heard.to(self.device, non_blocking=True)


class _Head:
    """One member at work: its logits of examples, in the student's order of classes."""

    def __init__(self, member: Member, inputs: Inputs, device: torch.device) -> None:
        self.member, self.inputs, self.device = member, inputs, device
        self.network = member.bundle.network().to(device).requires_grad_(requires_grad=False)
        self._all: Shards | None = None

    def answer(self, heard: Tensor) -> Tensor:
        """Logits (B, classes) float32 of waveforms, features or images."""
        return self._logits(heard).float()[:, self.member.columns]

    def stored(self, rows: np.ndarray) -> Tensor:
        """The stored logits (B, classes) of examples."""
        assert self._all is not None
        return torch.from_numpy(self._all[rows]).to(self.device)[:, self.member.columns]

    def _logits(self, heard: Tensor) -> Tensor:
        network = self.network
        if isinstance(network, KeywordModel):
            features = network.front_end(heard) if heard.ndim == 2 else heard
            logits: Tensor = network.net(network.normalize(features))
        else:
            assert isinstance(network, PictureModel)
            logits = network.net(network.standardize(heard))
        return logits

    def store(self, folder: Path, reporter: Reporter) -> None:
        """Write logits (n, the member's classes) float32 of all examples, or find them written."""
        data, count = _examples(self.inputs)
        # a network's last bits depend on the machine
        place = {"device": self.device.type, "threads": torch.get_num_threads()}
        identity = {"teacher": self.member.digest, "data": data, "count": count, **place}
        key = sha256_text(json.dumps(identity, sort_keys=True))
        shape = (len(self.member.bundle.labels),)
        plan = Plan(folder / f"teacher-{key[:12]}", key, count, shape, "float32", _BLOCK)
        self._all = built(plan, self._block, reporter, label="teacher's answers", workers=1).array

    def _block(self, start: int, stop: int) -> Block:
        """The logits of the examples in these rows."""
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            logits = self._logits(_clean(self.inputs, np.arange(start, stop)).to(self.device))
        return Block(logits.float().cpu().numpy(), [])


def _clean(inputs: Inputs, rows: np.ndarray) -> Tensor:
    """Examples as stored, not augmented; for channels only features (B, 1, F, T) exist."""
    if isinstance(inputs, ImageInputs):
        pixels = torch.from_numpy(np.asarray(inputs.train.pool.pixels[rows]))
        return augment.plain(pixels, inputs.io.freq)
    assert isinstance(inputs, ClipInputs)
    split = inputs.train
    if isinstance(split, ClipSplit):
        return torch.from_numpy(split.waves.array[rows].astype(np.float32) / np.float32(32768))
    return torch.from_numpy(np.asarray(split.features[rows])).unsqueeze(1)


def _examples(inputs: Inputs) -> tuple[str, int]:
    """The identity of the examples that batches take rows from, and their number."""
    if isinstance(inputs, ImageInputs):
        return f"{inputs.fingerprint} {inputs.io.freq}", len(inputs.train.pool.pixels)
    assert isinstance(inputs, ClipInputs)
    split = inputs.train
    if isinstance(split, ClipSplit):
        return split.waves.key, len(split.waves.array)
    return f"{inputs.fingerprint} {json.dumps(inputs.features.resolved())}", len(split.features)


def _cache(conf: Config) -> Path:
    return conf.images.folder if conf.images is not None else cache_of(conf.data)


def _unknown(bundle: ModelBundle, inputs: Inputs) -> list[str]:
    """Problems with classes of the student that the teacher does not know."""
    known = bundle.labels
    return [f"does not know '{x}'.{did_you_mean(x, known)}" for x in inputs.labels if x not in known]


def _other_input(bundle: ModelBundle, inputs: Inputs) -> list[str]:
    """Reasons why the teacher cannot take the student's examples."""
    if isinstance(inputs, ImageInputs):
        if bundle.features is not None:
            return ["hears recordings, and this run reads images"]
        size, wanted = bundle.spec.io.freq, inputs.io.freq
        return [f"sees {size} x {size} pixels, and the student {wanted} x {wanted}"] if size != wanted else []
    assert isinstance(inputs, ClipInputs)
    if bundle.features is None:
        return ["sees images, and this run reads recordings"]
    if inputs.channels > 1 and bundle.features.resolved() != inputs.features.resolved():
        return ["has a front-end other than the student's, and for channels only features are stored"]
    problems = []
    rate, wanted = bundle.features.resolved()["sample_rate"], inputs.front_end.sample_rate
    if rate != wanted:
        problems.append(f"hears {rate} samples per second, and the student {wanted}")
    elif bundle.samples != inputs.samples:
        problems.append(
            f"hears clips of {bundle.samples / rate:g} s, and the student of {inputs.samples / rate:g} s"
        )
    return problems
