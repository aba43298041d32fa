"""CIFAR's binary archives and `.npz` files as arrays in memory, without unpacking or reading pickles."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

import numpy as np

from audionas.core.archives.arrays import arrays as plain_arrays
from audionas.core.archives.listing import Member
from audionas.core.archives.tar import open_tar
from audionas.core.errors import UserError
from audionas.core.reporter import amount

Part = Literal["train", "test"]

_SIDE, _CHANNELS = 32, 3  # CIFAR's images, stored channel by channel
_LAYOUT_HINT = (
    "An .npz file holds x_train and x_test (n, side, side, 3) uint8, y_train and y_test (n,) whole numbers, "
    "and classes, the labels in their order."
)


class Arrays(NamedTuple):
    """Labels in class order, pixels (n, side, side, 3) uint8, class indices (n,), and a name for each."""

    labels: tuple[str, ...]
    pixels: np.ndarray
    targets: np.ndarray
    ids: list[str]


class _Layout(NamedTuple):
    """A release of CIFAR: its folder, its files, and the number of label bytes in front of each record."""

    title: str
    folder: str
    parts: Mapping[Part, tuple[str, ...]]
    labels: str
    label_bytes: int
    archive: str
    pickles: tuple[str, ...]


_LAYOUTS = (
    _Layout(
        "CIFAR-10",
        "cifar-10-batches-bin",
        {"train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test": ("test_batch.bin",)},
        "batches.meta.txt",
        1,
        "cifar-10-binary.tar.gz",
        ("data_batch_1", "test_batch", "batches.meta"),
    ),
    _Layout(
        "CIFAR-100",
        "cifar-100-binary",
        {"train": ("train.bin",), "test": ("test.bin",)},
        "fine_label_names.txt",
        2,  # the coarse label, then the fine one
        "cifar-100-binary.tar.gz",
        ("train", "test", "meta"),
    ),
)


def read_cifar(path: Path, part: Part) -> Arrays:
    """The training or test images of a binary archive or of its unpacked folder, in their order.

    Raises UserError for the Python archives, which are pickles, and for missing or damaged files.
    """
    names = {name for layout in _LAYOUTS for name in (*layout.parts[part], layout.labels)}
    found, all_names = _tar_files(path, names) if path.is_file() else _folder_files(path, names)
    layout = next((o for o in _LAYOUTS if set(found) & {*o.parts[part], o.labels}), None)
    if layout is None:
        raise _unknown(path, all_names)
    labels = tuple(found.get(layout.labels, b"").decode("utf-8", "replace").split())
    problems = [f"{path}: {n} is missing" for n in (*layout.parts[part], layout.labels) if n not in found]
    blocks = []
    for name in layout.parts[part]:
        block = _records(found.get(name, b""), layout)
        if name in found and (block is None or not len(block)):
            problems.append(f"{path}: {name} has {len(found[name])} bytes, not a whole number of images")
        elif block is not None:
            bad = block[:, layout.label_bytes - 1] >= max(len(labels), 1)
            if bad.any() and labels:
                value = int(block[bad.argmax(), layout.label_bytes - 1])
                problems.append(f"{path}: {name}, image {bad.argmax()}: label {value} of {len(labels)}")
            blocks.append(block)
    if problems:
        raise UserError(problems, hint=f"Fetch {layout.archive} of {layout.title} again.")
    whole = np.concatenate(blocks)
    chw = whole[:, layout.label_bytes :].reshape(-1, _CHANNELS, _SIDE, _SIDE)
    ids = [f"{name}/{i}" for name, b in zip(layout.parts[part], blocks, strict=True) for i in range(len(b))]
    targets = whole[:, layout.label_bytes - 1].astype(np.int64)
    return Arrays(labels, np.ascontiguousarray(chw.transpose(0, 2, 3, 1)), targets, ids)


def read_npz(path: Path, part: Part) -> Arrays:
    """The training or test images of an `.npz` file; UserError with all problems if it does not fit."""
    wanted = (f"x_{part}", f"y_{part}", "classes")
    arrays = plain_arrays(path, wanted, _LAYOUT_HINT)
    problems = [f"{path}: no array called {key}" for key in wanted if key not in arrays]
    problems = problems or _misshapen(path, part, *(arrays[key] for key in wanted))
    if problems:
        raise UserError(problems, hint=_LAYOUT_HINT)
    pixels, targets, classes = (arrays[key] for key in wanted)
    ids = [f"x_{part}/{i}" for i in range(len(pixels))]
    return Arrays(tuple(str(c) for c in classes), pixels, targets.astype(np.int64), ids)


def _misshapen(path: Path, part: Part, x: np.ndarray, y: np.ndarray, classes: np.ndarray) -> list[str]:
    """The reasons why these three arrays are not labelled images."""
    problems = []
    square = x.ndim == 4 and x.shape[1] == x.shape[2] and x.shape[3] == _CHANNELS
    if not square or x.dtype != np.uint8 or not x.size:
        problems.append(f"{path}: x_{part} is {x.dtype} {x.shape}, expected uint8 (n, side, side, 3)")
    if y.ndim != 1 or y.dtype.kind not in "iu" or len(y) != len(x):
        problems.append(f"{path}: y_{part} is {y.dtype} {y.shape}, expected whole numbers ({len(x)},)")
    if classes.ndim != 1 or classes.dtype.kind != "U" or len(set(classes.tolist())) != len(classes):
        problems.append(f"{path}: classes is {classes.dtype} {classes.shape}, expected distinct labels (k,)")
    if not problems and (bad := (y < 0) | (y >= len(classes))).any():
        first = int(bad.argmax())
        problems.append(
            f"{path}: y_{part}: {int(bad.sum())} of {amount(len(y), 'label')} are not among 0 "
            f"to {len(classes) - 1}; "
            f"the first is {int(y[first])}, in row {first}"
        )
    return problems


def _records(data: bytes, layout: _Layout) -> np.ndarray | None:
    """(n, label bytes + pixels) uint8, or None where the bytes do not divide into images."""
    record = layout.label_bytes + _CHANNELS * _SIDE * _SIDE
    return np.frombuffer(data, np.uint8).reshape(-1, record) if len(data) % record == 0 else None


def _folder_files(path: Path, wanted: set[str]) -> tuple[dict[str, bytes], list[str]]:
    """The wanted files in a folder, or in CIFAR's own folder inside it, and the names of all files there."""
    inner = [path / layout.folder for layout in _LAYOUTS if (path / layout.folder).is_dir()]
    folder = inner[0] if inner else path
    files = [file for file in sorted(folder.iterdir()) if file.is_file()]
    return {f.name: f.read_bytes() for f in files if f.name in wanted}, [f.name for f in files]


