"""The sound of clips inside a page: small WAV files as text, at most a fixed number of bytes."""

import base64
import io
import wave
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

MOST = 750_000  # bytes of all sounds in a page, as text: some 18 seconds at 16 kHz


def wav(samples: npt.NDArray[np.floating], rate: int) -> bytes:
    """A mono WAV file with 16 bits of `samples` (n,) from -1 to 1; louder ones are cut off."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return stream.getvalue()


def addresses(sounds: Iterable[bytes], most: int = MOST) -> list[str]:
    """A data URI for each sound; empty for an empty one and for those that do not fit any more."""
    found = []
    for sound in sounds:
        text = f"data:audio/wav;base64,{base64.b64encode(sound).decode()}" if sound else ""
        fits = len(text) <= most
        most -= len(text) if fits else 0
        found.append(text if fits else "")
    return found
