"""Small data sets of tones and the configs that run on them; `from tests._factory import tones, config`.

The import works in every test file however pytest is started: in its importlib mode pytest itself
makes `tests` a namespace package rooted in the clone.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml

from audionas.core.rng import numpy_rng
from audionas.data import kaldi
from audionas.data.kaldi import Item
from audionas.data.labels import write_labels

CLASSES = ("_silence_", "low", "mid", "high")
SPLITS = ("train", "dev", "test")


def tones(
    folder: Path,
    *,
    classes: Sequence[str] = CLASSES,
    per_class: int = 8,
    speakers: int = 4,
    seconds: float = 1.0,
    rate: int = 16000,
    seed: int = 0,
) -> Path:
    """Write `train`, `dev`, `test`, `noise` and `labels.txt` under `folder`, and return it.

    Each split has `per_class` clips of every class, shared out among `speakers` voices of its own. A
    class is a pitch, a speaker a small change of it; `_silence_` is faint noise. The same arguments
    give the same bytes.
    """
    folder = Path(folder)
    for split in SPLITS:
        items = [
            _clip(folder, split, label, number, classes, speakers, seconds, rate, seed)
            for label in classes
            for number in range(per_class)
        ]
        kaldi.write(folder / split, items)
    noise = folder / "wav" / "noise.wav"
    _store(noise, 0.1 * numpy_rng(seed, "tones", "noise").normal(size=3 * rate), rate)
    kaldi.write(folder / "noise", [Item("noise-0", str(noise), "noise", 0.0, speaker="noise")])
    write_labels(folder, classes)
    return folder


def config(folder: Path, *, file: Path | None = None, **changes: Any) -> Path:
    """Write a config that searches and trains on `tones(folder)` in about a second; return its path.

    `changes` are merged in: `config(folder, name="a", train={"epochs": 1})`. A section given as None is
    left out. Runs go to `exp/` beside the config, which is `conf.yaml` in the parent of `folder`
    unless `file` says otherwise.
    """
    folder = Path(folder).absolute()
    file = Path(file) if file else folder.parent / "conf.yaml"
    plain: dict[str, Any] = {
        "name": "tones",
        "out": str(file.parent / "exp"),
        "threads": 1,
        "device": "cpu",
        "data": {"train": str(folder / "train"), "dev": str(folder / "dev")},
        "features": {"name": "mfcc", "preset": "tc_resnet"},
        "space": {"name": "kws_tc_resnet", "width": 0.25},
        "method": {"name": "noisy_darts"},
        "search": {"epochs": 2, "batch_size": 8},
        "train": {"epochs": 2, "batch_size": 8, "optim": {"lr": 0.05}},
    }
    file.write_text(yaml.safe_dump(_merged(plain, changes), sort_keys=False), encoding="utf-8")
    return file


def tone(
    label: str, speaker: int, number: int, *, classes: Sequence[str], seconds: float, rate: int
) -> np.ndarray:
    """One clip (N,) in [-1, 1]: classes lie an octave apart, voices a twentieth."""
    count = round(seconds * rate)
    rng = numpy_rng("tone", label, speaker, number)
    noise = 0.01 * rng.normal(size=count)
    if label == "_silence_":
        return noise
    octave = [c for c in classes if c != "_silence_"].index(label)
    pitch = 200.0 * 2**octave * (1 + 0.05 * speaker)
    phase = rng.uniform(0, 2 * np.pi)
    return noise + 0.3 * np.sin(2 * np.pi * pitch * np.arange(count) / rate + phase)


def _clip(
    folder: Path,
    split: str,
    label: str,
    number: int,
    classes: Sequence[str],
    speakers: int,
    seconds: float,
    rate: int,
    seed: int,
) -> Item:
    voice = number % speakers
    speaker = f"{split}{voice}"
    key = f"{speaker}-{label}-{number}"
    path = folder / "wav" / f"{key}.wav"
    draw = seed * 1000 + number + 1_000_000 * SPLITS.index(split)  # no two splits share a recording
    wave = tone(label, voice, draw, classes=classes, seconds=seconds, rate=rate)
    _store(path, wave, rate)
    return Item(key, str(path), label, seconds, speaker=speaker)


def _store(path: Path, wave: np.ndarray, rate: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave.astype(np.float32), rate, subtype="PCM_16")


def _merged(plain: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(plain)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = _merged(result[key], value)
        else:
            result[key] = value
    return result
