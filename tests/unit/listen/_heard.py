"""A trained run that listens: its exported file, clips of the made word, and long audio without it."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from audionas.core.rng import numpy_rng
from audionas.data import audio
from audionas.export.onnx_stream import export
from audionas.features import Features
from audionas.models.bundle import ModelBundle
from tests import _wake


class Heard(NamedTuple):
    """A run folder with an exported file, a folder a keyword, and a folder of long recordings."""

    exp: Path
    clips: Path
    long: Path


def made(folder: Path) -> Heard:
    """Train, export to stream, and write 24 clips (of which 12 are no keyword) and two minutes of sound."""
    features = Features(name="logmel", preset="bc_resnet")
    exp = _wake.trained(folder / "exp" / "made", features, steps=128, clips=1024)
    export(ModelBundle.load(exp / "model"), exp / "export" / "model.stream.onnx")
    rng = numpy_rng("heard")
    for label, positive in (("word", True), ("_other_", False)):
        for number in range(12):
            wave = _wake.clip(rng, positive=positive)
            audio.write(folder / "clips" / label / f"v{number % 4}_{number}.wav", wave, _wake.RATE)
    for number in range(4):
        others = np.arange(1.5, 28, 1.7).tolist()
        wave = _wake.audio(30, [], seed=number, others=others)
        audio.write(folder / "long" / f"room {number}.wav", wave, _wake.RATE)
    return Heard(exp, folder / "clips", folder / "long")
