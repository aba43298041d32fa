"""eSpeak NG's voices: their speech as sound and as phonemes. The extra `mini` includes eSpeak NG."""

import json
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audionas.core.errors import UserError
from audionas.core.extras import install

RATE = 16_000  # Hz of the output
ACCENTS = (  # British is called "en"
    *("en", "en-029", "en-gb-scotland", "en-gb-x-gbclan"),
    *("en-gb-x-gbcwmd", "en-gb-x-rp", "en-us", "en-us-nyc"),
)

Wave = npt.NDArray[np.float64]
Prosody = Mapping[str, str | int]  # word, rate, pitch, pitch_range, seed


class Engine(NamedTuple):
    """The paths of eSpeak NG's library and data in the wheel."""

    library: str
    data: str


def find_engine() -> Engine:
    """eSpeak NG in the wheel espeakng-loader. Raises UserError where that is not installed."""
    try:
        import espeakng_loader  # an extra
    except ImportError as error:
        raise UserError(
            "eSpeak NG speaks the embedded data set, and it is not installed",
            hint=f"Run: {install('mini')}   (eSpeak NG is licensed under GPL-3.0)",
        ) from error
    return Engine(espeakng_loader.get_library_path(), espeakng_loader.get_data_path())


def voice_variants(engine: Engine) -> list[str]:
    """The names of all variants, sorted."""
    return sorted(file.name for file in (Path(engine.data) / "voices" / "!v").iterdir())


@contextmanager
def short_path(engine: Engine) -> Iterator[Engine]:
    """Give eSpeak NG a link: it refuses data under a path of more than about 160 characters."""
    with tempfile.TemporaryDirectory(prefix="audionas-") as folder:
        link = Path(folder) / "espeak-ng-data"
        link.symlink_to(engine.data)
        yield Engine(engine.library, str(link))


def said(voice: str, utterances: Sequence[Prosody], engine: Engine) -> list[Wave]:
    """Utterances of one voice, such as `en-us+f2`, at 16 kHz without the silence around them.

    Request all utterances of a voice at once and in one order: each depends on those before it.
    Raises UserError where the engine fails.
    """
    from scipy.signal import resample_poly  # the import takes half a second

    out = _worker(engine, voice, {"utterances": list(utterances)})
    return [_trimmed(resample_poly(pcm / 2.0**15, 320, 441)) for pcm in _parts(out)]


def phonemes(texts: Sequence[str], engine: Engine, voice: str = "en-us") -> list[tuple[str, ...]]:
    """The phonemes of each text in IPA, without stress. Raises UserError where the engine fails."""
    found = json.loads(_worker(engine, voice, {"texts": list(texts)}))
    return [tuple(p for part in line.split() for p in part.split("_") if p) for line in found]


def _worker(engine: Engine, voice: str, job: Mapping[str, object]) -> bytes:
    worker = Path(__file__).with_name("espeak.py")
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(worker)],
        input=json.dumps({**engine._asdict(), "voice": voice, **job}).encode(),
        capture_output=True,
    )
    if done.returncode != 0:
        raise UserError(f"eSpeak NG, voice {voice}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _parts(stream: bytes) -> Iterator[Wave]:
    position = 0
    while position < len(stream):
        (size,) = struct.unpack_from("=I", stream, position)
        yield np.frombuffer(stream, np.int16, size // 2, position + 4).astype(np.float64)
        position += 4 + size


def _trimmed(speech: Wave) -> Wave:
    """The speech without both ends where it is 40 dB below the peak."""
    loud = np.flatnonzero(np.abs(speech) > 0.01 * np.abs(speech).max(initial=0.0))
    return speech[loud[0] : loud[-1] + 1] if loud.size else speech[:0]
