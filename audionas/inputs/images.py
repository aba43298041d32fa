"""Images as inputs of a fit: training and held-out images, cropped and standardised on the device."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from audionas.config import Config
from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from audionas.data.batches import Batches
from audionas.features import SpecAugment
from audionas.images import augment, sets
from audionas.images.augment import Standardize
from audionas.images.conf import Images
from audionas.images.sets import ImageSet
from audionas.inputs.split import Inputs, Split
from audionas.models.bundle import ModelBundle


@dataclass(frozen=True)
class ImageSplit(Split):
    """Some `rows` of a set of images; the pixels stay where they are."""

    pool: ImageSet
    rows: np.ndarray


@dataclass(frozen=True)
class ImageInputs(Inputs):
    """Images, the settings of their augmentation, and the statistics of each channel."""

    noun: ClassVar[str] = "images"

    train: ImageSplit
    dev: ImageSplit
    images: Images
    standardize: Standardize

    def halves(self, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw a share of each class with the run's seed."""
        member = sets.drawn(self.train.targets, share, "images", "halves", seed)
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
        """Pixels as they are stored (B, H, W, 3) uint8: `ready` augments them."""
        assert isinstance(split, ImageSplit)
        pool = split.pool
        return Batches(
            pool.pixels,
            pool.targets,
            pool.ids,
            [self.labels[target] for target in pool.targets],
            rows=split.rows[rows],
            batch_size=batch_size,
            seed=conf.general.seed,
            shuffle=shuffle,
            workers=workers,
            drop_last=shuffle,
        )

    def to(self, device: torch.device) -> None:
        """Move the statistics."""
        self.standardize.to(device)

    def ready(self, x: Tensor, masks: SpecAugment | None, *, final: bool) -> Tensor:
        """Crop and standardise; `masks` adds augmentation, and `final` also cutout."""
        size = self.io.freq
        if masks is None:
            plain: Tensor = self.standardize(augment.plain(x, size))
            return plain
        y: Tensor = self.standardize(augment.augmented(x, self.images, size))
        return augment.cutout(y, self.images.cutout) if final and self.images.cutout else y

    def facts(self, conf: Config) -> Mapping[str, Any]:
        """All settings of the images except the paths of the images and the cache."""
        plain = conf.resolved()["images"]
        return {"images": {k: v for k, v in plain.items() if k not in ("path", "cache")}}

    def bundle(self, spec: ArchSpec, weights: dict[str, Tensor], note: dict[str, Any]) -> ModelBundle:
        """Bundle the network with the statistics of each channel and the size to resize image files to."""
        return ModelBundle(
            spec=spec,
            features=None,
            labels=self.labels,
            samples=0,
            mean=self.standardize.mean.flatten().cpu(),
            std=self.standardize.std.flatten().cpu(),
            weights=weights,
            note=note,
            resize=self.train.pool.resize,
        )


def open_images(conf: Config, reporter: Reporter) -> ImageInputs:
    """Read the training images, hold out the development images, and compute the statistics of the rest."""
    assert conf.images is not None
    settings = conf.images
    pool = sets.read(settings, "train", reporter)
    held = np.zeros(len(pool.targets), dtype=bool)
    if settings.dev:
        held = sets.drawn(pool.targets, settings.dev, "images", "dev")
    train, dev = (_split(pool, np.flatnonzero(mask)) for mask in (~held, held))
    _require_all_classes(train, settings)
    mean, std = sets.statistics(pool.pixels, train.rows)
    return ImageInputs(
        labels=pool.labels,
        io=InputSpec(3, pool.size, pool.size, len(pool.labels)),
        train=train,
        dev=dev,
        fingerprint=pool.fingerprint,
        images=settings,
        standardize=Standardize(torch.from_numpy(mean), torch.from_numpy(std)),
    )


def open_test(path: Path, bundle: ModelBundle, cache: str, reporter: Reporter) -> ImageSplit:
    """The test images in `path`, with the classes and the size of a trained model."""
    settings = Images(path=str(path), size=bundle.spec.io.freq, stored=bundle.resize, cache=cache)
    pool = sets.read(settings, "test", reporter, bundle.labels)
    return _split(pool, np.arange(len(pool.targets)))


def _split(pool: ImageSet, rows: np.ndarray) -> ImageSplit:
    ids = [pool.ids[i] for i in rows]
    return ImageSplit(ids=ids, targets=pool.targets[rows], speakers=ids, pool=pool, rows=rows)


def _require_all_classes(train: ImageSplit, settings: Images) -> None:
    counts = np.bincount(train.targets, minlength=len(train.pool.labels))
    empty = [label for label, count in zip(train.pool.labels, counts, strict=True) if count == 0]
    if empty:
        raise UserError(
            f"{settings.path}: no image is left to train {', '.join(empty)}",
            hint="Provide at least two images per class, or set images.dev=0, which holds none out.",
        )
