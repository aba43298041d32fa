"""Images are read from every layout as they are, held out class by class, and refused with reasons."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from audionas.images import sets
from audionas.images.arrays import Part
from audionas.images.conf import Images
from audionas.images.sets import ImageSet
from tests.unit.images._images import LABELS, archive, cifar_files, npz, pixels, tree

FOLDERS = {1: "cifar-10-batches-bin", 2: "cifar-100-binary"}


def read(path: Path, part: Part = "train", labels: tuple[str, ...] = (), **conf: object) -> ImageSet:
    return sets.read(Images(path=str(path), **conf), part, Reporter(quiet=True), labels)


def refused(path: Path, part: Part = "train", labels: tuple[str, ...] = (), **conf: object) -> UserError:
    with pytest.raises(UserError) as caught:
        read(path, part, labels, **conf)
    assert caught.value.hint
    return caught.value


# --- CIFAR ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label_bytes", FOLDERS)
@pytest.mark.parametrize("how", ["archive", "folder", "parent"])
def test_cifar_is_read_from_its_archive_and_from_its_folder(
    tmp_path: Path, label_bytes: int, how: str
) -> None:
    files = cifar_files(label_bytes=label_bytes)
    folder = tmp_path / FOLDERS[label_bytes]
    if how == "archive":
        path = archive(tmp_path / "cifar.tar.gz", files, FOLDERS[label_bytes])
    else:
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(data)
        path = folder if how == "folder" else tmp_path
    found = read(path)
    first = "data_batch_1.bin" if label_bytes == 1 else "train.bin"
    x, y = pixels(4, part=first)
    x[:, 0, 0] = (0, 1, 2)
    assert found.labels == LABELS
    assert found.pixels.shape == (20 if label_bytes == 1 else 4, 32, 32, 3)
    np.testing.assert_array_equal(found.pixels[:4], x)
    np.testing.assert_array_equal(found.targets[:4], y)
    assert found.ids[1] == f"{first}/1"
    assert (found.size, found.resize) == (32, 32)
    assert len(read(path, "test").targets) == 4


@pytest.mark.parametrize(
    ("names", "folder", "binary"),
    [
        (("data_batch_1", "test_batch", "batches.meta"), "cifar-10-batches-py", "cifar-10-binary.tar.gz"),
        (("train", "test", "meta"), "cifar-100-python", "cifar-100-binary.tar.gz"),
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_the_pickled_releases_are_refused_by_naming_the_binary_ones(
    tmp_path: Path, names: tuple[str, ...], folder: str, binary: str, packed: bool
) -> None:
    files = dict.fromkeys(names, b"\x80\x02}q\x01.")
    path = tmp_path / folder
    if packed:
        path = archive(tmp_path / "x.tar.gz", files, folder)
    else:
        path.mkdir()
        for name, data in files.items():
            (path / name).write_bytes(data)
    error = refused(path)
    assert "pickles" in str(error)
    assert binary in error.hint


def test_every_fault_of_cifars_files_is_named_at_once(tmp_path: Path) -> None:
    files = cifar_files()
    del files["data_batch_2.bin"]
    files["data_batch_3.bin"] = files["data_batch_3.bin"][:-1]
    files["data_batch_4.bin"] = b"\x07" + files["data_batch_4.bin"][1:]
    error = refused(archive(tmp_path / "c.tar.gz", files, FOLDERS[1]))
    said = "\n".join(error.problems)
    assert len(error.problems) == 3
    for word in ("data_batch_2.bin is missing", "data_batch_3.bin has 12291 bytes", "image 0: label 7 of 2"):
        assert word in said


def test_a_cut_archive_and_one_of_something_else_are_refused(tmp_path: Path) -> None:
    whole = archive(tmp_path / "c.tar.gz", cifar_files(), FOLDERS[1])
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert "cut.tar.gz" in str(refused(cut))
    assert "no readable images" in str(refused(archive(tmp_path / "o.tar.gz", {"a.txt": b"a"}, "other")))
    (tmp_path / "text.tar.gz").write_text("no archive")
    assert "text.tar.gz" in str(refused(tmp_path / "text.tar.gz"))
    assert "no such file" in str(refused(tmp_path / "missing"))


def test_a_member_outside_the_folder_is_not_taken_for_one_within(tmp_path: Path) -> None:
    files = cifar_files()
    error = refused(archive(tmp_path / "c.tar.gz", files, f"../{FOLDERS[1]}"))
    assert "would be written outside its folder" in str(error)


# --- npz --------------------------------------------------------------------------------------------------


def test_an_npz_file_is_read_as_it_is(tmp_path: Path) -> None:
    found = read(npz(tmp_path / "d.npz", side=20), "test")
    x, y = pixels(12, 20, part="test")
    np.testing.assert_array_equal(found.pixels, x)
    np.testing.assert_array_equal(found.targets, y)
    assert (found.labels, found.size) == (LABELS, 20)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"x_train": None}, "no array called x_train"),
        ({"classes": None}, "no array called classes"),
        ({"x_train": np.zeros((40, 32, 32, 3), np.float32)}, "x_train is float32"),
        ({"x_train": np.zeros((40, 3, 32, 32), np.uint8)}, "expected uint8 (n, side, side, 3)"),
        ({"x_train": np.zeros((40, 32, 16, 3), np.uint8)}, "expected uint8 (n, side, side, 3)"),
        ({"y_train": np.zeros(39, np.int64)}, "y_train is int64 (39,)"),
        ({"y_train": np.zeros(40)}, "y_train is float64"),
        ({"y_train": np.full(40, 2)}, "40 of 40 labels are not among 0 to 1; the first is 2, in row 0"),
        ({"y_train": np.arange(40) % 2 - (np.arange(40) == 6)}, "1 of 40 labels"),
        ({"y_train": np.zeros(40, np.int64)}, "no images of light"),
        ({"classes": np.array(["a", "a"])}, "expected distinct labels"),
        ({"classes": np.array(["a", 1], dtype=object)}, "cannot be read as .npz"),
    ],
)
def test_what_is_no_labelled_image_array_is_refused(
    tmp_path: Path, changes: dict[str, np.ndarray], says: str
) -> None:
    assert says in str(refused(npz(tmp_path / "d.npz", **changes)))


def test_all_wrong_arrays_are_named_at_once(tmp_path: Path) -> None:
    wrong = {"x_train": np.zeros((3, 4, 4), np.uint8), "y_train": np.zeros((3, 1)), "classes": np.zeros(2)}
    assert len(refused(npz(tmp_path / "d.npz", **wrong)).problems) == 3


def test_a_damaged_npz_file_is_refused(tmp_path: Path) -> None:
    file = npz(tmp_path / "d.npz")
    file.write_bytes(file.read_bytes()[:-300])
    assert "d.npz" in str(refused(file))


def test_arrays_keep_their_size_and_a_model_knows_its_classes(tmp_path: Path) -> None:
    file = npz(tmp_path / "d.npz")
    assert "32 pixels per side, expected 24" in str(refused(file, size=24))
    assert "the model's light dark" in str(refused(file, "test", ("light", "dark")))


# --- a folder in ImageNet's layout --------------------------------------------------------------------------


def test_a_tree_is_decoded_once_to_squares(tmp_path: Path) -> None:
    root = tree(tmp_path / "data")
    found = read(root, size=14)
    assert found.pixels.shape == (12, 16, 16, 3)  # stored is 8/7 of size
    assert (found.labels, found.size, found.resize) == (LABELS, 14, 16)
    assert found.ids[0] == "dark/00.JPEG"
    means = found.pixels[:].mean((1, 2, 3))
    assert means[found.targets == 1].min() > means[found.targets == 0].max() + 90
    before = {f.name: f.stat().st_mtime_ns for f in (tmp_path / "cache").glob("images-*/*")}
    assert before
    again = read(root, size=14)
    assert {f.name: f.stat().st_mtime_ns for f in (tmp_path / "cache").glob("images-*/*")} == before
    np.testing.assert_array_equal(again.pixels, found.pixels)
    assert again.fingerprint == found.fingerprint


def test_a_tree_is_not_stored_smaller_than_it_is_seen(tmp_path: Path) -> None:
    error = refused(tree(tmp_path / "data"), stored=100)
    assert "images.stored is 100, less than the 224" in str(error)
    assert read(tmp_path / "data", stored=16, size=16).pixels.shape[1] == 16


def test_the_test_part_of_a_tree_takes_the_models_order(tmp_path: Path) -> None:
    found = read(tree(tmp_path / "data"), "test", ("light", "dark"), size=14)
    means = found.pixels[:].mean((1, 2, 3))
    assert means[found.targets == 0].min() > means[found.targets == 1].max() + 90
    assert "'light' is not a class" in str(refused(tmp_path / "data", "test", ("dark", "night"), size=14))


def test_every_bad_image_and_empty_class_is_named_at_once(tmp_path: Path) -> None:
    root = tree(tmp_path / "data")
    (root / "train" / "dark" / "00.JPEG").write_bytes(b"no image")
    whole = (root / "train" / "light" / "01.JPEG").read_bytes()
    (root / "train" / "light" / "01.JPEG").write_bytes(whole[: len(whole) // 2])
    (root / "train" / "light" / "03.JPEG").write_bytes(b"")
    error = refused(root, size=14)
    assert [Path(p.split(": ")[0]).name for p in error.problems] == ["00.JPEG", "01.JPEG", "03.JPEG"]
    (root / "train" / "empty").mkdir()
    (root / "train" / "bare").mkdir()
    assert len(refused(root, size=14).problems) == 2
    assert "no such folder" in str(refused(tree(tmp_path / "b", train=0) / "val" / "..", size=14))


def test_grey_palette_and_transparent_files_are_images_too(tmp_path: Path) -> None:
    root = tree(tmp_path / "data")
    for number, mode in enumerate(("L", "P", "RGBA", "CMYK", "LA")):
        suffix = "jpg" if mode == "CMYK" else "png"
        Image.new(mode, (50, 30)).save(root / "train" / "dark" / f"m{number}.{suffix}")
    assert len(read(root, size=14).targets) == 17


def test_a_file_is_read_as_the_tree_reads_it(tmp_path: Path) -> None:
    root = tree(tmp_path / "data")
    found = read(root, size=14)
    one = sets.read_file(root / "train" / found.ids[3], found.resize)
    np.testing.assert_array_equal(one, found.pixels[3])
    with pytest.raises(UserError, match=r"nothing\.png"):
        sets.read_file(tmp_path / "nothing.png", 16)


@pytest.mark.parametrize(("height", "width"), [(50, 30), (30, 50), (16, 90), (7, 7), (1, 300)])
def test_the_centre_square_is_taken_after_resizing_the_shorter_side(height: int, width: int) -> None:
    x = np.zeros((height, width, 3), np.uint8)
    x[:, :, 0] = np.linspace(0, 200, width)[None]  # red grows from left to right
    found = sets.fitted(x, 16)
    assert found.shape == (16, 16, 3)
    red = found[..., 0].astype(float)
    assert abs(red.mean() - 100) < 8
    span = 200 * min(1.0, height / width)
    assert abs((red[:, -1] - red[:, 0]).mean() - span * 15 / 16) < 30


# --- shares, statistics, fingerprints -----------------------------------------------------------------------


def test_a_share_is_drawn_class_by_class_and_depends_on_its_words_alone() -> None:
    targets = np.repeat([0, 1, 2], [10, 20, 3])
    mask = sets.drawn(targets, 0.3, "a")
    assert [int(mask[targets == t].sum()) for t in range(3)] == [3, 6, 1]
    np.testing.assert_array_equal(mask, sets.drawn(targets, 0.3, "a"))
    assert not np.array_equal(mask, sets.drawn(targets, 0.3, "b"))
    assert sets.drawn(targets, 0.01, "a").sum() == 3, "at least one of each class"
    assert (~sets.drawn(targets, 0.99, "a")).sum() == 3, "and not all"


@pytest.mark.parametrize("kind", ["npz", "tree"])
def test_a_subset_is_a_share_of_each_class_of_the_training_images(tmp_path: Path, kind: str) -> None:
    path = npz(tmp_path / "d.npz") if kind == "npz" else tree(tmp_path / "data", train=20)
    size = {} if kind == "npz" else {"size": 14}
    whole, some = read(path, **size), read(path, subset=0.25, **size)
    assert np.bincount(some.targets).tolist() == [5, 5]
    assert set(some.ids) < set(whole.ids)
    place = [whole.ids.index(name) for name in some.ids]
    np.testing.assert_array_equal(some.pixels, whole.pixels[place])
    assert len(read(path, "test", subset=0.25, **size).targets) == len(read(path, "test", **size).targets)


def test_statistics_are_exact() -> None:
    x, _ = pixels(30, 8)
    rows = np.arange(0, 30, 3)
    mean, std = sets.statistics(x, rows)
    np.testing.assert_allclose(mean, (x[rows] / 255).mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(std, (x[rows] / 255).std((0, 1, 2)), rtol=1e-6)
    blank = np.zeros((4, 8, 8, 3), np.uint8)
    assert sets.statistics(blank, np.arange(4))[1].min() > 0


def copied(path: Path) -> ImageSet:
    return read(npz(path.parent / "elsewhere" / "e.npz"))


def one_pixel(path: Path) -> ImageSet:
    x, _ = pixels(40)
    x[3, 4, 5, 1] ^= 1
    return read(npz(path, x_train=x))


def one_label(path: Path) -> ImageSet:
    return read(npz(path, y_train=(np.arange(40) % 2)[::-1].copy()))


def other_names(path: Path) -> ImageSet:
    return read(npz(path, classes=np.array(["a", "b"])))


@pytest.mark.parametrize(
    ("change", "same"), [(copied, True), (one_pixel, False), (one_label, False), (other_names, False)]
)
def test_the_fingerprint_is_of_the_contents(
    tmp_path: Path, change: Callable[[Path], ImageSet], same: bool
) -> None:
    before = read(npz(tmp_path / "d.npz")).fingerprint
    assert (change(tmp_path / "d.npz").fingerprint == before) is same


def test_a_trees_fingerprint_survives_a_copy_and_notices_a_change(tmp_path: Path) -> None:
    first, second = tree(tmp_path / "a"), tree(tmp_path / "b")
    before = read(first, size=14, cache=str(tmp_path / "c1")).fingerprint
    assert read(second, size=14, cache=str(tmp_path / "c2")).fingerprint == before
    Image.new("RGB", (40, 40)).save(second / "train" / "dark" / "00.JPEG")
    assert read(second, size=14, cache=str(tmp_path / "c2")).fingerprint != before


@pytest.mark.shared
def test_the_real_subset_is_read(shared: Path) -> None:
    file = shared / "cifar10_subset.npz"
    if not file.exists():
        pytest.skip(f"{file} is not there")
    found = read(file)
    assert found.pixels.shape == (6000, 32, 32, 3)
    assert np.bincount(found.targets).tolist() == [600] * 10
    mean, std = sets.statistics(found.pixels, np.arange(6000))
    np.testing.assert_allclose(mean, [0.491, 0.482, 0.446], atol=1e-3)  # as the folder's README states
    np.testing.assert_allclose(std, [0.245, 0.243, 0.261], atol=1e-3)


# --- settings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": " "},
        {"subset": 0.0},
        {"subset": 1.1},
        {"dev": 1.0},
        {"dev": -0.1},
        {"size": 0},
        {"size": 32, "stored": 24},
        {"padding": -1},
        {"area": (0.9, 0.1)},
        {"area": (0.0, 0.1)},
        {"cutout": -1},
        {"jitter": (0.1, 0.1, 0.1, 0.6)},
        {"jitter": (-0.1, 0.1, 0.1, 0.1)},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"images\."):
        Images(**{"path": "x.npz", **wrong})
