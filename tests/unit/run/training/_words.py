"""A made word among other tones, from two sources, and continuous noise without it."""

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from audionas.core.rng import numpy_rng
from audionas.data import kaldi
from audionas.data.groups import write_groups
from audionas.data.kaldi import Item
from tests._factory import config, tones

LABELS = ("_other_", "word")
SOURCES = {"near": {"sampling": 3, "penalty": 0.5}, "far": {"sampling": 1, "penalty": 2.0}}
EVERYTHING: dict[str, Any] = {
    "augment": {
        "noise": "",
        "noise_snr_db": [-5, 10],
        "noise_probability": 0.75,
        "gain_db": [-45, 0],
        "equaliser_db": 6,
        "equaliser_probability": 0.3,
        "distortion": [1.0e-4, 0.1],
        "distortion_probability": 0.3,
        "band_stop_probability": 0.3,
        "colour_snr_db": [10, 30],
        "colour_probability": 0.3,
        "transition_db": [-10, 10],
        "transition_probability": 0.3,
        "order": "micro_wake_word",
        "peaks": "scaled",
    },
    "train": {"sources": SOURCES, "class_weight": {"_other_": 20}, "select": "average_viable_recall"},
}


def words(folder: Path, *, seconds: float = 20.0, seed: int = 0) -> Path:
    """`tones` of the word and another, `utt2source` of two sources, and `ambient`: `seconds` of noise."""
    data = tones(folder, classes=LABELS, per_class=6, speakers=3, seed=seed)
    items = kaldi.read(data / "train")
    write_groups(
        data / "train",
        "source",
        {item.id: ("near", "far")[place % 3 == 0] for place, item in enumerate(items)},
    )
    rows = []
    for number, length in enumerate((seconds - 0.4, 0.4)):
        path = data / "wav" / f"ambient-{number}.wav"
        noise = 0.05 * numpy_rng(seed, "ambient", number).normal(size=round(16000 * length))
        soundfile.write(path, noise.astype(np.float32), 16000, subtype="PCM_16")
        rows.append(Item(f"ambient-{number}", str(path), "_other_", 0.0, speaker="ambient"))
    kaldi.write(data / "ambient", rows)
    return data


def word_config(data: Path, /, **changes: Any) -> Path:
    """A config that trains a small network on `words`, choosing by average viable recall."""
    made: dict[str, Any] = {"arch": "tc_resnet8", "space": None, "method": None, **changes}
    made["data"] = {
        "ambient": str(data / "ambient"),
        "labels": str(data / "labels.txt"),
        **changes.get("data", {}),
    }
    made["train"] = {
        "epochs": 3,
        "batch_size": 4,
        "select": "average_viable_recall",
        **changes.get("train", {}),
    }
    return config(data, **made)
