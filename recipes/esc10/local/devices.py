"""Writes test clips as made devices would record them: devices.py DATA OUT [RESPONSES].

Each clip of the data directory DATA is written once per device, and once as it is (device `none`). The
devices are made, not measured: filters of an equaliser, and impulse responses that are drawn with a fixed
seed. Each audio file in the folder RESPONSES is one device more. OUT is a data directory with `utt2device`,
for `audionas eval EXP --data OUT --by device`.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from scipy import signal

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter, amount, script
from audionas.core.rng import numpy_rng
from audionas.data import audio, effects, kaldi, responses
from audionas.data.audio import Wave
from audionas.data.groups import write_groups
from audionas.data.responses import Response

Device = Callable[[Wave], Wave]
# shelf or peak, its centre in Hz, decibels, Q
FILTERS = {
    "thin": (("low", 400.0, -18.0, 0.7), ("high", 6000.0, -6.0, 0.7)),
    "dull": (("high", 2000.0, -18.0, 0.7),),
    "peaky": (("peak", 1200.0, 12.0, 3.0), ("peak", 3000.0, -12.0, 2.0)),
}
DECAYS = {"case": 0.004, "room": 0.3}  # seconds in which an impulse response falls by 60 dB
REVERBERANT = 0.5  # energy of what follows the direct sound, which has 1


def main(data: Path, out: Path, folder: Path | None = None) -> None:
    """Write every clip as every device records it; the peak of one that is too loud becomes 1."""
    clips = kaldi.read(data)
    rate = audio.probe(clips[0].audio).rate
    made = devices(rate) | ({} if folder is None else recorded(folder, rate))
    items, groups = [], {}
    for clip in clips:
        wave = audio.read(clip.audio, rate=rate, seconds=clip.seconds, start=clip.start)
        for name, device in made.items():
            key, file = f"{clip.id}-{name}", (out / "audio" / f"{clip.id}-{name}.wav").resolve()
            audio.write(file, effects.scaled(device(wave)), rate)
            items.append(replace(clip, id=key, audio=str(file), start=0.0, sha256=""))
            groups[key] = name
    kaldi.write(out, items)
    write_groups(out, "device", groups)
    Reporter().note(f"{out}: {amount(len(clips), 'clip')}, each by {amount(len(made), 'device')}")


def devices(rate: int) -> Mapping[str, Device]:
    """The made devices by name; each keeps length and time of a clip."""
    found: dict[str, Device] = {"none": lambda wave: wave}
    for name, bands in FILTERS.items():
        sections = np.stack([effects.band(*band, rate) for band in bands])
        found[name] = partial(filtered, sections=sections)
    for name, seconds in DECAYS.items():
        found[name] = partial(responses.heard_through, response=decaying(name, seconds, rate))
    return found


def recorded(folder: Path, rate: int) -> Mapping[str, Device]:
    """A device for the first channel of each impulse response in a folder, in order of their names."""
    read = responses.read_folder(folder, rate, "RESPONSES")
    return {
        f"response{number}": partial(responses.heard_through, response=channels[0])
        for number, channels in enumerate(read, 1)
    }


def filtered(wave: Wave, sections: np.ndarray) -> Wave:
    """The clip through second-order sections."""
    return np.asarray(signal.sosfilt(sections, wave), dtype=np.float32)


def decaying(name: str, seconds: float, rate: int) -> Response:
    """A direct sound, then noise that falls by 60 dB in `seconds`."""
    size = round(seconds * rate)
    tail = numpy_rng("made device", name).standard_normal(size) * 10 ** (-3 * np.arange(size) / size)
    tail *= np.sqrt(REVERBERANT / np.dot(tail, tail))
    return responses.unit([np.concatenate([[1.0], tail])], name)[0]


if __name__ == "__main__":
    with script():
        if len(sys.argv) not in (3, 4):
            raise UserError("usage: devices.py DATA OUT [RESPONSES]")
        main(*map(Path, sys.argv[1:]))
