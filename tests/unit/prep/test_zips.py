"""Zip parts of a corpus: sums checked, merged into one tree, gone on with, and never outside their folder."""

import zipfile
from pathlib import Path

import pytest

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from audionas.prep import zips


def packed(path: Path, **files: str) -> Path:
    """A zip of text files; `__` in a name stands for a slash."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/"), text)
    return path


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    return [
        packed(tmp_path / "c.1.zip", top__readme="r", top__a="first"),
        packed(tmp_path / "c.2.zip", top__readme="r", top__b="second"),
    ]


def sums(parts: list[Path]) -> dict[str, str]:
    return {part.name: zips.md5(part) for part in parts}


def test_md5_is_the_published_kind(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert zips.md5(tmp_path / "x") == "900150983cd24fb0d6963f7d28e17f72"  # RFC 1321's test suite


def test_parts_become_one_tree_and_are_unpacked_once(parts: list[Path], tmp_path: Path) -> None:
    found = zips.verify(parts, sums(parts), Reporter(), jobs=2)
    out = tmp_path / "out"
    zips.merge({parts[0]: found[parts[0]]}, out, Reporter())
    assert not (out / "top" / "b").exists()
    (out / "top" / "a").write_text("changed by hand")
    zips.merge(found, out, Reporter(), jobs=2)
    assert (out / "top" / "b").read_text() == "second"
    assert (out / "top" / "a").read_text() == "changed by hand"
    zips.merge({**found, parts[0]: "another sum"}, out, Reporter())
    assert (out / "top" / "a").read_text() == "first"
    assert sorted(f.name for f in (out / "top").iterdir()) == ["a", "b", "readme"]


def test_every_wrong_sum_is_named(parts: list[Path]) -> None:
    right = sums(parts)
    with pytest.raises(UserError) as caught:
        zips.verify(parts, dict.fromkeys(right, "0" * 32), Reporter())
    assert len(caught.value.problems) == 2
    assert right["c.1.zip"] in caught.value.problems[0]
    zips.verify(parts, {}, Reporter(), accept=tuple(right.values()))


@pytest.mark.parametrize("name", ["../outside", "/absolute", "top\\..\\x"])
def test_a_member_outside_its_folder_is_refused(name: str, tmp_path: Path) -> None:
    part = packed(tmp_path / "bad.zip", **{"top__good": "x", name: "y"})
    with pytest.raises(UserError, match="refused"):
        zips.merge({part: "sum"}, tmp_path / "out", Reporter())
    assert not (tmp_path / "out" / "top").exists()


def test_a_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("top/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(link, "elsewhere")
    with pytest.raises(UserError, match="is a link"):
        zips.merge({tmp_path / "link.zip": "sum"}, tmp_path / "out", Reporter())


def test_a_damaged_archive_is_said_and_leaves_no_mark(parts: list[Path], tmp_path: Path) -> None:
    raw = bytearray(parts[0].read_bytes())
    raw[raw.index(b"top/a") + 6] ^= 0xFF  # within the compressed bytes of the first text
    parts[0].write_bytes(raw)
    with pytest.raises(UserError, match=r"c\.1\.zip"):
        zips.merge({parts[0]: "sum"}, tmp_path / "out", Reporter())
    assert not list((tmp_path / "out").rglob("*.md5"))
    (tmp_path / "no.zip").write_bytes(b"no zip at all")
    with pytest.raises(UserError, match="not a whole archive"):
        zips.merge({tmp_path / "no.zip": "sum"}, tmp_path / "out", Reporter())


def test_a_download_with_a_wrong_sum_is_deleted(parts: list[Path], tmp_path: Path) -> None:
    url, target = parts[0].as_uri(), tmp_path / "got" / "c.1.zip"
    with pytest.raises(UserError, match="MD5"):
        zips.fetch(url, target, Reporter(), official="0" * 32)
    assert not target.exists()
    zips.fetch(url, target, Reporter(), official=zips.md5(parts[0]))
    assert target.read_bytes() == parts[0].read_bytes()
    with pytest.raises(UserError, match="MD5"):
        zips.fetch(url, target, Reporter(), official="0" * 32)
    assert target.exists(), "a file that was there before is the user's"
