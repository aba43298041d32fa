"""Sounds in a page are WAV files that play back what went in, and together take what they may."""

import base64
import io

import numpy as np
import soundfile

from audionas.report.clips.sound import addresses, wav


def test_a_sound_reads_back_as_it_was() -> None:
    wave = np.sin(np.arange(1600) / 20).astype(np.float32) * 0.5
    text = addresses([wav(wave, 16_000)])[0]
    data = base64.b64decode(text.removeprefix("data:audio/wav;base64,"))
    found, rate = soundfile.read(io.BytesIO(data))
    assert rate == 16_000
    assert np.abs(found - wave).max() < 1e-4


def test_louder_than_full_scale_is_cut_off_and_not_turned_over() -> None:
    found, _ = soundfile.read(io.BytesIO(wav(np.array([2.0, -2.0]), 8000)))
    assert found[0] > 0.99
    assert found[1] < -0.99


def test_what_does_not_fit_stays_out() -> None:
    small, large = b"a" * 30, b"b" * 3000
    found = addresses([small, large, b"", small], most=200)
    assert [bool(text) for text in found] == [True, False, False, True]
    assert sum(map(len, found)) <= 200
