"""Lossy codecs: the one that a file was coded with, labels that differ in it, a sound passed through one.

Where one class has a codec of its own, a network may learn the codec in place of the sound.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import soundfile

from audionas.core.errors import UserError

Codec = Literal["", "opus", "vorbis"]
LOSSLESS = "none"
_LOSSY = {"OPUS": "opus", "VORBIS": "vorbis"} | {f"MPEG_LAYER_{n}": "mp3" for n in ("I", "II", "III")}
_OTHERS = {".m4a": "aac", ".aac": "aac", ".mp4": "aac", ".wma": "wma", ".amr": "amr", ".webm": "opus"}
_BLOCK = 1 << 15  # samples coded per call: minutes of Vorbis at once overflow the stack of libsndfile
_DIFFERENT = 0.1  # of the shares of two labels


def named(name: str) -> Codec:
    """The codec of this name, or none. Raises UserError for another name."""
    found: dict[str, Codec] = {known: known for known in get_args(Codec)}
    if name not in found:
        raise UserError(f"--codec {name}: expected opus or vorbis")
    return found[name]


def of(path: Path | str) -> tuple[str, float]:
    """The codec of a file by its header, else by its name (opus, vorbis, mp3 and others, or `none`), and its
    seconds, 1 where the header cannot be read here.
    """
    try:
        found = soundfile.info(str(path))
    except (soundfile.LibsndfileError, OSError):
        return _OTHERS.get(Path(path).suffix.lower(), LOSSLESS), 1.0
    return _LOSSY.get(found.subtype, LOSSLESS), found.frames / found.samplerate


def through(wave: npt.NDArray[np.float32], rate: int, codec: Codec) -> npt.NDArray[np.float32]:
    """A sound (N,) at `rate` Hz, coded by its defaults and decoded, (N,); without a codec as it is.

    The result depends on the sound alone. Opus takes 8, 12, 16, 24 and 48 kHz.
    """
    if not codec or not len(wave):
        return wave
    store = BytesIO()
    with soundfile.SoundFile(store, "w", rate, 1, codec.upper(), format="OGG") as file:
        for first in range(0, len(wave), _BLOCK):
            file.write(wave[first : first + _BLOCK].clip(-1, 1))
    store.seek(0)
    found: npt.NDArray[np.float32] = soundfile.read(store, dtype="float32")[0]
    return found


def difference(paths: Mapping[str, Iterable[Path | str]]) -> str:
    """The codecs by label in words, where a codec's share of the time differs by a tenth; else empty.

    `paths` are the files by label.
    """
    seconds: dict[str, dict[str, float]] = {label: defaultdict(float) for label in paths}
    for label, files in paths.items():
        for codec, length in map(of, files):
            seconds[label][codec] += length
    shares: dict[str, dict[str, float]] = defaultdict(dict)
    for codec in sorted({codec for each in seconds.values() for codec in each}):
        for label, each in seconds.items():
            shares[codec][label] = each.get(codec, 0.0) / max(1e-9, sum(each.values()))
    if all(max(each.values()) - min(each.values()) < _DIFFERENT for each in shares.values()):
        return ""
    told = (f"{codec} in {_most(each)}" for codec, each in shares.items())
    return f"labels differ in their lossy codec, and a network may learn that: {'; '.join(told)}"


def _most(shares: Mapping[str, float]) -> str:
    """The labels with the least and the greatest share."""
    low, high = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
    return f"{shares[low]:.0%} of {low} and {shares[high]:.0%} of {high}"
