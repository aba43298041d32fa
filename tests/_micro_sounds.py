"""Sounds at the edges of 16-bit arithmetic, for front-ends that compute in it."""

import numpy as np

from audionas.core.rng import numpy_rng


def extremes(samples: int = 8000) -> dict[str, np.ndarray]:
    """Waveforms (N,) float32 by name: silence, full scale, what rounds and what overflows."""
    rng, t = numpy_rng("micro sounds"), np.arange(samples)
    single = np.where(
        t % 1920 == 240, -1.0, 0.0
    )  # as its frame's loudest it has no absolute value in 16 bits
    made = {
        "silence": np.zeros(samples),
        "square": np.where((t // 40) % 2, 1.0, -1.0),
        "fastest square": np.where(t % 2, 1.0, -1.0),
        "most": np.full(samples, 1.0),
        "least": np.full(samples, -1.0),
        "least, then silence": np.where(t < samples // 2, -1.0, 0.0),
        "beyond full scale": rng.uniform(-1.5, 1.5, samples),
        "random signs": rng.choice([-1.0, 1.0], samples),
        "one step": rng.integers(-1, 2, samples) / 32768,
        "halves of steps": (rng.integers(-200, 200, samples) + 0.5) / 32768,
        "sine": np.sin(2 * np.pi * t / 16),
        "chirp": np.sin(2 * np.pi * 8000 / samples * t**2 / 32000),
        "swelling noise": rng.normal(0, 1, samples) * np.geomspace(1e-5, 1, samples),
        "noise that stops": rng.normal(0, 0.3, samples) * ((t // 1500) % 2),
        "an impulse": single,
        "an impulse up": -single,
    }
    return {name: wave.astype(np.float32) for name, wave in made.items()}
