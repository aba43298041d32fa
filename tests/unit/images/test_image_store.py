"""Decoded images in shards: the same pixels in any number of files, by any workers, gone on with."""

from pathlib import Path

import numpy as np
import pytest

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from audionas.images.files import read_file
from audionas.images.store import Decoded, Fact, store
from tests.unit.images._images import tree

SIDE = 8
BLOCK = 64 * SIDE * SIDE * 3  # bytes that are decoded together: the smallest file


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 images: four blocks, of which the last has eight."""
    return tree(tmp_path_factory.mktemp("images"), train=100, val=1, side=12) / "train"


def facts(root: Path) -> list[Fact]:
    files = sorted(root.rglob("*.JPEG"))
    return [(str(f.relative_to(root)), f.stat().st_size, f.stat().st_mtime_ns) for f in files]


def stored(root: Path, folder: Path, *, shard: int = 1 << 30, workers: int = 1) -> Decoded:
    return store(root, facts(root), SIDE, folder, Reporter(quiet=True), shard=shard, workers=workers)


@pytest.mark.parametrize(("shard", "workers"), [(1 << 30, 2), (BLOCK, 1), (BLOCK, 2), (2 * BLOCK, 2)])
def test_shards_hold_the_pixels_of_every_file(tmp_path: Path, root: Path, shard: int, workers: int) -> None:
    found = stored(root, tmp_path, shard=shard, workers=workers)
    wanted = np.stack([read_file(root / name, SIDE) for name, _, _ in facts(root)])
    np.testing.assert_array_equal(found.pixels[:], wanted)
    assert found.digest == stored(root, tmp_path / "one").digest
    assert len(list(tmp_path.glob("images-*/*.u1"))) == -(-4 * BLOCK // shard)


def test_only_what_is_missing_is_decoded_again(tmp_path: Path, root: Path) -> None:
    whole = stored(root, tmp_path, shard=BLOCK).pixels[:]
    before = {f: f.stat().st_mtime_ns for f in tmp_path.glob("images-*/*.u1")}
    lost = sorted(before)[1]
    lost.unlink()
    np.testing.assert_array_equal(stored(root, tmp_path, shard=BLOCK).pixels[:], whole)
    assert {f for f in before if before[f] != f.stat().st_mtime_ns} == {lost}


@pytest.mark.parametrize("workers", [1, 2])
def test_every_bad_image_is_named_and_good_shards_stay(tmp_path: Path, workers: int) -> None:
    root = tree(tmp_path / "images", train=100, val=1, side=12) / "train"
    for bad in ("dark/00.JPEG", "light/199.JPEG"):
        (root / bad).write_bytes(b"no picture")
    with pytest.raises(UserError) as caught:
        stored(root, tmp_path / "c", shard=BLOCK, workers=workers)
    named = [problem.partition(":")[0] for problem in caught.value.problems]
    assert named == [str(root / "dark/00.JPEG"), str(root / "light/199.JPEG")]
    assert len(list(tmp_path.glob("c/images-*/*.u1"))) == 2


def test_a_disk_without_room_is_told_before_anything_is_decoded(tmp_path: Path, root: Path) -> None:
    with pytest.raises(UserError, match="MB are free"):
        store(root, facts(root), 10**7, tmp_path, Reporter(quiet=True))
    assert not list(tmp_path.rglob("*.u1"))
