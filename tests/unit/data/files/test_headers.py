"""Headers against files: what is cut is refused with its seconds, an open length is read to the end."""

import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audionas.core.errors import UserError
from audionas.data import audio
from audionas.data.files import headers
from audionas.data.files.headers import Sound

RATE = 16000
CHUNKED = ["WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF"]
WAVE = np.random.default_rng(0).uniform(-0.5, 0.5, 2 * RATE).astype(np.float32)


def encoded(form: str, subtype: str = "PCM_16") -> bytes:
    stream = BytesIO()
    soundfile.write(stream, WAVE, RATE, format=form, subtype=subtype)
    return stream.getvalue()


def read(path: Path) -> np.ndarray:
    return audio.read(path, rate=RATE, seconds=None)


@pytest.mark.parametrize("form", CHUNKED)
def test_a_whole_file_is_whole(tmp_path: Path, form: str) -> None:
    (tmp_path / "a.snd").write_bytes(encoded(form))
    found = headers.sound(tmp_path / "a.snd")
    assert found is not None
    assert (found.promised, found.found, found.cut, found.open) == (4 * RATE, 4 * RATE, False, False)
    assert len(read(tmp_path / "a.snd")) == 2 * RATE


@pytest.mark.parametrize("form", CHUNKED)
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "ULAW"])
def test_a_file_cut_in_half_is_refused_with_its_seconds(tmp_path: Path, form: str, subtype: str) -> None:
    whole = encoded(form, subtype)
    size = {"PCM_16": 2, "PCM_24": 3, "ULAW": 1}[subtype] * RATE  # bytes a second
    (tmp_path / "a.snd").write_bytes(whole[:-size])
    said = r"a\.snd: cut off: its header promises 2\.000 s, 1\.000 s can be decoded"
    for attempt in (audio.length, audio.probe, read, lambda path: audio.blocks(path, rate=RATE)):
        with pytest.raises(UserError, match=said):
            attempt(tmp_path / "a.snd")


@pytest.mark.parametrize("form", CHUNKED)
def test_a_length_that_was_never_filled_in_is_read_to_the_end(tmp_path: Path, form: str) -> None:
    (tmp_path / "whole.snd").write_bytes(encoded(form))
    found = headers.sound(tmp_path / "whole.snd")
    assert found is not None
    size = struct.calcsize(found.code)
    for length in (0, *([-1 + (1 << 32)] if size == 4 else []), *([-1] if found.code == ">q" else [])):
        raw = bytearray(encoded(form))
        raw[found.place : found.place + size] = struct.pack(found.code, length)
        if form == "WAV":  # what a recorder leaves that was switched off
            raw[4:8] = struct.pack("<I", length)
        (tmp_path / "a.snd").write_bytes(raw)
        assert audio.is_open(tmp_path / "a.snd")
        np.testing.assert_array_equal(read(tmp_path / "a.snd"), read(tmp_path / "whole.snd"))
        again = np.concatenate(list(audio.blocks(tmp_path / "a.snd", rate=RATE, block=0.3)))
        np.testing.assert_array_equal(again, read(tmp_path / "whole.snd"))
        assert audio.probe(tmp_path / "a.snd").open


def test_a_header_without_sound_is_empty_though_chunks_follow(tmp_path: Path) -> None:
    stream = BytesIO()
    soundfile.write(stream, WAVE[:0], RATE, format="WAV")
    (tmp_path / "a.wav").write_bytes(stream.getvalue() + b"LIST" + struct.pack("<I", 4) + b"INFO")
    found = headers.sound(tmp_path / "a.wav")
    assert found is not None
    assert not found.open
    with pytest.raises(UserError, match="holds no audio"):
        audio.probe(tmp_path / "a.wav")


def test_chunks_after_the_sound_and_a_missing_byte_of_padding_are_no_cut(tmp_path: Path) -> None:
    whole = encoded("WAV")
    tail = b"LIST" + struct.pack("<I", 4) + b"INFO"
    for name, raw in (("tail", whole + tail), ("slack", whole[:-2])):
        (tmp_path / f"{name}.wav").write_bytes(raw)
        assert len(read(tmp_path / f"{name}.wav")) in (2 * RATE, 2 * RATE - 1)


def test_an_open_length_over_4_gib_is_refused_with_a_command(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot state 5,000,000,000 bytes; to convert it: ffmpeg -i"):
        headers.Mended(tmp_path / "a.wav", Sound(0, 5_000_000_000, 40, "<I", 0, True))


@pytest.mark.parametrize(("form", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.97])
def test_a_lossy_file_that_was_cut_is_refused(
    tmp_path: Path, form: str, subtype: str, part: float, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = encoded(form, subtype)
    (tmp_path / "whole.snd").write_bytes(whole)
    assert audio.probe(tmp_path / "whole.snd").seconds == pytest.approx(2, abs=0.1)
    (tmp_path / "a.snd").write_bytes(whole[: round(part * len(whole))])
    with pytest.raises(UserError, match=r"a\.snd: cut off: .* s"):
        audio.probe(tmp_path / "a.snd")
    with pytest.raises(UserError, match=r"a\.snd: cut off: .* s"):
        read(tmp_path / "a.snd")
    capfd.readouterr()  # libmpg123 warns


@pytest.mark.parametrize("part", [0.1, 0.5, 0.999])
def test_a_cut_flac_is_refused_wherever_it_is_read(tmp_path: Path, part: float) -> None:
    whole = encoded("FLAC")
    (tmp_path / "a.flac").write_bytes(whole[: round(part * len(whole))])
    said = r"a\.flac: cut off: its header promises 2\.000 s, [01]\.\d\d\d s can be decoded"
    for attempt in (
        audio.probe,
        read,
        lambda path: audio.read(path, rate=RATE, seconds=0.01, start=1.99),
        lambda path: list(audio.blocks(path, rate=RATE, block=0.1)),
        lambda path: list(audio.blocks(path, rate=RATE, start=1.9)),
        lambda path: audio.read_channels(path, rate=RATE, channels=1),
    ):
        with pytest.raises(UserError, match=said):
            attempt(tmp_path / "a.flac")
    if part > 0.4:  # what lies before the cut is still there
        assert len(audio.read(tmp_path / "a.flac", rate=RATE, seconds=0.1)) == RATE // 10


def bare_mp3(kilobits: int) -> bytes:
    """Two seconds of MP3 without the frame that states its length."""
    whole = encoded("MP3", "MPEG_LAYER_III")
    assert b"Xing" in whole or b"Info" in whole
    first = headers._frame(whole, 0)
    assert first is not None
    return whole[first[0] :]


def test_an_mp3_that_does_not_state_its_length_is_as_long_as_its_frames(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no ffmpeg
    (tmp_path / "a.mp3").write_bytes(bare_mp3(0))
    (tmp_path / "stated.mp3").write_bytes(encoded("MP3", "MPEG_LAYER_III"))
    assert headers.mpeg(tmp_path / "stated.mp3") is None
    samples = headers.mpeg(tmp_path / "a.mp3")
    assert samples is not None
    assert samples == pytest.approx(2 * RATE, abs=3 * 1152)
    if abs(soundfile.info(tmp_path / "a.mp3").frames - samples) > 2 * 1152:
        with pytest.raises(UserError, match=r"does not state its length, which varies.*ffmpeg -i"):
            audio.probe(tmp_path / "a.mp3")
    else:
        assert audio.probe(tmp_path / "a.mp3").frames == pytest.approx(samples, abs=2 * 1152)
    capfd.readouterr()
