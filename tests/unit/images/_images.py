"""Small image data sets in every layout that is read; classes are told apart by their brightness."""

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from audionas.core.rng import numpy_rng

LABELS = ("dark", "light")


def pixels(count: int, side: int = 32, *, part: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """(n, side, side, 3) uint8 and (n,) classes in turn; the same arguments give the same bytes."""
    targets = np.arange(count) % len(LABELS)
    noise = numpy_rng("pixels", part, side).integers(0, 80, (count, side, side, 3))
    return (noise + 120 * targets[:, None, None, None]).astype(np.uint8), targets


def npz(file: Path, *, train: int = 40, test: int = 12, side: int = 32, **changes: np.ndarray) -> Path:
    """An `.npz` file of the usual keys, some of them replaced."""
    arrays = {"classes": np.array(LABELS)}
    for part, count in (("train", train), ("test", test)):
        arrays[f"x_{part}"], arrays[f"y_{part}"] = pixels(count, side, part=part)
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, **{k: v for k, v in {**arrays, **changes}.items() if v is not None})
    return file


def cifar_files(*, label_bytes: int = 1) -> dict[str, bytes]:
    """The files of CIFAR-10's binary release (CIFAR-100's with two label bytes), a few images each."""
    if label_bytes == 1:
        names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
        found = {"batches.meta.txt": b"dark\nlight\n\n"}
    else:
        names = ["train.bin", "test.bin"]
        found = {"fine_label_names.txt": b"dark\nlight\n", "coarse_label_names.txt": b"all\n"}
    for number, name in enumerate(names):
        x, y = pixels(4, part=name)
        records = []
        for image, target in zip(x, y, strict=True):
            image[0, 0] = (number, 1, 2)  # red, green, blue of the first pixel, to be found again
            records.append(bytes([0] * (label_bytes - 1) + [target]) + image.transpose(2, 0, 1).tobytes())
        found[name] = b"".join(records)
    return found


def archive(file: Path, files: dict[str, bytes], folder: str) -> Path:
    """A compressed tar archive of `folder/<name>`."""
    with tarfile.open(file, "w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return file


def tree(folder: Path, *, train: int = 6, val: int = 2, side: int = 40) -> Path:
    """ImageNet's layout: JPEG files of several sizes in `train/<class>` and `val/<class>`."""
    for part, count in (("train", train), ("val", val)):
        x, y = pixels(count * len(LABELS), side, part=part)
        for number, (image, target) in enumerate(zip(x, y, strict=True)):
            file = folder / part / LABELS[target] / f"{number:02d}.JPEG"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image[:, : side - number % 3]).save(file, quality=95)
    return folder
