"""A pack comes whole, resumed and described, or not at all; what is there is not asked for again."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from audionas.core.errors import UserError
from audionas.core.files import read_json
from audionas.core.reporter import Reporter
from audionas.prep.packs.bring import MARKER, bring, is_whole, lines
from audionas.prep.wake.sources import scan
from tests._server import Server, running
from tests.unit.prep.packs._archives import librispeech, pack, sound, tar, zipped

QUIET = Reporter(quiet=True)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], Server]]:
    """Start a server of one content."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ExitStack() as stack:
        yield lambda content: stack.enter_context(running(Server(content)))


def test_an_interrupted_pack_resumes_and_tells_speakers_and_words(
    serve: Callable[[bytes], Server], tmp_path: Path
) -> None:
    content = tar(librispeech())
    server = serve(content)
    made = pack(f"{server.url}/dev-clean.tar.gz", content, "librispeech")
    server.budget = [3000, 0]
    with pytest.raises(UserError, match="3,000 bytes"):
        bring("read", made, tmp_path, QUIET)
    assert not (tmp_path / "read").exists()
    folder = bring("read", made, tmp_path, QUIET)
    assert server.parts[-1] == "bytes=3000-"
    assert is_whole(folder, made)
    assert read_json(folder / MARKER)["sum"] == made.sum
    found = scan(folder)
    assert sorted({(r.source, r.group, r.word) for r in found}) == [
        ("read", "read-174", ""),
        ("read", "read-84", ""),
    ]
    said = {r.path.stem: [(round(u.end, 2), u.text) for u in r.said] for r in found}
    assert said["84-1-0000"] == [(0.5, "HE SAID HEY JARVIS")]
    asked = len(server.paths)
    assert bring("read", made, tmp_path, QUIET) == folder
    assert len(server.paths) == asked


def test_a_pack_that_was_unpacked_and_not_described_is_described(
    serve: Callable[[bytes], Server], tmp_path: Path
) -> None:
    content = tar(librispeech())
    server = serve(content)
    made = pack(f"{server.url}/a.tar.gz", content, "librispeech")
    folder = bring("read", made, tmp_path, QUIET)
    for name in (MARKER, "files.tsv"):
        (folder / name).unlink()
    bring("read", made, tmp_path, QUIET)
    assert (folder / "files.tsv").is_file()
    assert len(server.paths) == 1


def test_a_wrong_sum_leaves_nothing_unless_it_is_accepted(
    serve: Callable[[bytes], Server], tmp_path: Path
) -> None:
    content = tar(librispeech())
    server = serve(content)
    for md5 in (False, True):
        other = pack(f"{server.url}/a.tar.gz", b"another", "librispeech", md5=md5)
        mine = pack(f"{server.url}/a.tar.gz", content, "librispeech", md5=md5)
        with pytest.raises(UserError, match="the published one is"):
            bring("read", other, tmp_path / "wrong", QUIET)
        assert [file for file in (tmp_path / "wrong").rglob("*") if file.is_file()] == []
        accept = [mine.md5 or mine.sha256]
        bring(f"read-{md5}", other, tmp_path / str(md5), QUIET, accept=accept)


def test_of_a_zip_only_what_is_wanted_comes_out(serve: Callable[[bytes], Server], tmp_path: Path) -> None:
    content = zipped({"R/noises/a.wav": sound(), "R/noises/b.wav": sound(), "R/rooms/h.wav": sound()})
    server = serve(content)
    made = pack("https://nowhere.invalid/r.zip", content, "noise", within="R/noises/")
    folder = bring("noises", made, tmp_path, QUIET, mirror=f"{server.url}/copies/")
    assert server.paths == ["/copies/r.zip"]
    assert [f.name for f in sorted(folder.rglob("*.wav"))] == ["a.wav", "b.wav"]
    assert {(r.source, r.word) for r in scan(folder)} == {("noise_noises", "")}


def test_members_outside_the_folder_are_refused(serve: Callable[[bytes], Server], tmp_path: Path) -> None:
    content = zipped({"R/noises/a.wav": sound(), "R/noises/../../../b.wav": sound()})
    server = serve(content)
    made = pack(f"{server.url}/r.zip", content, "noise", within="R/noises/")
    with pytest.raises(UserError, match="would be written outside its folder"):
        bring("noises", made, tmp_path / "to", QUIET)
    assert list(tmp_path.rglob("*.wav")) == []


def test_an_archive_without_what_is_wanted_is_told(serve: Callable[[bytes], Server], tmp_path: Path) -> None:
    content = zipped({"R/rooms/h.wav": sound()})
    made = pack(f"{serve(content).url}/r.zip", content, "noise", within="R/noises/")
    with pytest.raises(UserError, match="holds nothing below R/noises/"):
        bring("noises", made, tmp_path, QUIET)
    assert not (tmp_path / "noises").exists()


def test_speech_of_musan_has_speakers_and_its_noise_has_none(
    serve: Callable[[bytes], Server], tmp_path: Path
) -> None:
    names = ("speech/us-gov/speech-us-gov-0001", "music/fma/music-fma-0001", "noise/free-sound/noise-0001")
    content = tar({f"musan/{name}.wav": sound() for name in names})
    made = pack(f"{serve(content).url}/musan.tar.gz", content, "musan", md5=True)
    found = scan(bring("musan", made, tmp_path, QUIET))
    assert {(r.source, r.group.rpartition("-")[0]) for r in found} == {
        ("speech", "speech-speech-us-gov"),
        ("noise_music", "noise-music-music-fma"),
        ("noise_noise", "noise-noise-noise"),
    }


def test_what_is_printed_has_address_size_sum_and_licence() -> None:
    made = pack("https://example.org/a.tar.gz", b"abc", "")
    told = "\n".join(lines("words", made))
    for part in (made.url, "3 bytes", made.sha256, "CC0", "words"):
        assert part in told
