"""Impulse responses: every file and channel of a folder, energy 1, the direct sound where it was."""

import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audionas.core.errors import UserError
from audionas.data.augment import Augment, WaveAugment
from audionas.data.responses import heard_through, read_folder, unit

RNG = np.random.default_rng(0)


def stored(file: Path, channels: int, rate: int = 16000) -> np.ndarray:
    response = 0.3 * RNG.standard_normal((800, channels)) * np.exp(-np.arange(800) / 90)[:, None]
    response[20] = 0.9
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, response, rate)
    return response


def test_a_clip_is_convolved_and_stays_in_place() -> None:
    wave = RNG.standard_normal(500).astype(np.float32)
    raw = RNG.standard_normal(700).astype(np.float32)
    raw[30] = 9.0
    (response,) = unit([raw], "x")
    assert response.direct == 30
    expected = np.convolve(wave, raw / np.linalg.norm(raw))[30:530]
    np.testing.assert_allclose(heard_through(wave, response), expected, atol=1e-4)
    (perfect,) = unit([np.array([0, 0, 0.25, 0], dtype=np.float32)], "x")
    np.testing.assert_allclose(heard_through(wave, perfect), wave, atol=1e-5)


def test_a_folder_is_read_by_name_with_every_channel_at_the_rate(tmp_path: Path) -> None:
    stored(tmp_path / "b.wav", 2)
    stored(tmp_path / "a.WAV", 1, rate=32000)
    (tmp_path / "notes.txt").write_text("microphones")
    found = read_folder(tmp_path, 16000, "augment.device_ir")
    assert [len(channels) for channels in found] == [1, 2]
    assert [len(channels[0].wave) for channels in found] == [400, 800]
    for channel in (c for channels in found for c in channels):
        assert np.sum(np.square(channel.wave, dtype=float)) == pytest.approx(1, rel=1e-4)
    assert [c.direct for c in found[1]] == [20, 20]


def test_every_file_of_no_use_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="device_ir: no audio file in the folder"):
        read_folder(tmp_path, 16000, "device_ir")
    stored(tmp_path / "good.wav", 1)
    (tmp_path / "broken.wav").write_text("no sound")
    soundfile.write(tmp_path / "silent.wav", np.zeros(100), 16000)
    with pytest.raises(UserError) as caught:
        read_folder(tmp_path, 16000, "device_ir")
    told = caught.value.problems
    assert ["broken.wav" in told[0], "silent.wav: an impulse response is silent" in told[1]] == [True] * 2
    assert len(told) == 2


@pytest.mark.shared
def test_real_responses_of_any_rate_and_channels(shared: Path, tmp_path: Path) -> None:
    with tarfile.open(shared / "rir_small.tar") as tar:
        tar.extractall(tmp_path, filter="data")
    files = [f for f in tmp_path.rglob("*") if f.suffix.lower() in (".wav", ".flac")]
    folder = tmp_path / "all"
    folder.mkdir()
    for file in files:
        file.rename(folder / file.name)
    conf = Augment(device_ir=str(folder), device_ir_probability=1.0)
    augment = WaveAugment(conf, 32000, 0)
    assert len(augment.devices) == len(files) == 5
    assert {len(channels) for channels in augment.devices} == {1, 2, 8}
    wave = (0.1 * RNG.standard_normal(32000)).astype(np.float32)
    heard = [augment(wave, epoch=0, id=f"u{i}", label="tram") for i in range(12)]
    assert all(out.shape == wave.shape and np.isfinite(out).all() and np.abs(out).max() <= 1 for out in heard)
    assert len({out.tobytes() for out in heard}) > 3
