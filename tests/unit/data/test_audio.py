"""Audio files: clips are exact cuts, padded with zeros, and every unusable file is named."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from audionas.core.errors import UserError
from audionas.core.files import sha256
from audionas.data import audio

RATE = 16000


def write(path: Path, samples: int, rate: int = RATE, channels: int = 1, subtype: str = "PCM_16") -> Path:
    wave = np.random.default_rng(samples).uniform(-0.9, 0.9, (samples, channels))
    soundfile.write(path, wave, rate, subtype=subtype)
    return path


@pytest.mark.parametrize("suffix", ["wav", "flac"])
@pytest.mark.parametrize(
    ("start", "seconds"), [(0.0, 0.5), (0.25, 0.5), (0.25, None), (0.5, 1.0), (0.0, 3.0)]
)
def test_a_clip_is_a_cut_of_the_whole(
    tmp_path: Path, suffix: str, start: float, seconds: float | None
) -> None:
    path = write(tmp_path / f"a.{suffix}", RATE)
    whole = audio.read(path, rate=RATE, seconds=None)
    clip = audio.read(path, rate=RATE, seconds=seconds, start=start)
    expected = whole[round(start * RATE) :]
    if seconds is not None:
        expected = np.pad(expected, (0, 4 * RATE))[: round(seconds * RATE)]
    assert clip.dtype == np.float32
    np.testing.assert_array_equal(clip, expected)


@pytest.mark.parametrize("source_rate", [8000, 22050, 44100, 48000])
def test_resampling_keeps_a_tone(tmp_path: Path, source_rate: int) -> None:
    time = np.arange(source_rate) / source_rate
    soundfile.write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 440 * time), source_rate, subtype="FLOAT")
    wave = audio.read(tmp_path / "a.wav", rate=RATE, seconds=1.0, resample=True)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    assert wave.shape == (RATE,)
    np.testing.assert_allclose(wave[800:-800], expected[800:-800], atol=2e-3)  # the edges ring


def test_channels(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", 100, channels=3)
    raw, _ = soundfile.read(path, dtype="float32")
    for channel in range(3):
        np.testing.assert_array_equal(
            audio.read(path, rate=RATE, seconds=None, channel=channel), raw[:, channel]
        )
    mixed = audio.read(path, rate=RATE, seconds=None, channel="mix")
    np.testing.assert_allclose(mixed, raw.mean(axis=1), atol=1e-7)
    with pytest.raises(UserError, match=r"a\.wav: has 3 channels"):
        audio.read(path, rate=RATE, seconds=None)
    with pytest.raises(UserError, match="so no channel 3"):
        audio.read(path, rate=RATE, seconds=None, channel=3)


def unusable(folder: Path) -> dict[str, Path]:
    (folder / "zero.wav").write_bytes(b"")
    (folder / "text.wav").write_text("this is no audio, whatever its name says")
    whole = write(folder / "whole.flac", RATE).read_bytes()
    (folder / "cut.flac").write_bytes(whole[: len(whole) // 2])
    soundfile.write(folder / "nan.wav", np.full(100, np.nan), RATE, subtype="FLOAT")
    return {
        "no such audio file": folder / "gone.wav",
        "the file is empty": folder / "zero.wav",
        "cannot be decoded|no audio": folder / "text.wav",
        "cannot be decoded|cut off": folder / "cut.flac",
        "not finite": folder / "nan.wav",
        "holds no audio": write(folder / "none.wav", 0),
    }


def test_every_unusable_file_is_named(tmp_path: Path) -> None:
    for reason, path in unusable(tmp_path).items():
        with pytest.raises(UserError, match=f"{path.name}: .*({reason})"):
            audio.probe(path)
        if path.name != "cut.flac":
            with pytest.raises(UserError, match=f"{path.name}: .*({reason})"):
                audio.read(path, rate=RATE, seconds=None)


def test_another_rate_and_a_start_beyond_the_end_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", 800, rate=8000)
    with pytest.raises(UserError, match=r"a\.wav: its sample rate is 8000 Hz, expected 16000 Hz"):
        audio.read(path, rate=RATE, seconds=1.0)
    with pytest.raises(UserError, match=r"a\.wav: 0\.2 s lies outside its 0\.100 s"):
        audio.read(path, rate=8000, seconds=1.0, start=0.2)


def test_probe_tells_the_truth(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", 12345, rate=8000, channels=2)
    peak = float(np.abs(soundfile.read(path)[0]).max())
    assert audio.probe(path) == audio.Probe(12345 / 8000, 8000, 2, 12345, sha256(path), peak, False)
    assert audio.length(path) == 12345 / 8000


def test_written_is_read_back_to_16_bits(tmp_path: Path) -> None:
    wave = np.random.default_rng(0).uniform(-1, 1, 500).astype(np.float32)
    audio.write(tmp_path / "new" / "a.wav", wave, RATE)
    again = audio.read(tmp_path / "new" / "a.wav", rate=RATE, seconds=None)
    np.testing.assert_allclose(again, wave, atol=2**-15)


@pytest.mark.parametrize("source_rate", [8000, 11025, RATE, 44100, 48000])
@pytest.mark.parametrize("block", [0.001, 0.03, 0.4, 10.0])
def test_blocks_are_the_whole(tmp_path: Path, source_rate: int, block: float) -> None:
    path = write(tmp_path / "a.wav", source_rate + 77, source_rate)
    for start, seconds in ((0.0, None), (0.3, 0.51)):
        pieces = list(audio.blocks(path, rate=RATE, start=start, seconds=seconds, block=block, resample=True))
        whole = audio.read(path, rate=RATE, start=start, seconds=None, resample=True)
        if seconds is not None:
            source = audio.read(path, rate=source_rate, start=start, seconds=seconds)
            whole = source if source_rate == RATE else audio.resampled(source, source_rate, RATE)
        joined = np.concatenate(pieces)
        assert joined.dtype == np.float32
        assert joined.shape == whole.shape
        np.testing.assert_allclose(joined, whole, atol=1e-5)
    assert max(map(len, pieces)) <= max(1, block) * RATE


def test_blocks_name_unusable_files_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", 800, 8000, channels=2)
    with pytest.raises(UserError, match=r"a\.wav: its sample rate is 8000 Hz"):
        audio.blocks(path, rate=RATE)
    with pytest.raises(UserError, match=r"a\.wav: has 2 channels"):
        audio.blocks(path, rate=8000)
    with pytest.raises(UserError, match="lies outside its"):
        audio.blocks(path, rate=8000, start=1.0, channel=0)
    with pytest.raises(UserError, match="no such audio file"):
        audio.blocks(tmp_path / "b.wav", rate=8000)
    assert [len(b) for b in audio.blocks(path, rate=8000, channel="mix", block=0.06)] == [480, 320]


def test_samples_far_above_full_scale_are_refused_with_the_command_that_scales_them(tmp_path: Path) -> None:
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, RATE)
    soundfile.write(tmp_path / "a.wav", wave * 32768, RATE, subtype="FLOAT")
    scaling = r"to scale it: ffmpeg -i .*volume=0\.0000305176 "
    said = rf"a\.wav: its samples reach 16\d+\.?\d*, but full scale is 1; {scaling}"
    for attempt in (
        lambda path: audio.read(path, rate=RATE, seconds=None),
        lambda path: audio.read(path, rate=8000, seconds=0.1, start=0.5, resample=True, channel="mix"),
        lambda path: audio.read_channels(path, rate=RATE, channels=1),
        lambda path: audio.blocks(path, rate=RATE),  # before the first block is requested
    ):
        with pytest.raises(UserError, match=said):
            attempt(tmp_path / "a.wav")
    assert len(audio.read(tmp_path / "a.wav", rate=RATE, seconds=None, loud=True)) == RATE
    soundfile.write(tmp_path / "b.wav", wave * 4, RATE, subtype="FLOAT")  # 6 dB over, as decoders may be
    assert audio.probe(tmp_path / "b.wav").peak == pytest.approx(2, abs=0.01)
    assert len(audio.read(tmp_path / "b.wav", rate=RATE, seconds=None)) == RATE


def test_a_loud_end_of_a_long_recording_is_refused_when_it_comes(tmp_path: Path) -> None:
    wave = np.full(RATE, 0.1)
    wave[-10:] = 3000
    soundfile.write(tmp_path / "a.wav", wave, RATE, subtype="FLOAT")
    pieces = audio.blocks(tmp_path / "a.wav", rate=RATE, block=0.5)
    assert len(next(pieces)) == RATE // 2
    with pytest.raises(UserError, match="samples reach 3000"):
        next(pieces)
