"""ImageNet's archives as ILSVRC 2012 publishes them, unpacked into one folder per class.

ILSVRC2012_img_train.tar       one .tar per class, n01440764.tar, with its images
ILSVRC2012_img_val.tar         ILSVRC2012_val_00000001.JPEG to 00050000, without folders
ILSVRC2012_devkit_t12.tar.gz   data/meta.mat and the ground truth of the validation images are used
"""

import io
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

from audionas.core.errors import UserError
from audionas.core.files import atomic
from audionas.core.pool.ordered import ordered
from audionas.core.reporter import Reporter
from audionas.images.ilsvrc import (
    CLASS,
    DEVKIT,
    GROUND_TRUTH,
    INSIDE,
    META,
    class_of,
    classes_of,
    synsets_of,
)

TRAIN, VAL = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"
MD5 = {  # as in torchvision and on the download page
    TRAIN: "1d675b47d978889d74fa0da5fadfb00e",
    VAL: "29b22e2961454d5413ddabcf34fc5622",
    DEVKIT: "fa75699e90414af021442c21a62c3abf",
}
COUNTS = {"classes": 1000, "train": 1_281_167, "val": 50_000}
_DAMAGED = (tarfile.TarError, EOFError, zlib.error)


class _Member(NamedTuple):
    """A file inside an archive, the offset of its bytes, and their number."""

    name: str
    offset: int
    size: int


def classes_in_devkit(archive: Path) -> list[str]:
    """The class of each validation image, in order, from the development kit."""
    try:
        with tarfile.open(archive) as tar:
            truth, meta = (_extracted(tar, f"{INSIDE}/{name}", archive) for name in (GROUND_TRUTH, META))
    except _DAMAGED as error:
        raise _damaged(archive, error) from error
    source = f"{archive}: {META}"
    return classes_of(
        truth.decode("ascii", "replace"), str(archive), lambda: synsets_of(io.BytesIO(meta), source)
    )


def unpack_train(archive: Path, folder: Path, reporter: Reporter, *, workers: int | None = None) -> None:
    """Unpack each class's inner archive to `folder/<class>`, which appears complete; existing ones are kept.

    Raises UserError for a member that is not a class's archive or not an image of that class.
    """
    inner = list(_members(archive))
    for member in inner:
        if not re.fullmatch(CLASS.pattern + r"\.tar", member.name):
            raise UserError(f"{archive}: refused: '{member.name}' is not the archive of a class")
    left = [member for member in inner if not (folder / member.name.removesuffix(".tar")).is_dir()]
    unpack = partial(_unpack_class, archive, folder)
    done = ordered(unpack, left, workers=workers, chunk=1)
    for _ in reporter.progress(done, f"unpacking {archive.name} (classes)", len(left)):
        pass


def unpack_val(
    archive: Path, folder: Path, classes: Sequence[str], reporter: Reporter, *, workers: int | None = None
) -> None:
    """Unpack each missing validation image to `folder/<class>/`.

    `classes` are those of `classes_in_devkit`. Raises UserError for a member that is not a validation image.
    """
    pairs = []
    for member in _members(archive):
        target = folder / class_of(member.name, classes, f"{archive}: {member.name}") / member.name
        if not target.is_file() or target.stat().st_size != member.size:
            pairs.append((member, target))
    for target in {target.parent for _, target in pairs}:
        target.mkdir(parents=True, exist_ok=True)
    done = ordered(partial(_unpack_image, archive), pairs, workers=workers, chunk=64)
    for _ in reporter.progress(done, f"unpacking {archive.name}", len(pairs)):
        pass


def counts(tree: Path) -> dict[str, int]:
    """Classes, training and validation images of an unpacked tree."""
    classes = [f for f in (tree / "train").iterdir() if f.is_dir() and not f.name.startswith(".")]
    images = {part: sum(1 for _ in (tree / part).glob("n*/*.JPEG")) for part in ("train", "val")}
    return {"classes": len(classes), **images}


def _unpack_class(archive: Path, folder: Path, inner: _Member) -> None:
    name = inner.name.removesuffix(".tar")
    draft = folder / f".{name}.unpacking"
    shutil.rmtree(draft, ignore_errors=True)  # left by an interrupted run
    draft.mkdir(parents=True)
    try:
        with archive.open("rb") as raw:
            for member in _members(archive, raw, inner):
                if not re.fullmatch(name + r"_\d+\.JPEG", member.name):
                    raise UserError(
                        f"{archive}: {inner.name}: refused: '{member.name}' is not an image of {name}"
                    )
                (draft / member.name).write_bytes(_bytes(raw, member, archive))
        draft.replace(folder / name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _unpack_image(archive: Path, pair: tuple[_Member, Path]) -> None:
    member, target = pair
    with archive.open("rb") as raw, atomic(target) as draft:
        draft.write_bytes(_bytes(raw, member, archive))


def _extracted(tar: tarfile.TarFile, name: str, archive: Path) -> bytes:
    try:
        stream = tar.extractfile(name)
    except KeyError as error:
        raise UserError(f"{archive}: has no {name}", hint=f"Expected {DEVKIT} as published.") from error
    if stream is None:
        raise UserError(f"{archive}: refused: '{name}' is not a file")
    return stream.read()


def _members(archive: Path, raw: IO[bytes] | None = None, inner: _Member | None = None) -> Iterator[_Member]:
    """The files of an archive, or of the inner one at `inner` in `raw`. Raises UserError for links."""
    try:
        if raw is not None and inner is not None:
            raw.seek(inner.offset)
        with tarfile.open(archive if raw is None else None, "r:", fileobj=raw) as tar:
            for entry in tar:
                if not entry.isreg():
                    raise UserError(f"{archive}: refused: '{entry.name}' is not a file")
                if inner is not None and entry.offset_data + entry.size > inner.offset + inner.size:
                    raise _damaged(archive, f"{inner.name} ends early")
                yield _Member(entry.name, entry.offset_data, entry.size)
    except _DAMAGED as error:
        raise _damaged(archive, error) from error


def _bytes(raw: IO[bytes], member: _Member, archive: Path) -> bytes:
    raw.seek(member.offset)
    data = raw.read(member.size)
    if len(data) < member.size:
        raise _damaged(archive, f"{member.name} ends early")
    return data


def _damaged(archive: Path, reason: object) -> UserError:
    return UserError(f"{archive}: not a complete tar archive ({reason})", hint="Fetch it again.")
