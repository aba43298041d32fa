"""ImageNet as ILSVRC 2012 publishes it: its archives unpacked, and the classes of its validation images.

ILSVRC2012_img_train.tar       a .tar for each class, n01440764.tar, with its images
ILSVRC2012_img_val.tar         ILSVRC2012_val_00000001.JPEG to 00050000, without folders
ILSVRC2012_devkit_t12.tar.gz   of which data/meta.mat and the ground truth of the validation images
"""

import io
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

from audionas.core.errors import UserError
from audionas.core.files import atomic
from audionas.core.pool import ordered as parallel
from audionas.core.reporter import Reporter

TRAIN, VAL, DEVKIT = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar", "ILSVRC2012_devkit_t12.tar.gz"
MD5 = {  # as torchvision and the download page have them
    TRAIN: "1d675b47d978889d74fa0da5fadfb00e",
    VAL: "29b22e2961454d5413ddabcf34fc5622",
    DEVKIT: "fa75699e90414af021442c21a62c3abf",
}
COUNTS = {"classes": 1000, "train": 1_281_167, "val": 50_000}
GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"
META, SYNSETS = "meta.mat", "ILSVRC2012_synsets.txt"
_INSIDE = "ILSVRC2012_devkit_t12/data"
_PLACES = ("", "val", "data", _INSIDE)  # below a tree, where ground truth and synsets are looked for
_CLASS = re.compile(r"n\d{8}")
_VAL_IMAGE = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG")
_DAMAGED = (tarfile.TarError, EOFError, zlib.error)


class _Member(NamedTuple):
    """A file inside an archive, where its bytes begin, and how many there are."""

    name: str
    offset: int
    size: int


def by_class(tree: Path, files: Sequence[Path]) -> dict[str, list[Path]]:
    """Validation images that lie without folders, by class; an empty dict where there are none.

    Raises UserError where a name is none of ILSVRC's, or nothing in `tree` tells the classes.
    """
    if not files:
        return {}
    places = [tree / place for place in _PLACES]
    file = next((p / GROUND_TRUTH for p in places if (p / GROUND_TRUTH).is_file()), None)
    if file is None:
        raise UserError(
            f"{files[0].parent}: images without a folder for each class, and no {GROUND_TRUTH} in {tree}",
            hint=f"Put {GROUND_TRUTH} and {META} of {DEVKIT} into {tree}, or: audionas prep imagenet",
        )
    classes = _classes_of(file.read_text(encoding="utf-8"), str(file), lambda: _synsets_in(places, file))
    found: dict[str, list[Path]] = {}
    for image in sorted(files):
        found.setdefault(_class_of(image.name, classes, str(image)), []).append(image)
    return dict(sorted(found.items()))


def classes_in_devkit(archive: Path) -> list[str]:
    """The class of each validation image, in order, from the development kit."""
    try:
        with tarfile.open(archive) as tar:
            truth, meta = (_extracted(tar, f"{_INSIDE}/{name}", archive) for name in (GROUND_TRUTH, META))
    except _DAMAGED as error:
        raise _damaged(archive, error) from error
    source = f"{archive}: {META}"
    return _classes_of(
        truth.decode("ascii", "replace"), str(archive), lambda: _synsets(io.BytesIO(meta), source)
    )


def unpack_train(archive: Path, folder: Path, reporter: Reporter, *, workers: int | None = None) -> None:
    """Each class's inner archive to `folder/<class>`, which appears whole; those that are there are kept.

    Raises UserError for a member that is no class's archive or no image of that class.
    """
    inner = list(_members(archive))
    for member in inner:
        if not re.fullmatch(_CLASS.pattern + r"\.tar", member.name):
            raise UserError(f"{archive}: refused: '{member.name}' is not the archive of a class")
    left = [member for member in inner if not (folder / member.name.removesuffix(".tar")).is_dir()]
    unpack = partial(_unpack_class, archive, folder)
    done = parallel.ordered(unpack, left, workers=workers, chunk=1)
    for _ in reporter.progress(done, f"unpacking {archive.name} (classes)", len(left)):
        pass


