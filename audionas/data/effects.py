"""Effects on waveforms as pure functions of what was drawn: time, level, pitch, bands, distortion, noise.

Equaliser, distortion, band stop, coloured noise and transition are those of microWakeWord's training, which
has them from audiomentations; that draws from Python's and NumPy's global generators
(docs/decisions/0024-effects-are-drawn-here.md). Filters: R. Bristow-Johnson, Audio EQ Cookbook.
"""

import numpy as np
from scipy import signal

from audionas.data.audio import Wave

BANDS = ((42, 95), (91, 204), (196, 441), (421, 948), (909, 2045), (1957, 4404), (4216, 9486))  # Hz
_HIGHEST = 0.95  # of half the sample rate: filters end there
_STOPPED = (200.0, 4000.0)  # Hz, of a stopped band's centre
_WIDTHS = (0.5, 1.99)  # of a stopped band, as shares of its centre
_ORDERS = (2, 3, 4)  # of its edges: 12, 18 and 24 dB an octave
_FADES = (0.2, 6.0)  # seconds of a transition


def shifted(wave: Wave, by: int) -> Wave:
    """The clip `by` samples later (earlier if negative), cut at one end and zero-filled at the other."""
    by = max(-len(wave), min(len(wave), by))
    out = np.zeros_like(wave)
    if by >= 0:
        out[by:] = wave[: len(wave) - by]
    else:
        out[:by] = wave[-by:]
    return out


def faster(wave: Wave, factor: float) -> Wave:
    """The clip at `factor` times the speed by linear interpolation, its end cut or padded with zeros."""
    at = np.arange(len(wave)) * factor
    return np.interp(at, np.arange(len(wave)), wave, right=0.0).astype(np.float32)


def crop(recording: Wave, size: int, draw: float) -> Wave:
    """`size` samples from a random place; a shorter recording is repeated."""
    if len(recording) < size:
        recording = np.resize(recording, size)
    start = int(draw * (len(recording) - size + 1))
    return recording[start : start + size]


def gain_for(wave: Wave, noise: Wave, snr_db: float) -> float:
    """The gain that puts the noise `snr_db` below the clip; 0 where either of them is silent."""
    clip, background = (float(np.dot(x, x)) for x in (wave, noise))
    return float(np.sqrt(clip / background) * 10 ** (-snr_db / 20)) if background > 0 else 0.0


def amplified(wave: Wave, db: float) -> Wave:
    """The clip `db` louder."""
    return wave * np.float32(10 ** (db / 20))


def equalised(wave: Wave, rate: int, most_db: float, rng: np.random.Generator) -> Wave:
    """The clip through seven bands: a low shelf, five peaks, a high shelf, each up to `most_db` either way.

    Centres are drawn log-uniformly within `BANDS`, and end below half the sample rate.
    """
    last = len(BANDS) - 1
    rows = []
    for place, (low, high) in enumerate(BANDS):
        centre = min(low * (high / low) ** rng.random(), _HIGHEST * rate / 2)
        db, edge = rng.uniform(-most_db, most_db), place in (0, last)
        q = rng.uniform(0.1, 0.999) if edge else rng.uniform(0.5, 5.0)
        kind = "peak" if not edge else "low" if place == 0 else "high"
        rows.append(band(kind, centre, db, q, rate))
    return signal.sosfilt(np.stack(rows), wave).astype(np.float32)


def band(kind: str, centre: float, db: float, q: float, rate: int) -> np.ndarray:
    """A biquad (6,) of second-order sections: a `peak`, or a shelf to the `low` or `high` end, of `db`."""
    a, turn = 10 ** (db / 40), 2 * np.pi * centre / rate
    cos, alpha = np.cos(turn), np.sin(turn) / (2 * q)
    if kind == "peak":
        b = (1 + alpha * a, -2 * cos, 1 - alpha * a)
        c = (1 + alpha / a, -2 * cos, 1 - alpha / a)
    else:
        s = 1 if kind == "low" else -1  # a high shelf is a low one, mirrored at a quarter of the rate
        more, less, root = a + 1, a - 1, 2 * np.sqrt(a) * alpha
        b = (
            a * (more - s * less * cos + root),
            2 * a * s * (less - s * more * cos),
            a * (more - s * less * cos - root),
        )
        c = (more + s * less * cos + root, -2 * s * (less + s * more * cos), more + s * less * cos - root)
    return np.array((*b, *c)) / c[0]


def distorted(wave: Wave, amount: float) -> Wave:
    """The clip through tanh, at the loudness that it had; `amount` (0 to 1) says how much of it is bent."""
    threshold = np.percentile(np.abs(wave), 100 - 99 * amount)
    bent = np.tanh(wave * (0.5 / (threshold + 1e-6)))
    before, after = (float(np.sqrt(np.mean(np.square(x, dtype=np.float64)))) for x in (wave, bent))
    return (bent * (before / after)).astype(np.float32) if before > 1e-9 else wave


def pitched(wave: Wave, rate: int, semitones: float) -> Wave:
    """The clip `semitones` higher, at the same speed."""
    from librosa.effects import pitch_shift  # a second to import, and rarely needed

    return np.asarray(pitch_shift(wave, sr=rate, n_steps=semitones), np.float32)


def band_stopped(wave: Wave, rate: int, rng: np.random.Generator) -> Wave:
    """The clip without a band around a centre of 200 to 4000 Hz, half to twice as wide (Butterworth)."""
    low, high = _STOPPED
    centre = low * (high / low) ** rng.random()
    half = centre * rng.uniform(*_WIDTHS) / 2
    order = int(rng.choice(_ORDERS))
    top = _HIGHEST * rate / 2
    edges = (min(centre - half, top / 2), min(centre + half, top))
    sections = signal.butter(order, edges, "bandstop", fs=rate, output="sos")
    return signal.sosfilt(sections, wave).astype(np.float32)


def coloured(size: int, db_per_octave: float, rng: np.random.Generator) -> Wave:
    """Noise (size,) of unit power; its spectrum rises by `db_per_octave` (-6: brown, 0: white, 6: violet)."""
    spectrum = np.fft.rfft(rng.standard_normal(size))
    places = np.maximum(np.arange(len(spectrum)), 1)  # the mean is treated as the lowest frequency
    noise = np.fft.irfft(spectrum * places ** (db_per_octave / (20 * np.log10(2))), size)
    return (noise / np.sqrt(np.mean(np.square(noise)))).astype(np.float32)


def transition(wave: Wave, rate: int, bounds_db: tuple[float, float], rng: np.random.Generator) -> Wave:
    """The clip at one gain, then at another, both uniform in `bounds_db`, and a fade of 0.2 to 6 s between.

    The fade is linear in decibels; it may begin before the clip and end after it.
    """
    length = max(3, round(rng.uniform(*_FADES) * rate))
    start = int(rng.integers(2 - length, max(3 - length, len(wave) - 1)))
    first, last = rng.uniform(*bounds_db, size=2)
    gains = np.interp(np.arange(len(wave)), (start, start + length), (first, last))
    return (wave * 10 ** (gains / 20)).astype(np.float32)


def scaled(wave: Wave) -> Wave:
    """The clip, divided by its highest peak where that is above full scale."""
    return wave / max(1.0, float(np.abs(wave).max(initial=0.0)))
