"""Archives: a broken download goes on, a wrong sum is refused, no member escapes its folder."""

import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from audionas.core.archives import download
from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from tests._server import Server, running

CONTENT = bytes(range(256)) * 16_000  # 4 MB
DIGEST = hashlib.sha256(CONTENT).hexdigest()
QUIET = Reporter(quiet=True)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with running(Server(CONTENT)) as server:
        yield server


def test_a_download_that_breaks_goes_on_by_itself(server: Server, tmp_path: Path) -> None:
    server.budget = [1_500_000, 1_200_000]
    path = tmp_path / "new" / "a.tar.gz"
    assert download.fetch(f"{server.url}/a.tar.gz", path, QUIET, official=DIGEST) == DIGEST
    assert path.read_bytes() == CONTENT
    assert server.parts == [None, "bytes=1500000-", "bytes=2700000-"]
    assert [f.name for f in path.parent.iterdir()] == ["a.tar.gz"]
    assert download.fetch(f"{server.url}/a.tar.gz", path, QUIET, official=DIGEST) == DIGEST
    assert len(server.parts) == 3  # what is there is not fetched again


def test_an_interrupted_download_goes_on_in_the_next_call(server: Server, tmp_path: Path) -> None:
    server.budget = [2_000_000, 0]
    path = tmp_path / "a.tar.gz"
    with pytest.raises(UserError, match="2,000,000 bytes") as caught:
        download.fetch(f"{server.url}/a.tar.gz", path, QUIET, official=DIGEST)
    assert "same command again" in caught.value.hint
    assert not path.exists()
    download.fetch(f"{server.url}/a.tar.gz", path, QUIET, official=DIGEST)
    assert path.read_bytes() == CONTENT
    assert server.parts[-1] == "bytes=2000000-"


@pytest.mark.parametrize("left", [CONTENT, CONTENT + b"more"])
def test_a_part_that_is_whole_or_too_long(server: Server, tmp_path: Path, left: bytes) -> None:
    (tmp_path / "a.tar.gz.part").write_bytes(left)
    download.fetch(f"{server.url}/a.tar.gz", tmp_path / "a.tar.gz", QUIET, official=DIGEST)
    assert (tmp_path / "a.tar.gz").read_bytes() == CONTENT


def test_a_server_without_ranges_sends_all_again(server: Server, tmp_path: Path) -> None:
    server.ranges, server.budget = False, [1_000_000]
    download.fetch(f"{server.url}/a.tar.gz", tmp_path / "a.tar.gz", QUIET, official=DIGEST)
    assert (tmp_path / "a.tar.gz").read_bytes() == CONTENT


def test_a_wrong_sum_is_refused_and_leaves_nothing(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=DIGEST) as caught:
        download.fetch(f"{server.url}/a.tar.gz", tmp_path / "a.tar.gz", QUIET, official="0" * 64)
    assert f"--sha256 {DIGEST}" in caught.value.hint
    assert list(tmp_path.iterdir()) == []
    download.fetch(f"{server.url}/a.tar.gz", tmp_path / "a.tar.gz", QUIET, official="0" * 64, accept=[DIGEST])


def test_the_first_sum_is_recorded_and_a_change_refused(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    download.fetch(f"{server.url}/a.tar.gz", path, QUIET)
    assert (tmp_path / "a.tar.gz.sha256").read_text() == f"{DIGEST}  a.tar.gz\n"
    path.unlink()
    (tmp_path / "a.tar.gz.sha256").write_text(f"{'0' * 64}  a.tar.gz\n")  # as if another was seen first
    with pytest.raises(UserError, match=r"a\.tar\.gz\.sha256 says 0000"):
        download.fetch(f"{server.url}/a.tar.gz", path, QUIET)
    assert not path.exists()
    with pytest.raises(UserError, match="--sha256 says 1111"):
        download.fetch(f"{server.url}/a.tar.gz", path, QUIET, accept=["1" * 64])
    download.fetch(f"{server.url}/a.tar.gz", path, QUIET, accept=[DIGEST])
    assert (tmp_path / "a.tar.gz.sha256").read_text().startswith(DIGEST)


def test_an_error_of_the_server_or_no_server(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the server answers 404"):
        download.fetch(f"{server.url}/missing", tmp_path / "a", QUIET)
    with pytest.raises(UserError, match="broke off after 0 bytes"):
        download.fetch("http://127.0.0.1:9/a", tmp_path / "a", QUIET)


def archive(path: Path, members: dict[str, bytes | str], mode: str = "w") -> Path:
    """A tar of files (bytes) and links (str, prefixed with their kind)."""
    with tarfile.open(path, mode) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                kind, _, info.linkname = content.partition(":")
                info.type = {"sym": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE, "fifo": tarfile.FIFOTYPE}[kind]
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize(("name", "mode"), [("a.tar", "w"), ("a.tar.gz", "w:gz")])
def test_unpacked_is_what_was_packed(tmp_path: Path, name: str, mode: str) -> None:
    members = {"./README.md": b"read", "yes/a.wav": CONTENT, "no/deep/b.wav": b"", "yes/..wav": b"dots"}
    packed = archive(tmp_path / name, members, mode)
    out = tmp_path / "audio" / "a"
    download.unpack(packed, out, "first", QUIET)
    assert {str(f.relative_to(out)): f.read_bytes() for f in out.rglob("*") if f.is_file()} == {
        **{member.removeprefix("./"): content for member, content in members.items()},
        ".unpacked": b"first\n",
    }
    (out / "README.md").write_text("kept")
    download.unpack(packed, out, "first", QUIET)
    assert (out / "README.md").read_text() == "kept"
    download.unpack(archive(tmp_path / "b.tar", {"c": b"c"}), out, "second", QUIET)
    assert sorted(f.name for f in out.iterdir()) == [".unpacked", "c"]


@pytest.mark.parametrize(
    "member",
    [
        {"../evil": b"x"},
        {"yes/../../evil": b"x"},
        {"/tmp/audionas_evil": b"x"},
        {"out": "sym:..", "out/evil": b"x"},
        {"out": "sym:/tmp", "out/audionas_evil": b"x"},
        {"evil": "hard:../a.tar"},
        {"evil": "fifo:"},
    ],
)
def test_a_member_that_would_escape_is_refused_and_nothing_stays(
    tmp_path: Path, member: dict[str, bytes | str]
) -> None:
    packed = archive(tmp_path / "a.tar", {"yes/good.wav": b"good", **member})
    with pytest.raises(UserError, match="refused"):
        download.unpack(packed, tmp_path / "deep" / "audio", "x", QUIET)
    assert sorted(str(f.relative_to(tmp_path)) for f in tmp_path.rglob("*")) == ["a.tar", "deep"]
    assert not Path("/tmp/audionas_evil").exists()


@pytest.mark.parametrize("keep", [0, 100, 3000])
def test_a_damaged_archive_is_refused_and_nothing_stays(tmp_path: Path, keep: int) -> None:
    noise = hashlib.shake_256(b"x").digest(20_000)
    packed = archive(tmp_path / "a.tar.gz", {"yes/a.wav": noise}, "w:gz")
    packed.write_bytes(packed.read_bytes()[:keep])
    with pytest.raises(UserError, match="not a whole archive"):
        download.unpack(packed, tmp_path / "audio", "x", QUIET)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["a.tar.gz"]


def test_a_folder_of_the_user_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="exists, but was not unpacked"):
        download.unpack(archive(tmp_path / "a.tar", {"a": b"a"}), tmp_path / "audio", "x", QUIET)
    assert (tmp_path / "audio" / "mine.txt").read_text() == "mine"
