"""Labelled images from an archive, an `.npz` file or a folder: uint8 pixels and their classes.

Files are decoded by Pillow, once, into a memory-mapped array; augmentation is done later, on the device.
"""

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from audionas.core.errors import UserError, did_you_mean
from audionas.core.files import sha256_text
from audionas.core.memmap import memmap_cache
from audionas.core.report import Reporter
from audionas.core.rng import numpy_rng
from audionas.data._image_arrays import Arrays, Part, read_cifar, read_npz
from audionas.data.conf import Images

_SIZE = 224  # pixels a side that a network sees of a folder's images
SUFFIXES = (".jpeg", ".jpg", ".png", ".bmp", ".webp")
_FOLDERS: dict[Part, str] = {"train": "train", "test": "val"}  # ImageNet's names
_THREADS = 2  # decoding releases the interpreter lock
_BLOCK = 64  # images decoded ahead of the writer
_MOST_COUNTED = 50_000  # images whose pixels enter the statistics


class ImageSet(NamedTuple):
    """Images of one part: pixels (n, side, side, 3) uint8, class indices (n,), and a name for each.

    `fingerprint` depends on the pixels, the classes and their order, not on where they lie. `size` is
    what a network sees of them; `resize` the length to which an image file's shorter side is brought
    before its centre is cut out.
    """

    labels: tuple[str, ...]
    pixels: np.ndarray
    targets: np.ndarray
    ids: list[str]
    fingerprint: str
    size: int
    resize: int


def read(conf: Images, part: Part, reporter: Reporter, labels: Sequence[str] = ()) -> ImageSet:
    """The training images (the `subset` of them) or the test images that `conf.path` holds.

    `labels` are the classes of a trained model, in its order; without them the data say which there are.
    Raises UserError, all problems of a kind at once: what cannot be read, has no images or another class.
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

    Which ones depends on `words` and the class alone.
    """
    mask = np.zeros(len(targets), dtype=bool)
    for target in np.unique(targets):
        rows = np.flatnonzero(targets == target)
        count = min(max(round(share * len(rows)), 1), max(len(rows) - 1, 1))
        mask[numpy_rng(*words, int(target)).permutation(rows)[:count]] = True
    return mask