def unpack_val(
    archive: Path, folder: Path, classes: Sequence[str], reporter: Reporter, *, workers: int | None = None
) -> None:
    """Each validation image to `folder/<class>/`, where it is not there yet.

    `classes` are those of `classes_in_devkit`. Raises UserError for a member that is no validation image.
    """
    pairs = []
    for member in _members(archive):
        target = folder / _class_of(member.name, classes, f"{archive}: {member.name}") / member.name
        if not target.is_file() or target.stat().st_size != member.size:
            pairs.append((member, target))
    for target in {target.parent for _, target in pairs}:
        target.mkdir(parents=True, exist_ok=True)
    done = parallel.ordered(partial(_unpack_image, archive), pairs, workers=workers, chunk=64)
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
                        f"{archive}: {inner.name}: refused: '{member.name}' is no image of {name}"
                    )
                (draft / member.name).write_bytes(_bytes(raw, member, archive))
        draft.replace(folder / name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _unpack_image(archive: Path, pair: tuple[_Member, Path]) -> None:
    member, target = pair
    with archive.open("rb") as raw, atomic(target) as draft:
        draft.write_bytes(_bytes(raw, member, archive))


def _members(archive: Path, raw: IO[bytes] | None = None, inner: _Member | None = None) -> Iterator[_Member]:
    """The files of an archive, or of the one that lies at `inner` in `raw`; UserError for links."""
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


def _extracted(tar: tarfile.TarFile, name: str, archive: Path) -> bytes:
    try:
        stream = tar.extractfile(name)
    except KeyError as error:
        raise UserError(f"{archive}: has no {name}", hint=f"Expected {DEVKIT} as it is published.") from error
    if stream is None:
        raise UserError(f"{archive}: refused: '{name}' is not a file")
    return stream.read()


def _classes_of(text: str, source: str, synsets: Any) -> list[str]:
    """The class of each validation image: names as they stand, or numbers to be looked up in `synsets()`."""
    words = text.split()
    if all(_CLASS.fullmatch(word) for word in words):
        return words
    known = synsets() if all(word.isdigit() for word in words) else {}
    strange = [f"{source}: line {n}: '{word}'" for n, word in enumerate(words, 1) if word not in known]
    if strange:
        raise UserError(
            [*strange[:5], f"{source}: {len(strange)} lines name no class"],
            hint="Expected an ILSVRC2012_ID, or a name such as n01440764, on each line.",
        )
    return [known[word] for word in words]


def _synsets_in(places: Sequence[Path], truth: Path) -> dict[str, str]:
    """From meta.mat, else from a text file that names the class of number n in line n."""
    for place in places:
        if (place / META).is_file():
            return _synsets(place / META, str(place / META))
        if (place / SYNSETS).is_file():
            names = (place / SYNSETS).read_text(encoding="utf-8").split()
            return {str(number): name for number, name in enumerate(names, 1)}
    raise UserError(
        f"{truth}: numbers, and neither {META} nor {SYNSETS} beside it tells which classes they are",
        hint=f"{META} is in {DEVKIT}; {SYNSETS} names the class of ILSVRC2012_ID n in line n.",
    )


def _synsets(file: Path | IO[bytes], source: str) -> dict[str, str]:
    """ILSVRC2012_ID to WNID."""
    from scipy.io import loadmat

    try:
        rows = loadmat(file, squeeze_me=True)["synsets"]
        pairs = zip(rows["ILSVRC2012_ID"].tolist(), rows["WNID"].tolist(), strict=True)
        return {str(int(number)): str(name) for number, name in pairs}
    except Exception as error:  # on damaged files SciPy's reader raises many things
        raise UserError(f"{source}: cannot be read ({error})", hint=f"Take it from {DEVKIT}.") from error


def _class_of(name: str, classes: Sequence[str], what: str) -> str:
    match = _VAL_IMAGE.fullmatch(name)
    if match is None:
        raise UserError(
            f"{what}: not the name of a validation image",
            hint="Expected ILSVRC2012_val_00000001.JPEG and so on, or a folder for each class.",
        )
    number = int(match[1])
    if not 1 <= number <= len(classes):
        raise UserError(f"{what}: its class is not known; the ground truth has {len(classes)} lines")
    return classes[number - 1]


def _damaged(archive: Path, reason: object) -> UserError:
    return UserError(f"{archive}: not a whole tar archive ({reason})", hint="Fetch it again.")
