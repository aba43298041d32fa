"""Decoded images in shards: the same pixels in any number of them, by any number of workers, gone on with."""

from pathlib import Path

import numpy as np
import pytest

from audionas.core.errors import UserError
from audionas.core.report import Reporter
from audionas.core.shards import Shards
from audionas.data._image_store import Decoded, Fact, store
from tests.unit.data._images import tree

SIDE = 16


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree(tmp_path_factory.mktemp("images"), train=5, side=20) / "train"


def facts(root: Path) -> list[Fact]:
    files = sorted(root.rglob("*.JPEG"))
    return [(str(f.relative_to(root)), f.stat().st_size, f.stat().st_mtime_ns) for f in files]


def stored(root: Path, folder: Path, *, shard: int = 4096, workers: int = 1) -> Decoded:
    return store(root, facts(root), SIDE, folder, Reporter(quiet=True), shard=shard, workers=workers)


def rows(found: Decoded) -> np.ndarray:
    return np.asarray(found.pixels[np.arange(len(found.pixels))])


@pytest.mark.parametrize(("shard", "workers"), [(3, 1), (3, 2), (10, 2), (1, 2)])
def test_shards_hold_the_pixels_of_one_file(tmp_path: Path, root: Path, shard: int, workers: int) -> None:
    one, many = stored(root, tmp_path / "a"), stored(root, tmp_path / "b", shard=shard, workers=workers)
    assert isinstance(many.pixels, Shards) is (shard < 10)
    np.testing.assert_array_equal(rows(one), rows(many))
    assert len(list((tmp_path / "b").glob("*.u8"))) == -(-10 // shard)


def test_only_what_is_missing_is_decoded_again(tmp_path: Path, root: Path) -> None:
    whole = rows(stored(root, tmp_path, shard=3))
    before = {f: f.stat().st_mtime_ns for f in tmp_path.glob("*.u8")}
    lost = sorted(before)[1]
    lost.unlink()
    np.testing.assert_array_equal(rows(stored(root, tmp_path, shard=3)), whole)
    after = {f: f.stat().st_mtime_ns for f in tmp_path.glob("*.u8")}
    assert {f for f in before if before[f] != after[f]} == {lost}


@pytest.mark.parametrize("workers", [1, 2])
def test_every_bad_image_is_named_and_good_shards_stay(tmp_path: Path, workers: int) -> None:
    root = tree(tmp_path / "images", train=5, side=20) / "train"
    for bad in ("dark/00.JPEG", "light/09.JPEG"):
        (root / bad).write_bytes(b"no picture")
    with pytest.raises(UserError) as caught:
        stored(root, tmp_path / "c", shard=3, workers=workers)
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        str(root / "dark/00.JPEG"),
        str(root / "light/09.JPEG"),
    ]
    assert len(list((tmp_path / "c").glob("*.u8"))) == 2


def test_a_disk_without_room_is_told_before_anything_is_decoded(tmp_path: Path, root: Path) -> None:
    with pytest.raises(UserError, match="the decoded images need"):
        store(root, facts(root), 10**7, tmp_path, Reporter(quiet=True), shard=3)
    assert not list(tmp_path.iterdir())