def statistics(pixels: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel of [0, 1] pixels over `rows`: two (3,) float32, exact.

    Of more than 50,000 images as many, evenly spread, are counted.
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


def read_file(path: Path, side: int) -> np.ndarray:
    """One image file, its shorter side brought to `side` pixels, the centre square: (side, side, 3) uint8.

    Raises UserError for a file that is no image or a damaged one.
    """
    try:
        return _decoded(path.read_bytes(), side)
    except OSError as error:
        raise UserError(f"{path}: cannot be read as an image ({error})") from error


def fitted(pixels: np.ndarray, side: int) -> np.ndarray:
    """The same for pixels (H, W, 3) uint8 of any size."""
    from PIL import Image

    return _square(Image.fromarray(pixels), side)


def _decoded(data: bytes, side: int) -> np.ndarray:
    """Raises OSError for whatever is wrong with the file."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as opened:
            opened.draft("RGB", (side, side))  # a large JPEG is decoded at a half, a quarter or an eighth
            return _square(opened.convert("RGB"), side)
    except Exception as error:  # on damaged files Pillow's decoders raise many things besides OSError
        raise OSError(str(error) or type(error).__name__) from error


def _square(picture: Any, side: int) -> np.ndarray:
    from PIL import Image

    short = min(picture.size)
    width, height = (max(side, round(length * side / short)) for length in picture.size)
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (width - side) // 2, (height - side) // 2
    return np.array(picture.crop((left, top, left + side, top + side)))


def _from_arrays(path: Path, conf: Images, part: Part, arrays: Arrays, labels: tuple[str, ...]) -> ImageSet:
    """Arrays are taken as they are; a size that differs would have to be invented."""
    side = arrays.pixels.shape[1]
    problems = []
    if labels and labels != arrays.labels:
        problems.append(f"{path}: its classes are {' '.join(arrays.labels)}, the model's {' '.join(labels)}")
    if {conf.size, conf.stored} - {None, side}:
        problems.append(f"{path}: its images have {side} pixels a side, expected {conf.size or conf.stored}")
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
    return [f"{path}: no image of {label}" for label, count in zip(labels, counts, strict=True) if not count]


def _tree(path: Path, conf: Images, part: Part, reporter: Reporter, labels: tuple[str, ...]) -> ImageSet:
    """A folder in ImageNet's layout, decoded once: a folder a class in `train/` and in `val/`."""
    size = conf.size or _SIZE
    side = conf.stored or round(size * 8 / 7)
    if side < size:
        raise UserError(
            f"images.stored is {side}, less than the {size} pixels that a network sees",
            hint=f"Set images.size as well, for example images.size={round(side * 7 / 8)}.",
        )
    root = path / _FOLDERS[part]
    classes = _classes(root, labels)
    labels = labels or tuple(classes)
    files, targets = [], []
    for label, own in classes.items():
        if part == "train" and conf.subset < 1:
            mask = drawn(np.zeros(len(own), int), conf.subset, "images", "subset", label)
            own = [file for file, kept in zip(own, mask, strict=True) if kept]
        files += own
        targets += [labels.index(label)] * len(own)
    facts = [(str(file.relative_to(root)), (s := file.stat()).st_size, s.st_mtime_ns) for file in files]
    key = sha256_text(json.dumps({"stored": side, "files": facts}))

    def fill(out: np.memmap, reporter: Reporter) -> str:
        return _decode_all(files, side, out, reporter.progress(range(len(files)), f"decoding {root}"))

    stored = memmap_cache(
        conf.folder / f"images-{key[:12]}.u8", (len(files), side, side, 3), "uint8", key, fill, reporter
    )
    names = "\n".join((*labels, *(fact[0] for fact in facts)))
    return ImageSet(
        labels,
        stored.array,
        np.array(targets, dtype=np.int64),
        [fact[0] for fact in facts],
        sha256_text(f"{names}\n{side}\n{stored.note}"),
        size,
        side,
    )


def _classes(root: Path, labels: tuple[str, ...]) -> dict[str, list[Path]]:
    """The image files of each class folder, all sorted; a class without any is refused."""
    if not root.is_dir():
        raise UserError(f"{root}: no such folder", hint="Expected train/CLASS/*.JPEG and val/CLASS/*.JPEG.")
    folders = sorted(f for f in root.iterdir() if f.is_dir() and not f.name.startswith("."))
    found = {f.name: sorted(file for file in f.iterdir() if file.suffix.lower() in SUFFIXES) for f in folders}
    problems = [f"{root / name}: no image in it" for name, files in found.items() if not files]
    if labels:
        problems += [
            f"{root / name}: '{name}' is not a class of this model.{did_you_mean(name, labels)}"
            for name in found
            if name not in labels
        ]
    if not found:
        problems.append(f"{root}: no folder of a class in it")
    if problems:
        raise UserError(problems, hint=f"One folder a class, with images in it: {' '.join(SUFFIXES)}")
    return found


def _decode_all(files: Sequence[Path], side: int, out: np.memmap, rows: Iterator[int]) -> str:
    """Write every image into its row of `out`; the SHA-256 over all files. UserError names the bad ones."""
    problems = []
    digest = hashlib.sha256()
    for row, result in zip(rows, _ahead(files, side), strict=True):
        if isinstance(result, str):
            problems.append(result)
        else:
            out[row], own = result
            digest.update(own)
    if problems:
        raise UserError(problems, hint="Repair or remove these images.")
    return digest.hexdigest()


def _ahead(files: Sequence[Path], side: int) -> Iterator[tuple[np.ndarray, bytes] | str]:
    """Every file decoded, with its digest, in order and a block at a time; or why it cannot be."""

    def decode(path: Path) -> tuple[np.ndarray, bytes] | str:
        try:
            data = path.read_bytes()
            return _decoded(data, side), hashlib.sha256(data).digest()
        except OSError as error:
            return f"{path}: cannot be read as an image ({error})"

    with ThreadPoolExecutor(_THREADS) as pool:
        for at in range(0, len(files), _BLOCK):
            yield from list(pool.map(decode, files[at : at + _BLOCK]))
