"""Labelled images from an archive, an `.npz` file or a folder: uint8 pixels and their classes.

Files are decoded once, into memory-mapped shards (`store.py`); augmentation is done later, on the
device.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from audionas.core.errors import UserError, did_you_mean
from audionas.core.files import sha256_text
from audionas.core.reporter import Reporter
from audionas.core.rng import numpy_rng
from audionas.core.shards import Shards
from audionas.images import ilsvrc
from audionas.images.arrays import Arrays, Part, read_cifar, read_npz
from audionas.images.conf import Images
from audionas.images.files import SUFFIXES
from audionas.images.files import fitted as fitted
from audionas.images.files import read_file as read_file
from audionas.images.store import store

_SIZE = 224  # pixels per side that a network sees of a folder's images
_FOLDERS: dict[Part, str] = {"train": "train", "test": "val"}  # ImageNet's names
_BLOCK = 64  # images read at a time for the statistics
_MOST_COUNTED = 50_000  # images whose pixels enter the statistics


class ImageSet(NamedTuple):
    """Images of one part: pixels (n, side, side, 3) uint8, class indices (n,), and a name for each.

    `fingerprint` depends on the pixels, the classes and their order, not on their path. `size` is
    the side that a network sees; `resize` the length to which an image file's shorter side is scaled
    before its centre is cut out.
    """

    labels: tuple[str, ...]
    pixels: np.ndarray | Shards
    targets: np.ndarray
    ids: list[str]
    fingerprint: str
    size: int
    resize: int


def read(conf: Images, part: Part, reporter: Reporter, labels: Sequence[str] = ()) -> ImageSet:
    """The training images (the `subset` of them) or the test images that `conf.path` holds.

    `labels` are the classes of a trained model, in its order; by default they come from the data.
    Raises UserError, with all problems of a kind: unreadable files, classes without images, unknown classes.
    """
    path = Path(conf.path)
    if not path.exists():
        raise UserError(f"{path}: no such file or folder", hint="Set images.path (or --data) to the images.")
    if path.is_dir() and any((path / name).is_dir() for name in _FOLDERS.values()):
        return _tree(path, conf, part, reporter, tuple(labels))
    arrays = read_npz(path, part) if path.suffix == ".npz" else read_cifar(path, part)
    return _from_arrays(path, conf, part, arrays, tuple(labels))


def drawn(targets: np.ndarray, share: float, *words: Any) -> np.ndarray:
    """A mask (n,) of a share of each class's examples, at least one and, where there are two, not all.

    The choice depends on `words` and the class alone.
    """
    mask = np.zeros(len(targets), dtype=bool)
    for target in np.unique(targets):
        rows = np.flatnonzero(targets == target)
        count = min(max(round(share * len(rows)), 1), max(len(rows) - 1, 1))
        mask[numpy_rng(*words, int(target)).permutation(rows)[:count]] = True
    return mask


def statistics(pixels: np.ndarray | Shards, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation per channel of [0, 1] pixels over `rows`: two (3,) float32, exact.

    If there are more than 50,000 images, that many, evenly spread, are counted.
    """
    rows = rows[:: -(-len(rows) // _MOST_COUNTED)]
    counts = np.zeros((3, 256), dtype=np.int64)
    for at in range(0, len(rows), _BLOCK):
        block = pixels[rows[at : at + _BLOCK]]
        counts += [np.bincount(block[..., channel].ravel(), minlength=256) for channel in range(3)]
    values = np.arange(256) / 255
    total = counts.sum(1)
    mean = counts @ values / total
    std = np.sqrt(np.maximum(counts @ values**2 / total - mean**2, 0.0))
    return mean.astype(np.float32), np.maximum(std, 1e-3).astype(
        np.float32
    )  # a blank channel: no division by 0


def _from_arrays(path: Path, conf: Images, part: Part, arrays: Arrays, labels: tuple[str, ...]) -> ImageSet:
    """Take arrays as they are; another size is an error, as pixels would have to be invented."""
    side = arrays.pixels.shape[1]
    problems = []
    if labels and labels != arrays.labels:
        problems.append(f"{path}: its classes are {' '.join(arrays.labels)}, the model's {' '.join(labels)}")
    if {conf.size, conf.stored} - {None, side}:
        problems.append(f"{path}: images have {side} pixels per side, expected {conf.size or conf.stored}")
    if part == "train":
        problems += _empty(path, arrays.targets, arrays.labels)
    if problems:
        raise UserError(
            problems, hint="Images of an archive keep their size; images.size is for folders of image files."
        )
    pixels, targets, ids = arrays.pixels, arrays.targets, arrays.ids
    if part == "train" and conf.subset < 1:
        rows = np.flatnonzero(drawn(targets, conf.subset, "images", "subset"))
        pixels, targets, ids = pixels[rows], targets[rows], [ids[i] for i in rows]
    digest = hashlib.sha256("\n".join(arrays.labels).encode())
    for array in (targets, pixels):
        digest.update(np.ascontiguousarray(array).data)
    return ImageSet(arrays.labels, pixels, targets, ids, digest.hexdigest(), side, side)


def _empty(path: Path, targets: np.ndarray, labels: Sequence[str]) -> list[str]:
    counts = np.bincount(targets, minlength=len(labels))
    return [f"{path}: no images of {label}" for label, count in zip(labels, counts, strict=True) if not count]


def _tree(path: Path, conf: Images, part: Part, reporter: Reporter, labels: tuple[str, ...]) -> ImageSet:
    """A folder in ImageNet's layout, decoded once: one folder per class in `train/` and in `val/`."""
    size = conf.size or _SIZE
    side = conf.stored or round(size * 8 / 7)
    if side < size:
        raise UserError(
            f"images.stored is {side}, less than the {size} pixels that a network sees",
            hint=f"Set images.size as well, for example images.size={round(side * 7 / 8)}.",
        )
    root = path / _FOLDERS[part]
    classes = _classes(path, root, labels)
    labels = labels or tuple(classes)
    files, targets = [], []
    for label, own in classes.items():
        if part == "train" and conf.subset < 1:
            mask = drawn(np.zeros(len(own), int), conf.subset, "images", "subset", label)
            own = [file for file, kept in zip(own, mask, strict=True) if kept]
        files += own
        targets += [labels.index(label)] * len(own)
    facts = [(str(file.relative_to(root)), (s := file.stat()).st_size, s.st_mtime_ns) for file in files]
    found = store(root, facts, side, conf.folder, reporter)
    ids = [name for name, _, _ in facts]
    names = "\n".join((*labels, *ids))
    return ImageSet(
        labels,
        found.pixels,
        np.array(targets, dtype=np.int64),
        ids,
        sha256_text(f"{names}\n{side}\n{found.digest}"),
        size,
        side,
    )


def _classes(path: Path, root: Path, labels: tuple[str, ...]) -> dict[str, list[Path]]:
    """The image files of each class, all sorted; a class without files is refused.

    If `root` has images but no folders, they are taken as ILSVRC's validation images, unpacked as they are
    published, and their classes are read from the ground truth in `path`.
    """
    if not root.is_dir():
        raise UserError(f"{root}: no such folder", hint="Expected train/CLASS/*.JPEG and val/CLASS/*.JPEG.")
    folders = sorted(f for f in root.iterdir() if f.is_dir() and not f.name.startswith("."))
    found = {f.name: sorted(file for file in f.iterdir() if file.suffix.lower() in SUFFIXES) for f in folders}
    if not found:
        found = ilsvrc.by_class(path, [f for f in root.iterdir() if f.suffix.lower() in SUFFIXES])
    problems = [f"{root / name}: has no images" for name, files in found.items() if not files]
    if labels:
        problems += [
            f"{root / name}: '{name}' is not a class of this model.{did_you_mean(name, labels)}"
            for name in found
            if name not in labels
        ]
    if not found:
        problems.append(f"{root}: has no class folders")
    if problems:
        raise UserError(problems, hint=f"Expected one folder per class, with images: {' '.join(SUFFIXES)}")
    return found