def _tar_files(path: Path, wanted: set[str]) -> tuple[dict[str, bytes], list[str]]:
    """The wanted members, read into memory, and the names of all; only plain files in CIFAR's folder."""
    try:
        with open_tar(path) as archive:
            known = _known(archive.files)
            found = {name: archive.read(member) for name, member in known.items() if name in wanted}
            return found, list(known)
    except UserError as error:
        raise UserError(
            [f"{path}: cannot be read as a tar archive:", *error.problems],
            hint="Expected cifar-10-binary.tar.gz, cifar-100-binary.tar.gz or an .npz file, whole.",
        ) from error


def _known(files: Sequence[Member]) -> dict[str, Member]:
    """By their names the files in CIFAR's folder, and pickles anywhere: to report that archive."""
    folders = {".", *(layout.folder for layout in _LAYOUTS)}
    pickles = {name for layout in _LAYOUTS for name in layout.pickles}
    where = {PurePosixPath(file.name): file for file in reversed(files)}  # of two the first
    return {p.name: file for p, file in where.items() if str(p.parent) in folders or p.name in pickles}


def _unknown(path: Path, names: Sequence[str]) -> UserError:
    """The error for a file or folder without binary CIFAR."""
    for layout in _LAYOUTS:
        if len(set(layout.pickles) & set(names)) >= 2:
            return UserError(
                f"{path}: the Python release of {layout.title}, which consists of pickles and is not read",
                hint=f"Fetch the binary release, {layout.archive}, and name that.",
            )
    expected = " or ".join(layout.archive for layout in _LAYOUTS)
    return UserError(
        f"{path}: no readable images found",
        hint=f"Expected {expected} (or its unpacked folder), an .npz file, or a folder with "
        "train/CLASS/*.JPEG and val/CLASS/*.JPEG.",
    )
