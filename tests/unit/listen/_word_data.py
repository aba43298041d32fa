"""Data directories of the made wake word, and a run folder that looks trained on them."""

from pathlib import Path

import numpy as np
import soundfile

from audionas.config import dump
from audionas.core.files import write_text
from audionas.core.rng import numpy_rng
from audionas.data import kaldi
from audionas.data.kaldi import Item
from audionas.data.labels import write_labels
from audionas.features import Features
from tests._wake import LABELS, RATE, clip, trained

FEATURES = Features(name="logmel", preset="bc_resnet", center=False)


def data(folder: Path, clips: int = 24) -> Path:
    """`train` and `dev` of so many clips each, every other one with the word, four speakers."""
    for split in ("train", "dev"):
        rng, items = numpy_rng("word data", split), []
        for number in range(clips):
            file = folder / "wav" / f"{split}{number}.wav"
            file.parent.mkdir(parents=True, exist_ok=True)
            wave = clip(rng, positive=number % 2 == 0)
            soundfile.write(file, np.round(wave * 32768).clip(-32768, 32767).astype(np.int16), RATE)
            speaker = f"{split}{number % 4}"
            items.append(Item(f"{speaker}-{number}", str(file), LABELS[number % 2], 0.0, speaker=speaker))
        kaldi.write(folder / split, items)
    write_labels(folder, LABELS)
    return folder


def run(folder: Path, directories: Path, **params: object) -> Path:
    """A trained network with the config of its training, as `audionas train` leaves them."""
    trained(folder, FEATURES, **params)
    conf = {
        "name": "word",
        "out": str(folder.parent),
        "data": {"train": str(directories / "train"), "dev": str(directories / "dev")},
        "features": {"name": "logmel", "preset": "bc_resnet", "center": False},
        "train": {"epochs": 4, "batch_size": 8, "optim": {"name": "adam", "lr": 0.005}},
    }
    write_text(folder / "train" / "config.yaml", dump(conf))
    return folder
