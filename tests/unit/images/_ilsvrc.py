"""ImageNet's archives in small: two classes, with the names and layouts that ILSVRC 2012 publishes."""

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from audionas.core.rng import numpy_rng
from audionas.images.ilsvrc import GROUND_TRUTH, META
from audionas.prep import ilsvrc

CLASSES = ("n00000007", "n00000003")  # of ILSVRC2012_ID 1 and 2: their order is not the names'
TRUTH = (2, 1, 1, 2)  # of the validation images
DEVKIT = "ILSVRC2012_devkit_t12/data"


def jpeg(*words: object, side: int = 24) -> bytes:
    """A small picture; the same words give the same bytes."""
    stream = io.BytesIO()
    pixels = numpy_rng("ilsvrc", *map(str, words)).integers(0, 256, (side, side + 4, 3))
    Image.fromarray(pixels.astype(np.uint8)).save(stream, "JPEG")
    return stream.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w") -> bytes:
    """A tar archive of these files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def meta() -> bytes:
    """meta.mat: the two classes, and a third that stands above them."""
    rows = np.zeros(3, dtype=[("ILSVRC2012_ID", "O"), ("WNID", "O"), ("num_children", "O")])
    for row, (number, name) in enumerate(zip((1, 2, 1001), (*CLASSES, "n00000001"), strict=True)):
        rows[row] = (number, name, 0 if number < 1001 else 2)
    stream = io.BytesIO()
    savemat(stream, {"synsets": rows.reshape(-1, 1)})
    return stream.getvalue()


def val_name(number: int) -> str:
    """Of a validation image, counted from 1."""
    return f"ILSVRC2012_val_{number:08d}.JPEG"


def train_files(count: int = 3) -> dict[str, dict[str, bytes]]:
    """The training images of each class."""
    return {c: {f"{c}_{i}.JPEG": jpeg(c, i) for i in range(1, count + 1)} for c in CLASSES}


def val_files() -> dict[str, bytes]:
    """The validation images."""
    return {val_name(i): jpeg("val", i) for i, _ in enumerate(TRUTH, 1)}


def archives(folder: Path, count: int = 3) -> Path:
    """The three archives in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    inner = {f"{name}.tar": tarred(files) for name, files in train_files(count).items()}
    (folder / ilsvrc.TRAIN).write_bytes(tarred(inner))
    (folder / ilsvrc.VAL).write_bytes(tarred(val_files()))
    truth = "".join(f"{number}\n" for number in TRUTH).encode()
    kit = {f"{DEVKIT}/{GROUND_TRUTH}": truth, f"{DEVKIT}/{META}": meta()}
    (folder / ilsvrc.DEVKIT).write_bytes(tarred(kit, "w:gz"))
    return folder
