"""A made wake word, two rising tones in noise, and a small causal network that learns it in seconds.

Not the word are tones that fall, single tones, noise and silence.
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from audionas.core.arch import InputSpec
from audionas.core.registry import resolve
from audionas.core.rng import numpy_rng, seed_torch
from audionas.features import Features, build
from audionas.models.bundle import ModelBundle

LABELS = ("word", "_other_")
RATE = SAMPLES = 16000


def word(rng: np.random.Generator, *, rises: bool = True) -> np.ndarray:
    """0.5 s of two tones, the second a fifth above the first, or below; float32 in [-1, 1]."""
    low = rng.uniform(400, 700)
    pair = (low, 1.5 * low) if rises else (1.5 * low, low)
    time = np.arange(RATE // 4) / RATE
    tones = [np.sin(2 * np.pi * pitch * time) * np.hanning(len(time)) for pitch in pair]
    return (rng.uniform(0.2, 0.5) * np.concatenate(tones)).astype(np.float32)


def clip(rng: np.random.Generator, *, positive: bool) -> np.ndarray:
    """A second with the word at its end, or with something else."""
    sound = rng.normal(0, 0.01, SAMPLES).astype(np.float32)
    if positive or rng.random() < 0.6:
        part = word(rng, rises=positive)
        at = SAMPLES - len(part) - rng.integers(0, 2400)
        sound[at : at + len(part)] += part
        if not positive and rng.random() < 0.3:
            sound[at + len(part) // 2 :] = 0.01
    return sound


def audio(
    seconds: float, words: list[float], *, seed: int = 0, others: list[float] | None = None
) -> np.ndarray:
    """Continuous noise with the word beginning at the seconds `words`, a falling pair at `others`."""
    rng = numpy_rng("made word", "audio", seed)
    sound = rng.normal(0, 0.01, round(seconds * RATE)).astype(np.float32)
    for rises, starts in ((True, words), (False, others or [])):
        for start in starts:
            part, at = word(rng, rises=rises), round(start * RATE)
            sound[at : at + len(part)] += part[: len(sound) - at]
    return sound


def trained(
    folder: Path,
    features: Features,
    *,
    space: str = "kws_tc_resnet",
    steps: int = 60,
    clips: int = 128,
    **params: object,
) -> Path:
    """A run folder with a trained bundle: a random architecture of `space`, with `params` (causal=True).

    128 clips teach it themselves; with 1,024 and 128 steps it hears the word in new sound as well.
    """
    rng = numpy_rng("made word", "clips")
    front_end = build(features)
    positive = np.arange(clips) % 2 == 0
    waves = torch.from_numpy(np.stack([clip(rng, positive=bool(p)) for p in positive]))
    target = torch.from_numpy(np.where(positive, 0, 1))
    with torch.random.fork_rng(devices=[]):
        seed_torch("made word")
        x = front_end(waves)
        if front_end.foreign:  # it adapts: most clips are heard after two others, as in a stream
            before = [waves[torch.from_numpy(rng.permutation(len(waves)))] for _ in range(2)]
            later = front_end(torch.cat((*before, waves), 1))[..., -x.shape[3] :]
            x = torch.where(torch.arange(len(waves)).reshape(-1, 1, 1, 1) % 8 > 1, later, x)
        mean, std = x.mean((0, 1, 3)), x.std((0, 1, 3)).clamp(min=0.1)
        x = (x - mean.reshape(-1, 1)) / std.reshape(-1, 1)
        built = resolve("space", space)(causal=True, **(params or {"width": 0.5, "se": "none"}))
        spec = built.sample(numpy_rng("made word", "spec"), InputSpec(1, *x.shape[2:], len(LABELS)))
        net = built.build(spec).train()
        adam = torch.optim.Adam(net.parameters(), 0.005)
        for step in range(steps):
            part = slice(32 * (step % (clips // 32)), 32 * (step % (clips // 32)) + 32)
            loss = functional.cross_entropy(net(x[part]), target[part])
            adam.zero_grad()
            loss.backward()
            adam.step()
        note = {"name": "made", "seed": 0}
        bundle = ModelBundle(spec, features, LABELS, SAMPLES, mean, std, dict(net.state_dict()), note)
        bundle.save(folder / "model")
        spec.save(folder / "arch.json")
        share = (net.eval()(x).argmax(1) == target).float().mean()
    assert steps < 10 or share > 0.97, f"the made word was not learned: {share:.2f}"
    return folder
