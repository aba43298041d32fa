"""`audionas prep imagenet`: three archives to a folder a class, checked once, gone on with."""

import hashlib
from pathlib import Path

import pytest

from audionas.core.errors import UserError
from audionas.prep import ilsvrc
from tests.unit.data_prep.test_speech_commands import load
from tests.unit.images._ilsvrc import CLASSES, archives

prep = load("imagenet")


def sums(source: Path) -> list[str]:
    return [
        hashlib.md5((source / name).read_bytes(), usedforsecurity=False).hexdigest() for name in ilsvrc.MD5
    ]


def test_the_archives_become_a_tree_that_a_second_call_keeps(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source, out = archives(tmp_path / "src", count=2), tmp_path / "out"
    prep.main(source, out, sums=sums(source), workers=1)
    said = " ".join(capfd.readouterr().err.split())
    assert "2 classes, 4 training and 4 validation images; not all of ILSVRC 2012" in said
    assert "non-commercial" in said
    names = sorted(str(f.relative_to(out)) for f in out.glob("*/n*/*.JPEG"))
    assert len(names) == 8
    assert {name.split("/")[1] for name in names} == set(CLASSES)
    before = {f: f.stat().st_mtime_ns for f in out.rglob("*") if f.is_file()}
    prep.main(source, out, workers=1)  # without --md5: they were checked before
    assert {f: f.stat().st_mtime_ns for f in out.rglob("*") if f.is_file()} == before


def test_a_wrong_checksum_stops_before_anything_is_unpacked(tmp_path: Path) -> None:
    source = archives(tmp_path / "src", count=1)
    with pytest.raises(UserError, match="the published one is 29b22e2961454d5413ddabcf34fc5622") as caught:
        prep.main(source, tmp_path / "out", sums=sums(source)[:1], workers=1)
    assert len(caught.value.problems) == 2
    assert not (tmp_path / "out" / "train").exists()


def test_missing_archives_are_all_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ILSVRC2012_img_val") as caught:
        prep.main(tmp_path, tmp_path / "out")
    assert len(caught.value.problems) == 3
    assert "image-net.org" in caught.value.hint
