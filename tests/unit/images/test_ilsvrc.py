"""ImageNet's archives: unpacked as they stand, gone on with, refused where they are others."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from audionas.images import sets
from audionas.images.conf import Images
from audionas.images.ilsvrc import GROUND_TRUTH, META, SYNSETS
from audionas.prep import ilsvrc
from tests.unit.images._ilsvrc import (
    CLASSES,
    DEVKIT,
    TRUTH,
    archives,
    jpeg,
    meta,
    tarred,
    train_files,
    val_files,
    val_name,
)

QUIET = Reporter(quiet=True)


def files(folder: Path) -> dict[str, bytes]:
    """All files below a folder by their path."""
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def unpacked(source: Path, out: Path, workers: int = 1) -> Path:
    ilsvrc.unpack_train(source / ilsvrc.TRAIN, out / "train", QUIET, workers=workers)
    classes = ilsvrc.classes_in_devkit(source / ilsvrc.DEVKIT)
    ilsvrc.unpack_val(source / ilsvrc.VAL, out / "val", classes, QUIET, workers=workers)
    return out


@pytest.mark.parametrize("workers", [1, 2])
def test_every_image_lies_in_the_folder_of_its_class(tmp_path: Path, workers: int) -> None:
    out = unpacked(archives(tmp_path / "src"), tmp_path / "out", workers)
    assert files(out / "train") == {
        f"{c}/{n}": data for c, own in train_files().items() for n, data in own.items()
    }
    wanted = {val_name(i): CLASSES[number - 1] for i, number in enumerate(TRUTH, 1)}
    assert files(out / "val") == {f"{wanted[name]}/{name}": data for name, data in val_files().items()}
    assert ilsvrc.counts(out) == {"classes": 2, "train": 6, "val": 4}


def test_what_is_there_is_kept_and_what_is_missing_is_made(tmp_path: Path) -> None:
    source = archives(tmp_path / "src")
    out = unpacked(source, tmp_path / "out")
    whole = files(out)
    kept = next((out / "train" / CLASSES[0]).iterdir())
    kept.write_bytes(b"seen before")
    (out / "train" / CLASSES[1] / f"{CLASSES[1]}_1.JPEG").rename(out / "train" / f".{CLASSES[1]}.unpacking")
    for rest in (out / "train" / CLASSES[1]).iterdir():
        rest.unlink()
    (out / "train" / CLASSES[1]).rmdir()
    (out / "val" / CLASSES[0] / val_name(2)).write_bytes(b"cut")
    (out / "train" / f".{CLASSES[1]}.unpacking").unlink()
    assert files(unpacked(source, out)) == {**whole, str(kept.relative_to(out)): b"seen before"}


def outer(inner: dict[str, bytes]) -> bytes:
    return tarred({f"{CLASSES[0]}.tar": tarred(inner)})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (outer({f"../{CLASSES[0]}_1.JPEG": b"x"}), "refused"),
        (outer({f"{CLASSES[1]}_1.JPEG": b"x"}), "not an image of"),
        (tarred({"../n00000007.tar": b"x"}), "refused"),
        (tarred({"readme.txt": b"x"}), "not the archive of a class"),
        (
            tarred({f"{CLASSES[0]}.tar": tarred({f"{CLASSES[0]}_1.JPEG": b"x" * 2000})[:1024]}),
            "not a whole archive",
        ),
        (outer({f"{CLASSES[0]}_1.JPEG": b"x" * 2000})[:1500], "not a whole archive"),
        (b"not a tar", "not a whole archive"),
    ],
    ids=["outside", "other class", "outer outside", "no class", "inner cut", "outer cut", "no tar"],
)
def test_other_training_archives_leave_nothing(tmp_path: Path, data: bytes, said: str) -> None:
    archive = tmp_path / ilsvrc.TRAIN
    archive.write_bytes(data)
    with pytest.raises(UserError, match=said):
        ilsvrc.unpack_train(archive, tmp_path / "train", QUIET, workers=1)
    assert not files(tmp_path / "train") if (tmp_path / "train").exists() else True


def test_the_sum_of_inner_archives_is_said_before_and_their_faults_come_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = (f"{name}_1.JPEG" for name in CLASSES)
    good = tarred({one: b"x" * 900})
    archive, out = tmp_path / ilsvrc.TRAIN, tmp_path / "train"
    archive.write_bytes(tarred({f"{CLASSES[0]}.tar": good, f"{CLASSES[1]}.tar": tarred({two: b"y" * 50})}))
    ilsvrc.unpack_train(archive, out, Reporter(), workers=1)
    assert f"{ilsvrc.TRAIN} will write 950 bytes in 2 files" in " ".join(capsys.readouterr().err.split())
    shutil.rmtree(out)
    bad = {"n00000001.tar": tarred({"a": b"x", "b": b"x"}), "n00000002.tar": tarred({"c": b"x" * 999})[:1024]}
    archive.write_bytes(tarred({f"{CLASSES[0]}.tar": good, **bad}))
    with pytest.raises(UserError) as caught:
        ilsvrc.unpack_train(archive, out, QUIET, workers=1)
    told = "\n".join(caught.value.problems)
    assert all(word in told for word in ("'a' is not", "'b' is not", "in n00000002.tar"))
    assert not out.exists()  # the good class neither: nothing is written before all is known


def test_inner_archives_may_lack_their_end_marks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = f"{CLASSES[0]}_1.JPEG"
    archive = tmp_path / ilsvrc.TRAIN
    archive.write_bytes(tarred({f"{CLASSES[0]}.tar": tarred({name: b"x" * 900})[:1536]}))
    ilsvrc.unpack_train(archive, tmp_path / "train", Reporter(), workers=1)
    assert files(tmp_path / "train") == {f"{CLASSES[0]}/{name}": b"x" * 900}
    assert "1 inner archive without an end mark" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("name", ["../x.JPEG", "ILSVRC2012_val_00000009.JPEG", "photo.JPEG"])
def test_other_validation_archives_are_refused(tmp_path: Path, name: str) -> None:
    archive = tmp_path / ilsvrc.VAL
    archive.write_bytes(tarred({name: b"x"}))
    with pytest.raises(UserError, match=r"validation image|class is not known|outside"):
        ilsvrc.unpack_val(archive, tmp_path / "val", ["n00000007"], QUIET, workers=1)
    assert not (tmp_path / "val").exists()


@pytest.mark.parametrize(
    ("kit", "said"),
    [
        ({}, "has no"),
        ({GROUND_TRUTH: b"1\n", META: b"no mat file"}, "cannot be read"),
        ({GROUND_TRUTH: b"1\n", META: meta()[:300]}, "cannot be read"),
        ({GROUND_TRUTH: b"1\n", META: b"x" * 400}, "cannot be read"),
        ({GROUND_TRUTH: b"1\n3\n", META: meta()}, "line 2: '3'"),
    ],
    ids=["empty", "broken", "cut", "something else", "no such class"],
)
def test_other_development_kits_are_refused(tmp_path: Path, kit: dict[str, bytes], said: str) -> None:
    archive = tmp_path / ilsvrc.DEVKIT
    archive.write_bytes(tarred({f"{DEVKIT}/{name}": data for name, data in kit.items()}, "w:gz"))
    with pytest.raises(UserError, match=said):
        ilsvrc.classes_in_devkit(archive)


def flat(folder: Path) -> Path:
    """A tree whose validation images lie as they were unpacked."""
    for name, own in train_files().items():
        (folder / "train" / name).mkdir(parents=True)
        for file, data in own.items():
            (folder / "train" / name / file).write_bytes(data)
    (folder / "val").mkdir()
    for file, data in val_files().items():
        (folder / "val" / file).write_bytes(data)
    return folder


def with_meta(tree: Path) -> None:
    (tree / DEVKIT).mkdir(parents=True)
    (tree / DEVKIT / META).write_bytes(meta())
    (tree / DEVKIT / GROUND_TRUTH).write_text("".join(f"{n}\n" for n in TRUTH))


def with_synsets(tree: Path) -> None:
    (tree / SYNSETS).write_text("\n".join(CLASSES))
    (tree / GROUND_TRUTH).write_text("\n".join(map(str, TRUTH)))


def with_names(tree: Path) -> None:
    (tree / GROUND_TRUTH).write_text("\n".join(CLASSES[n - 1] for n in TRUTH))


@pytest.mark.parametrize("tell", [with_meta, with_synsets, with_names])
def test_flat_validation_images_find_their_classes(tmp_path: Path, tell: Callable[[Path], None]) -> None:
    tree = flat(tmp_path / "imagenet")
    tell(tree)
    conf = Images(path=str(tree), size=14)
    train, val = (sets.read(conf, part, QUIET) for part in ("train", "test"))
    assert train.labels == val.labels == tuple(sorted(CLASSES))
    found = dict(zip(val.ids, (val.labels[target] for target in val.targets), strict=True))
    assert found == {val_name(i): CLASSES[number - 1] for i, number in enumerate(TRUTH, 1)}
    first = sets.read_file(tree / "val" / val.ids[0], val.resize)
    np.testing.assert_array_equal(val.pixels[0], first)


def test_flat_validation_images_without_a_truth_say_what_is_missing(tmp_path: Path) -> None:
    tree = flat(tmp_path / "imagenet")
    with pytest.raises(UserError, match=GROUND_TRUTH):
        sets.read(Images(path=str(tree), size=14), "test", QUIET)
    (tree / GROUND_TRUTH).write_text("1\n2\n")
    with pytest.raises(UserError, match=SYNSETS):
        sets.read(Images(path=str(tree), size=14), "test", QUIET)
    (tree / GROUND_TRUTH).write_text("a cat\n")
    with pytest.raises(UserError, match="name no class"):
        sets.read(Images(path=str(tree), size=14), "test", QUIET)
    with_names(tree)
    (tree / "val" / "photo.JPEG").write_bytes(jpeg("photo"))
    with pytest.raises(UserError, match="not the name of a validation image"):
        sets.read(Images(path=str(tree), size=14), "test", QUIET)
