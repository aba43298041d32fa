"""Archives: all that is written is known, said and counted before; what may not be written is named."""

import gzip
import io
import itertools
import shutil
import struct
import tarfile
import zipfile
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from audionas.core.archives.archive import Archive
from audionas.core.archives.arrays import arrays
from audionas.core.archives.listing import Member, checked
from audionas.core.archives.tar import open_tar
from audionas.core.archives.zip import open_zip
from audionas.core.errors import UserError
from audionas.core.reporter import Reporter

KINDS = ("tar", "tar.gz", "zip")
ODD = {
    "would be written outside": ("/abs", "../up", "a/../../up", "C:/x", "c:x", "a\\b"),
    "cannot name a file": ("", ".", "x" * 300, "y/" * 600 + "y", "a\nb", "\x1b[2J"),
    "is a name of audionas": (".unpacked", ".unpacked/other.md5"),
    "is there twice": ("twin", "Twin"),
    "lies in what is a file": ("good/inner",),
}


def packed(folder: Path, kind: str, members: list[tuple[str, bytes]]) -> Path:
    """An archive of files."""
    path = folder / f"a.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
            for name, content in members:
                opened.NameToInfo.clear()  # else it warns of twins
                opened.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        return path
    with tarfile.open(path, "w:gz" if kind.endswith("gz") else "w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def opening(path: Path) -> AbstractContextManager[Archive]:
    return open_zip(path) if path.suffix == ".zip" else open_tar(path)


def refusal(path: Path, out: Path | None = None) -> UserError:
    """The error of unpacking, which leaves nothing."""
    out = out or path.parent / "out"
    out.mkdir(exist_ok=True)
    with pytest.raises(UserError) as caught, opening(path) as archive:
        archive.unpack(out, Reporter(quiet=True))
    assert list(out.rglob("*")) == []
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
def test_every_odd_name_is_refused_and_all_are_named(kind: str, tmp_path: Path) -> None:
    names = [name for some in ODD.values() for name in some if name]
    found = refusal(packed(tmp_path, kind, [(name, b"x") for name in ("good", "twin", *names)]))
    for why, some in ODD.items():
        for name in filter(None, some if why != "is there twice" else ("Twin",)):
            assert any(repr(name)[:100] in line and why in line for line in found.problems), (name, why)
    assert len(found.problems) == len(names)
    assert "unpack it yourself" in found.hint


def test_a_name_of_a_zip_that_is_empty_or_ends_early_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path, "zip", [("safe.wavX../evil", b"x"), ("e", b"y")])
    raw = path.read_bytes().replace(b"safe.wavX", b"safe.wav\0")
    path.write_bytes(raw)
    assert "'safe.wav\\x00../evil' cannot name a file" in str(refusal(path))
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr(zipfile.ZipInfo(""), b"x")
    assert "'' cannot name a file" in str(refusal(path))


@pytest.mark.parametrize("kind", [b"1", b"2", b"3", b"4", b"6"])
def test_links_and_devices_of_a_tar_are_refused(kind: bytes, tmp_path: Path) -> None:
    info = tarfile.TarInfo("odd")
    info.type, info.linkname = kind, "good"
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(info)
    assert "'odd' is a link or a device" in str(refusal(tmp_path / "a.tar"))


@pytest.mark.parametrize("kind", [0o120000, 0o020000, 0o060000, 0o010000, 0o140000])
def test_links_and_devices_of_a_zip_are_refused(kind: int, tmp_path: Path) -> None:
    info = zipfile.ZipInfo("odd")
    info.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as opened:
        opened.writestr(info, "good")
    assert "'odd' is a link or a device" in str(refusal(tmp_path / "a.zip"))


@pytest.mark.parametrize("form", ["pax", "gnu"])
def test_a_sparse_member_is_refused(form: str, tmp_path: Path) -> None:
    """What 10 kB would write: 300 MB of zeros."""
    info = tarfile.TarInfo("zeros")
    if form == "pax":
        info.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": "300000000"}
        with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as tar:
            tar.addfile(info)
    else:
        info.type = tarfile.GNUTYPE_SPARSE
        header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
        header[483:495] = b"00000300000\0"
        header[148:156] = b"%06o\0 " % (sum(header[:148]) + sum(header[156:512]) + 8 * 32)
        (tmp_path / "a.tar").write_bytes(bytes(header) + bytes(1024))
    assert "'zeros' is sparse" in str(refusal(tmp_path / "a.tar"))


