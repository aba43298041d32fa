"""Clips of a wake word's data: writing them, sound around the word, cutting long recordings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audionas.core.reporter import Reporter
from audionas.data import audio
from audionas.data.audio import Wave
from audionas.data.files.codec import Codec
from audionas.data.kaldi import Item
from audionas.data.labels import OTHER, RATE
from audionas.data.readers import slug


@dataclass(frozen=True)
class ClipJob:
    """The settings of the data, their folder and the keyword: `label` in the data, `text` when spoken."""

    out: Path
    label: str
    text: str
    seconds: float
    seed: int
    reporter: Reporter
    codec: Codec = ""  # through which every recording and voice goes


def written(job: ClipJob, name: str, wave: Wave, label: str, speaker: str, folder: str) -> Item:
    """Write a recording (N,) at 16 kHz as audio/`folder`/`name`.wav. Returns its item."""
    path = job.out / "audio" / folder / f"{name}.wav"
    audio.write(path, wave, RATE)
    return Item(f"{slug(speaker)}-{name}", str(path), label, len(wave) / RATE, speaker=slug(speaker))


def windows(job: ClipJob, item: Item, speaker: str) -> list[Item]:
    """A long recording without the word as consecutive clips; ids begin with the speaker."""
    name = item.id if item.id.startswith(speaker) else f"{speaker}-{item.id}"
    return [
        Item(f"{name}-{number:03d}", item.audio, OTHER, job.seconds, number * job.seconds, speaker=speaker)
        for number in range(int(item.seconds // job.seconds))
    ]


def around(job: ClipJob, long: Sequence[Item], rng: np.random.Generator) -> Wave:
    """A stretch of a long recording, as long as a clip; faint noise where no recording is long enough."""
    wide = [item for item in long if item.seconds > job.seconds]
    if not wide:
        return (0.001 * rng.standard_normal(round(job.seconds * RATE))).astype(np.float32)
    item = wide[int(rng.integers(len(wide)))]
    start = float(rng.uniform(0, item.seconds - job.seconds))
    return audio.read(item.audio, rate=RATE, seconds=job.seconds, start=start)
