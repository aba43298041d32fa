"""Impulse responses of rooms and recording devices: read from files, scaled, applied to a clip."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from audionas.core.errors import UserError
from audionas.data import audio
from audionas.data.audio import Wave
from audionas.data.files import listing


class Response(NamedTuple):
    """One channel of an impulse response: `wave` (n,) with energy 1, `direct` the sample of its strongest
    arrival.
    """

    wave: Wave
    direct: int


def read_channels(
    path: Path | str, rate: int, *, start: float = 0.0, seconds: float | None = None
) -> list[Wave]:
    """All channels (n,) of a recording at `rate` Hz, resampled if its rate differs.

    Raises UserError as `audio.read` does.
    """
    channels = range(audio.probe(path).channels)
    return [
        audio.read(path, rate=rate, seconds=seconds, start=start, resample=True, channel=c) for c in channels
    ]


def read_folder(folder: Path | str, rate: int, setting: str) -> list[list[Response]]:
    """The channels of every audio file in a folder, by file in the order of their names.

    Raises one UserError, which names the config's `setting`, if there is no file, or for all files that
    cannot be read or are silent.
    """
    files = listing.sounds(folder, deep=False) if Path(folder).is_dir() else []
    found, problems = [], []
    for file in files:
        try:
            found.append(unit(read_channels(file, rate), f"{setting}: {file}"))
        except UserError as error:
            problems += error.problems
    if not files:
        problems.append(f"{setting}: no audio file in the folder {folder}")
    if problems:
        raise UserError(problems)
    return found


def unit(channels: Sequence[Wave], name: str) -> list[Response]:
    """Scale channels to energy 1, so that a response does not change a clip's loudness on average.

    Raises UserError, with `name` in front, for a silent channel.
    """
    found = []
    for channel in channels:
        wave = np.asarray(channel, dtype=np.float32)
        energy = float(np.dot(wave, wave))
        if energy == 0:
            raise UserError(f"{name}: an impulse response is silent")
        found.append(Response(wave / np.float32(np.sqrt(energy)), int(np.argmax(np.abs(wave)))))
    return found


def heard_through(wave: Wave, response: Response) -> Wave:
    """The clip (N,), convolved; the direct sound keeps its time, and all after the clip's end is cut off."""
    from scipy.signal import fftconvolve  # slow to import: only where responses are used

    whole = fftconvolve(wave, response.wave[: response.direct + len(wave)])
    return whole[response.direct : response.direct + len(wave)].astype(np.float32)