def header(size: int, kind: bytes = b"0") -> bytes:
    info = tarfile.TarInfo("much")
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def test_what_grows_beyond_measure_is_refused(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.tar.gz", "wb") as out:
        out.write(header(300_000_000) + bytes(1 << 20))
    assert "would become more than 64.0 MB" in str(refusal(tmp_path / "a.tar.gz"))
    path = packed(tmp_path, "zip", [("much", bytes(5000))])
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", 5000), struct.pack("<I", 300_000_000)))
    assert "would become more than 64.0 MB" in str(refusal(path))


@pytest.mark.laws
def test_empty_members_without_end_are_too_much(tmp_path: Path) -> None:
    """Each counts its header: 64 MB hold 125,000 of them."""
    endless = (Member(str(n), 0, False, "", 0, None) for n in itertools.count())
    with pytest.raises(UserError, match=r"would become more than 64\.0 MB"):
        checked(tmp_path / "a.tar", endless, 10_000)
    assert 124_000 < int(next(endless).name) < 126_000


def test_a_name_that_claims_gigabytes_is_not_read(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.tar.gz", "wb") as out:
        out.write(header(1 << 32, tarfile.GNUTYPE_LONGNAME) + bytes(1 << 20))
    assert "claims more bytes than a name has" in str(refusal(tmp_path / "a.tar.gz"))


def test_a_zip_that_writes_more_or_less_than_it_says_is_refused(tmp_path: Path) -> None:
    for told in (10, 6000):
        path = packed(tmp_path, "zip", [("a", bytes(5000))])
        path.write_bytes(path.read_bytes().replace(struct.pack("<I", 5000), struct.pack("<I", told)))
        assert "not a whole archive" in str(refusal(path, tmp_path / "out"))


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_packing_without_bounds_is_refused(packing: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", packing) as opened:
        opened.writestr("a", b"x")
    assert "packed in a way that is not read" in str(refusal(tmp_path / "a.zip"))


@pytest.mark.parametrize("kind", KINDS)
def test_the_sum_is_said_before_and_must_fit_the_disk(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = packed(tmp_path, kind, [(f"d/{n}", bytes(400)) for n in range(3)])
    with monkeypatch.context() as small:  # no single member is too large
        small.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
        assert "would write 1.2 kB, but only 1.0 kB are free" in str(refusal(path))
    (tmp_path / "file").write_bytes(b"")
    with opening(path) as archive, pytest.raises(NotADirectoryError):
        archive.unpack(tmp_path / "file", Reporter())
    assert f"a.{kind} will write 1.2 kB in 3 files" in capsys.readouterr().err
    with opening(path) as archive:
        archive.unpack(tmp_path / "out", Reporter())
    assert sorted(str(f.relative_to(tmp_path / "out")) for f in (tmp_path / "out").rglob("*")) == [
        *("d", "d/0", "d/1", "d/2")
    ]


@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
def test_a_tar_that_is_damaged_in_its_middle_does_not_end_there(kind: str, tmp_path: Path) -> None:
    """The library takes a damaged header for the end: the members behind it would be lost without a word."""
    path = packed(tmp_path, kind, [("a", b"x"), ("b", b"y"), ("c", b"z")])
    raw = bytearray(gzip.decompress(path.read_bytes()) if kind == "tar.gz" else path.read_bytes())
    for change in (lambda: raw.__setitem__(1024 + 150, 0x39), lambda: raw.__delitem__(slice(1400, None))):
        change()
        path.write_bytes(gzip.compress(raw) if kind == "tar.gz" else raw)
        assert "it ends early, or is damaged at byte 1,024" in str(refusal(path))


@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
def test_a_tar_may_lack_its_end_blocks_but_no_byte_of_a_member(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = packed(tmp_path, kind, [("a", b"x" * 700), ("b", b"y" * 700)])
    raw = gzip.decompress(path.read_bytes()) if kind == "tar.gz" else path.read_bytes()
    for size in (3072, 3072 + 512, 3071, 2560, 2000, 1536, 1535, 512, 100, 0):
        path.write_bytes(gzip.compress(raw[:size]) if kind == "tar.gz" else raw[:size])
        if size in (3072, 3584, 1536):
            with opening(path) as archive:
                assert [len(archive.read(member)) for member in archive.files] == [700] * (size // 1536)
            said = f"ends with its last member, {'b' if size > 2000 else 'a'!r}, without an end mark"
            assert (said in " ".join(capsys.readouterr().err.split())) == (size != 3584)
        else:
            assert "not a whole archive" in str(refusal(path)), size


def test_an_inner_tar_ends_where_its_file_ends(tmp_path: Path) -> None:
    inner = packed(tmp_path, "tar", [("a", b"inner")]).read_bytes()
    (tmp_path / "b.tar").write_bytes(b"before" + inner + b"after")
    with open_tar(tmp_path / "b.tar", (6, len(inner))) as archive:
        assert [(m.name, m.size, m.offset) for m in archive.files] == [("a", 5, 6 + 512)]
        assert archive.read(archive.files[0]) == b"inner"
    with pytest.raises(UserError, match="not a whole archive"), open_tar(tmp_path / "b.tar", (6, 514)):
        pass


def test_an_array_is_as_large_as_its_bytes(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.arange(6).reshape(2, 3), y=np.array(["a", "b"]))
    found = arrays(tmp_path / "a.npz", ("x", "y", "z"), "")
    assert {key: value.tolist() for key, value in found.items()} == {
        "x": [[0, 1, 2], [3, 4, 5]],
        "y": ["a", "b"],
    }
    raw = io.BytesIO()
    np.lib.format.write_array_header_1_0(raw, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as opened:
        opened.writestr("x.npy", raw.getvalue() + bytes(80))
    with pytest.raises(UserError, match=r"x\.npy: not a plain array \(the shape") as caught:
        arrays(tmp_path / "a.npz", ("x",), "what to do")
    assert caught.value.hint == "what to do"
