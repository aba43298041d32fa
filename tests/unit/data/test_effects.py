"""Effects: filters have the gains that they are given, levels are kept, silence stays, draws decide all."""

import numpy as np
import pytest
from scipy import signal

from audionas.data import effects

RATE, N = 16000, 8000
RNG = np.random.default_rng(0)
NOISE = (0.1 * RNG.standard_normal(N)).astype(np.float32)
SILENCE = np.zeros(N, np.float32)


def tone(hertz: float, seconds: float = 0.5) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def level(wave: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(wave, dtype=np.float64))))


def spectrum(wave: np.ndarray) -> np.ndarray:
    return np.abs(np.fft.rfft(wave)) ** 2


@pytest.mark.parametrize(
    ("kind", "full", "none"), [("peak", 1000, 0), ("low", 0, 8000), ("high", 8000, 0), ("peak", 1000, 8000)]
)
@pytest.mark.parametrize("db", [-6.0, 4.0])
def test_a_band_has_its_gain_where_it_is_and_none_elsewhere(
    kind: str, full: float, none: float, db: float
) -> None:
    sections = effects.band(kind, 1000, db, 0.7, RATE)[None]
    _, response = signal.sosfreqz(sections, worN=[full, none], fs=RATE)
    assert 20 * np.log10(np.abs(response)) == pytest.approx([db, 0], abs=1e-6)


def test_seven_bands_change_each_third_octave_by_their_sum_at_most_and_differ_by_draw() -> None:
    wide = (0.1 * np.random.default_rng(1).standard_normal(1 << 16)).astype(np.float32)
    made = [effects.equalised(wide, RATE, 6.0, np.random.default_rng(k)) for k in range(3)]
    same = effects.equalised(wide, RATE, 6.0, np.random.default_rng(0))
    assert np.array_equal(made[0], same)
    assert np.allclose(effects.equalised(wide, RATE, 0.0, np.random.default_rng(0)), wide, atol=1e-6)
    before = spectrum(wide)
    changes = []
    for wave in made:
        bands = np.split(10 * np.log10(spectrum(wave) / before), range(2048, 32768, 2048))
        changes.append([np.median(part) for part in bands])
    assert np.abs(changes).max() < 15
    assert np.ptp(changes, axis=0).max() > 1  # dB between draws


@pytest.mark.parametrize("amount", [0.01, 0.1, 0.7])
def test_distortion_keeps_the_loudness_and_adds_odd_harmonics_as_it_grows(amount: float) -> None:
    wave = tone(500) * np.hanning(N).astype(np.float32)  # no two periods are alike
    bent = effects.distorted(wave, amount)
    assert level(bent) == pytest.approx(level(wave), abs=0.01)
    third = spectrum(bent)[750] / spectrum(bent)[250]
    soft = spectrum(effects.distorted(wave, amount / 2))
    assert third > soft[750] / soft[250] > 0
    assert spectrum(bent)[500] < 1e-6 * spectrum(bent)[250]  # even ones would show an offset


@pytest.mark.laws
@pytest.mark.parametrize("semitones", [-3.0, 3.0])
def test_the_pitch_moves_and_the_length_stays(semitones: float) -> None:
    made = effects.pitched(tone(440), RATE, semitones)
    assert made.shape == (N,)
    assert made.dtype == np.float32
    assert 2 * spectrum(made).argmax() == pytest.approx(440 * 2 ** (semitones / 12), abs=4)
    assert np.array_equal(made, effects.pitched(tone(440), RATE, semitones))


@pytest.mark.parametrize("rate", [4000, 16000])
def test_a_stopped_band_is_weaker_and_the_rest_stays(rate: int) -> None:
    wide = (0.1 * np.random.default_rng(2).standard_normal(1 << 15)).astype(np.float32)
    for draw in range(20):
        made = effects.band_stopped(wide, rate, np.random.default_rng(draw))
        assert np.isfinite(made).all()
        share = signal.medfilt(spectrum(made) / spectrum(wide), 101)
        assert share.min() < 0.1
        assert share[1:].max() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("slope", [-6.0, 0.0, 6.0])
def test_coloured_noise_has_unit_power_and_its_slope(slope: float) -> None:
    noise = effects.coloured(1 << 16, slope, np.random.default_rng(3))
    assert level(noise) == pytest.approx(0, abs=0.01)
    found = spectrum(noise)
    octaves = [10 * np.log10(found[2**k : 2 ** (k + 1)].mean()) for k in range(8, 15)]
    assert np.diff(octaves) == pytest.approx(slope, abs=0.7)


def test_a_transition_ends_at_gains_within_bounds_and_never_leaves_them() -> None:
    ends = []
    for draw in range(50):
        gains = effects.transition(np.ones(N, np.float32), RATE, (-10, 10), np.random.default_rng(draw))
        db = 20 * np.log10(gains)
        assert np.abs(db).max() <= 10 + 1e-4
        assert (np.diff(db) >= -1e-4).all() or (np.diff(db) <= 1e-4).all()
        ends.append(db[-1] - db[0])
    assert min(ends) < -1
    assert max(ends) > 1


def test_silence_stays_silent_and_finite() -> None:
    rng = np.random.default_rng(0)
    for made in (
        effects.equalised(SILENCE, RATE, 6, rng),
        effects.distorted(SILENCE, 0.1),
        effects.band_stopped(SILENCE, RATE, rng),
        effects.transition(SILENCE, RATE, (-10, 10), rng),
        effects.scaled(SILENCE),
    ):
        assert np.array_equal(made, SILENCE)
    assert effects.gain_for(SILENCE, NOISE, 0) == 0
    assert effects.gain_for(NOISE, SILENCE, 0) == 0


def test_scaling_touches_loud_clips_alone() -> None:
    assert np.array_equal(effects.scaled(NOISE), NOISE)
    assert np.allclose(effects.scaled(100 * NOISE), NOISE / np.abs(NOISE).max())
