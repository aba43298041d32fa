"""ffmpeg: how it is called, what its failures say, and, where it is installed, that it decodes the same."""

import shlex
import shutil
import stat
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audionas.core.errors import UserError
from audionas.data import audio
from audionas.data.files import ffmpeg, listing
from tests.unit.cli._command import done

WAVE = (np.sin(np.arange(16000) / 9) / 2).astype(np.float32)
real = pytest.mark.skipif(ffmpeg.found() is None, reason="ffmpeg is not installed")


def stub(folder: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program called ffmpeg that stands for the contract of its arguments and its exit status only."""
    program = folder / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


def test_its_arguments_and_its_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "answer.wav", WAVE, 16000, subtype="FLOAT")
    out = shlex.quote(str(tmp_path / "answer.wav"))
    body = f'printf "%s\\n" "$@" > {tmp_path}/said\nfor last; do :; done\ncp {out} "${{last#file:}}"'
    stub(tmp_path, body, monkeypatch)
    file = tmp_path / "-x $(touch owned);.m4a"
    file.write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(audio.read(file.name, rate=16000, seconds=None), WAVE)
    assert listing.sounds(tmp_path) == [file, tmp_path / "answer.wav"]
    said = (tmp_path / "said").read_text().splitlines()
    assert said[said.index("-i") + 1] == f"file:{file}"
    assert said[said.index("-protocol_whitelist") + 1] == "file,pipe"
    assert {"hls", "concat"}.isdisjoint(said[said.index("-format_whitelist") + 1].split(","))
    assert said[-1].startswith("file:/")
    assert "-nostdin" in said
    assert not Path(said[-1].removeprefix("file:")).exists()
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("body", ["echo broken >&2; exit 1", "echo broken >&2", "exit 3"])
def test_whatever_it_complains_of_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    stub(tmp_path, body, monkeypatch)
    (tmp_path / "a.m4a").write_bytes(b"x")
    why = "exit status 3" if "3" in body else "broken"
    with pytest.raises(UserError, match=rf"a\.m4a: cannot be decoded whole \(ffmpeg: {why}\)"):
        audio.length(tmp_path / "a.m4a")


def test_without_it_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "a.m4a").write_bytes(b"x")
    with pytest.raises(UserError, match=r"a\.m4a: only ffmpeg reads it.*apt install ffmpeg"):
        audio.probe(tmp_path / "a.m4a")


def refused_opus(path: Path) -> None:
    """An Ogg/Opus file whose packets libsndfile calls malformed, with sound and complete pages otherwise."""
    soundfile.write(path, WAVE, 16000, format="OGG", subtype="OPUS")
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"OpusHead") + 8] = 0xF0  # a version from the future
    path.write_bytes(raw)


def test_opus_that_is_refused_comes_with_the_command_that_converts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    file = tmp_path / "it's music.opus"
    refused_opus(file)
    with pytest.raises(UserError, match="cannot be decoded") as caught:
        audio.probe(file)
    command = caught.value.problems[0].partition("; to convert it: ")[2]
    assert shlex.split(command) == ["ffmpeg", "-i", str(file), str(file.with_suffix(".wav"))]


def test_a_name_like_an_option_is_none(tmp_path: Path) -> None:
    assert shlex.split(ffmpeg.conversion("-y.opus")) == ["ffmpeg", "-i", "./-y.opus", "./-y.wav"]
    assert shlex.split(ffmpeg.conversion("a.wav"))[-1] == "a.fixed.wav"


def made(folder: Path, suffix: str, *options: str, wave: np.ndarray = WAVE) -> Path:
    soundfile.write(folder / "source.wav", wave, 16000)
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(folder / "source.wav"), *options]
    subprocess.run([*command, str(folder / f"a{suffix}")], check=True)
    return folder / f"a{suffix}"


@real
@pytest.mark.story
@pytest.mark.parametrize("suffix", [".wv", ".tta", ".caf", ".mka", ".flac"])
def test_lossless_files_are_the_same_as_wavs(tmp_path: Path, suffix: str) -> None:
    coding = {".caf": "pcm_s16le", ".mka": "flac", ".wv": "wavpack"}.get(suffix, suffix[1:])
    file = made(tmp_path, suffix, "-c:a", coding)
    expected = audio.read(tmp_path / "source.wav", rate=16000, seconds=None)
    np.testing.assert_array_equal(audio.read(file, rate=16000, seconds=None), expected)
    part = audio.read(file, rate=16000, start=0.25, seconds=0.5)
    np.testing.assert_array_equal(part, expected[4000:12000])


@real
@pytest.mark.story
@pytest.mark.parametrize("suffix", [".m4a", ".aac", ".webm", ".wma", ".mp4"])
def test_lossy_files_are_heard_and_cut_ones_refused(tmp_path: Path, suffix: str) -> None:
    file = made(tmp_path, suffix)
    wave = audio.read(file, rate=16000, seconds=1.0, resample=True, channel="mix")
    expected = np.abs(np.fft.rfft(WAVE)).argmax()
    assert np.abs(np.fft.rfft(wave)).argmax() == pytest.approx(expected, abs=1)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(UserError, match="cannot be decoded whole"):
        audio.probe(file)


@real
@pytest.mark.story
def test_a_playlist_in_disguise_reads_no_other_file(tmp_path: Path) -> None:
    source = made(tmp_path, ".tta")
    for name, text in {"hls": f"#EXTM3U\n#EXTINF:1,\nfile://{source}\n#EXT-X-ENDLIST\n",
                       "concat": f"ffconcat version 1.0\nfile {source}\n"}.items():  # fmt: skip
        (tmp_path / f"{name}.m4a").write_text(text)
        with pytest.raises(UserError, match="cannot be decoded whole"):
            audio.probe(tmp_path / f"{name}.m4a")


@real
@pytest.mark.story
def test_too_loud_files_are_right_after_the_command_that_the_error_gives(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", WAVE * 32768, 16000, subtype="FLOAT")
    with pytest.raises(UserError) as caught:
        audio.read(tmp_path / "a.wav", rate=16000, seconds=None)
    command = shlex.split(caught.value.problems[0].partition("to scale it: ")[2])
    subprocess.run([*command, "-nostdin", "-v", "error"], check=True)
    wave = audio.read(tmp_path / "a.fixed.wav", rate=16000, seconds=None)
    np.testing.assert_allclose(wave, WAVE, atol=2**-14)


@real
@pytest.mark.story
def test_a_folder_of_words_from_a_telephone(tmp_path: Path) -> None:
    for pitch, word in enumerate(("yes", "no")):
        (tmp_path / "in" / word).mkdir(parents=True)
        for number in range(3):
            wave = np.sin(np.arange(16000) / (9 + 3 * pitch + number)).astype(np.float32) / 2
            shutil.copy(made(tmp_path, ".m4a", wave=wave), tmp_path / "in" / word / f"{number}.m4a")
    said = done("prep", "folder", tmp_path / "in", tmp_path / "out").err
    assert "6 .m4a files (such as no/0.m4a): decoded by ffmpeg" in said
