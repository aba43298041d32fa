"""ImageNet's archives as ILSVRC 2012 publishes them, unpacked into one folder per class.

ILSVRC2012_img_train.tar       one .tar per class, n01440764.tar, with its images
ILSVRC2012_img_val.tar         ILSVRC2012_val_00000001.JPEG to 00050000, without folders
ILSVRC2012_devkit_t12.tar.gz   data/meta.mat and the ground truth of the validation images are used
"""

import io
import re
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

from audionas.core.archives.archive import damaged, require_room
from audionas.core.archives.listing import size_words
from audionas.core.archives.tar import open_tar
from audionas.core.errors import UserError
from audionas.core.files import atomic
from audionas.core.pool.ordered import ordered
from audionas.core.reporter import Reporter, amount
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


class _Member(NamedTuple):
    """A file inside an archive, the offset of its bytes, and their number."""

    name: str
    offset: int
    size: int


def classes_in_devkit(archive: Path) -> list[str]:
    """The class of each validation image, in order, from the development kit."""
    with open_tar(archive) as opened:
        files = {member.name: member for member in opened.files}
        wanted = [f"{INSIDE}/{name}" for name in (GROUND_TRUTH, META)]
        if missing := [f"{archive}: has no {name}" for name in wanted if name not in files]:
            raise UserError(missing, hint=f"Expected {DEVKIT} as published.")
        truth, meta = (opened.read(files[name]) for name in wanted)
    source = f"{archive}: {META}"
    return classes_of(
        truth.decode("ascii", "replace"), str(archive), lambda: synsets_of(io.BytesIO(meta), source)
    )


def unpack_train(archive: Path, folder: Path, reporter: Reporter, *, workers: int | None = None) -> None:
    """Unpack each class's inner archive to `folder/<class>`, which appears complete; existing ones are kept.

    All inner archives are listed before anything is written. Raises UserError for every member that is not a
    class's archive or not an image of that class, and as `open_tar` does.
    """
    inner = _members(archive)
    for member in inner:
        if not re.fullmatch(CLASS.pattern + r"\.tar", member.name):
            raise UserError(f"{archive}: refused: '{member.name}' is not the archive of a class")
    left = [member for member in inner if not (folder / member.name.removesuffix(".tar")).is_dir()]
    _announce(archive, _weighed(archive, left, reporter, workers), folder, reporter)
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
    _announce(archive, [member.size for member, _ in pairs], folder, reporter)
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


def _weighed(archive: Path, inner: Sequence[_Member], reporter: Reporter, workers: int | None) -> list[int]:
    """The bytes of every image in these inner archives. Raises UserError with all of their faults."""
    found = ordered(partial(_weigh, archive), inner, workers=workers, chunk=1)
    sizes, problems, unended = list[int](), list[str](), 0
    for own, faults, ended in reporter.progress(found, f"listing {archive.name} (classes)", len(inner)):
        sizes += own
        problems += faults
        unended += not ended
    if problems:
        raise UserError(problems)
    if unended:
        reporter.note(f"{archive.name}: {amount(unended, 'inner archive')} without an end mark")
    return sizes


def _weigh(archive: Path, inner: _Member) -> tuple[list[int], list[str], bool]:
    """The bytes of each image of a class, what is wrong with its archive, and True where it has an end."""
    name = inner.name.removesuffix(".tar")
    try:
        images, ended = _listed(archive, inner)
    except UserError as error:
        return [], [f"{problem} in {inner.name}" for problem in error.problems], True
    wrong = [image.name for image in images if not re.fullmatch(name + r"_\d+\.JPEG", image.name)]
    odd = [f"{archive}: {inner.name}: refused: '{each}' is not an image of {name}" for each in wrong]
    return [image.size for image in images], odd, ended


def _unpack_class(archive: Path, folder: Path, inner: _Member) -> None:
    name = inner.name.removesuffix(".tar")
    draft = folder / f".{name}.unpacking"
    shutil.rmtree(draft, ignore_errors=True)  # left by an interrupted run
    draft.mkdir(parents=True)
    try:
        with archive.open("rb") as raw:
            for member in _members(archive, inner):
                (draft / member.name).write_bytes(_bytes(raw, member, archive))
        draft.replace(folder / name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _unpack_image(archive: Path, pair: tuple[_Member, Path]) -> None:
    member, target = pair
    with archive.open("rb") as raw, atomic(target) as draft:
        draft.write_bytes(_bytes(raw, member, archive))


def _members(archive: Path, inner: _Member | None = None) -> list[_Member]:
    """The files of an archive, or of the inner one that is a member of it. Raises UserError for folders."""
    return _listed(archive, inner)[0]


def _listed(archive: Path, inner: _Member | None) -> tuple[list[_Member], bool]:
    """The same, and whether the archive has an end mark."""
    within = (inner.offset, inner.size) if inner else (0, archive.stat().st_size)
    with open_tar(archive, within) as opened:
        if odd := [f"{archive}: refused: '{m.name}' is not a file" for m in opened.members if m.folder]:
            raise UserError(odd)
        files = [_Member(member.name, member.offset, member.size) for member in opened.files]
        return files, opened.ended


def _announce(archive: Path, sizes: Sequence[int], folder: Path, reporter: Reporter) -> None:
    """Say what will be written. Raises UserError where the disk has no room for it."""
    folder.mkdir(parents=True, exist_ok=True)
    require_room(str(archive), sum(sizes), folder)
    if sizes:
        reporter.note(f"{archive.name} will write {size_words(sum(sizes))} in {amount(len(sizes), 'file')}")


def _bytes(raw: IO[bytes], member: _Member, archive: Path) -> bytes:
    raw.seek(member.offset)
    data = raw.read(member.size)
    if len(data) < member.size:
        raise damaged(archive, f"{member.name} ends early")
    return data
