"""Audio files: read a clip whole or in blocks, probe a file, write one. The only user of soundfile."""

from collections.abc import Iterator
from io import BytesIO
from math import gcd
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile

from audionas.core.errors import UserError
from audionas.core.files import atomic, sha256
from audionas.core.reporter import amount

Wave = npt.NDArray[np.float32]
Channel = int | Literal["mix"] | None
SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au"})
_BLOCK = 1 << 20  # frames decoded at a time


class Probe(NamedTuple):
    """The facts that a full decode of a file finds."""

    seconds: float
    rate: int  # Hz
    channels: int
    frames: int
    sha256: str


class Header(NamedTuple):
    """The form of a file as its header gives it."""

    seconds: float
    rate: int  # Hz
    channels: int


def read(
    path: Path | str,
    *,
    rate: int,
    seconds: float | None,
    start: float = 0.0,
    resample: bool = False,
    channel: Channel = None,
) -> Wave:
    """The clip `[start, start + seconds)` of a file as float32 (N,) at `rate` Hz.

    A shorter clip is padded with zeros at its end; `seconds=None` reads to the end of the file.
    `channel` picks one channel (from 0) or mixes them all down; mono files need neither.

    Raises:
        UserError: the file is missing, cannot be decoded, holds no sample at `start`, has another
            sample rate (unless `resample`) or several channels (unless `channel` is given).
    """
    with _open(path) as file:
        source_rate = int(file.samplerate)
        _require_rate(path, source_rate, rate, resample)
        wave = _pick(_frames(file, path, start, seconds), path, channel)
    if source_rate != rate:
        wave = resampled(wave, source_rate, rate)
    return wave if seconds is None else fitted(wave, round(seconds * rate))


def read_channels(
    path: Path | str, *, rate: int, channels: int, start: float = 0.0, seconds: float | None = None
) -> Wave:
    """All channels of a file, separately, (channels, N) float32; like `read`, but nothing is padded.

    Raises UserError as `read` does, and where the file has another number of channels.
    """
    with _open(path) as file:
        if int(file.samplerate) != rate:
            raise UserError(f"{path}: its sample rate is {file.samplerate} Hz, expected {rate} Hz")
        if int(file.channels) != channels:
            raise UserError(
                f"{path}: has {amount(file.channels, 'channel')}, expected {channels}",
                hint="data.channels is the number of channels of each recording.",
            )
        return np.ascontiguousarray(_frames(file, path, start, seconds).T)


def blocks(
    path: Path | str,
    *,
    rate: int,
    start: float = 0.0,
    seconds: float | None = None,
    block: float = 10.0,
    resample: bool = False,
    channel: Channel = None,
) -> Iterator[Wave]:
    """The clip `[start, start + seconds)` of `read` in pieces of about `block` seconds.

    Only a few blocks are held at a time, so a file may last for hours; nothing is padded. Raises UserError
    as `read` does, errors about the header before the first block is requested.
    """
    with _open(path) as file:
        source_rate, length = int(file.samplerate), int(file.frames)
        first = round(start * source_rate)
        _require_rate(path, source_rate, rate, resample)
        if not 0 <= first < max(1, length):
            raise UserError(f"{path}: {start} s lies outside its {length / source_rate:.3f} s")
        _pick(np.zeros((0, int(file.channels)), np.float32), path, channel)
    last = length if seconds is None else min(length, first + round(seconds * source_rate))
    if last <= first:
        raise UserError(f"{path}: holds no audio (0 samples)")
    pieces = _pieces(path, first, last, max(1, round(block * source_rate)), channel)
    return pieces if source_rate == rate else _resampled_pieces(pieces, source_rate, rate)


def fitted(wave: Wave, samples: int) -> Wave:
    """`wave` (N,) cut to `samples`, or padded with zeros at its end."""
    return wave[:samples] if len(wave) >= samples else np.pad(wave, (0, samples - len(wave)))


def resampled(wave: Wave, source_rate: int, rate: int) -> Wave:
    """`wave` (N,) at another rate by polyphase filtering (scipy's `resample_poly`)."""
    from scipy.signal import resample_poly  # half a second to import, and rarely needed

    shared = gcd(source_rate, rate)
    converted: Wave = resample_poly(wave, rate // shared, source_rate // shared).astype(np.float32)
    return converted


def header(path: Path | str) -> Header:
    """The form of a file according to its header. Raises UserError where it is missing or is not audio."""
    with _open(path) as file:
        rate = int(file.samplerate)
        return Header(float(file.frames) / rate, rate, int(file.channels))


def length(path: Path | str) -> float:
    """Seconds of audio according to the file's header.

    Raises UserError where the file is missing or is not audio.
    """
    return header(path).seconds


def silent(path: Path | str) -> bool:
    """True where every sample of a file is zero. Raises UserError where it cannot be decoded."""
    with _open(path) as file:
        while len(block := _decode(file, path, _BLOCK)):
            if block.any():
                return False
    return True


def probe(path: Path | str) -> Probe:
    """Decode a file completely and hash its bytes.

    Raises UserError naming the file where it is missing, broken, empty, or holds NaN or infinity.
    """
    with _open(path) as file:
        frames, whole = 0, int(file.frames)
        while frames < whole:
            block = _decode(file, path, _BLOCK)
            if not len(block):
                break
            frames += len(block)
        rate, channels = int(file.samplerate), int(file.channels)
    if not whole:
        raise UserError(f"{path}: holds no audio (0 samples)")
    if frames != whole:
        raise UserError(f"{path}: cut off: {frames} of {whole} samples can be decoded")
    return Probe(frames / rate, rate, channels, frames, sha256(path))


def write(path: Path | str, wave: Wave, rate: int) -> None:
    """Write (N,) in -1..1 as 16-bit mono WAV, atomically; louder samples are clipped."""
    encoded = BytesIO()  # libsndfile itself would wait for the disk again
    soundfile.write(encoded, wave, rate, subtype="PCM_16", format="WAV")
    with atomic(path) as temporary:
        temporary.write_bytes(encoded.getvalue())


def _open(path: Path | str) -> Any:
    try:
        return soundfile.SoundFile(path)
    except soundfile.SoundFileError as error:
        if not Path(path).is_file():
            raise UserError(f"{path}: no such audio file") from error
        if not Path(path).stat().st_size:
            raise UserError(f"{path}: the file is empty (0 bytes)") from error
        raise UserError(f"{path}: cannot be decoded ({_reason(error)})") from error


def _require_rate(path: Path | str, found: int, rate: int, resample: bool) -> None:
    if found != rate and not resample:
        raise UserError(
            f"{path}: its sample rate is {found} Hz, expected {rate} Hz",
            hint="Prepare the data with --resample, or set this rate in the features.",
        )


def _pieces(path: Path | str, first: int, last: int, block: int, channel: Channel) -> Iterator[Wave]:
    """The frames from `first` to `last` at the file's own rate, `block` at a time."""
    with _open(path) as file:
        file.seek(first)
        for place in range(first, last, block):
            piece = _decode(file, path, min(block, last - place))
            if not len(piece):
                raise UserError(f"{path}: cut off: {place} of {last} samples can be decoded")
            yield _pick(piece, path, channel)


def _resampled_pieces(pieces: Iterator[Wave], source_rate: int, rate: int) -> Iterator[Wave]:
    """Resample piece by piece: each is filtered with the samples around it that the filter reaches."""
    shared = gcd(source_rate, rate)
    up, down = rate // shared, source_rate // shared
    reach = down * -(
        -(10 * max(up, down) // up + 1) // down
    )  # scipy's filter has 10 max(up, down) taps per side
    kept, before = np.zeros(0, np.float32), 0  # `before` samples of those kept were already yielded
    for piece in pieces:
        kept = np.concatenate((kept, piece))
        ready = (len(kept) - reach - before) // down * down
        if ready <= 0:
            continue
        wave = resampled(kept[: before + ready + reach], source_rate, rate)
        yield wave[before * up // down : (before + ready) * up // down]
        cut = max(0, before + ready - reach)
        kept, before = kept[cut:], before + ready - cut
    wave = resampled(kept, source_rate, rate)[before * up // down :] if len(kept) else kept
    if len(wave):
        yield wave


def _decode(file: Any, path: Path | str, frames: int) -> npt.NDArray[np.float32]:
    """The next frames, (N, channels)."""
    try:
        block: npt.NDArray[np.float32] = file.read(frames, dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        raise UserError(f"{path}: cannot be decoded ({_reason(error)})") from error
    if not np.isfinite(block).all():
        raise UserError(f"{path}: holds samples that are not finite numbers")
    return block


def _frames(file: Any, path: Path | str, start: float, seconds: float | None) -> npt.NDArray[np.float32]:
    """The frames of the clip, (N, channels), at the file's own rate."""
    first = round(start * file.samplerate)
    if not 0 <= first < max(1, file.frames):
        raise UserError(f"{path}: {start} s lies outside its {file.frames / file.samplerate:.3f} s")
    if first:
        file.seek(first)
    block = _decode(file, path, -1 if seconds is None else round(seconds * file.samplerate))
    if not len(block):
        raise UserError(f"{path}: holds no audio (0 samples)")
    return block


def _pick(block: npt.NDArray[np.float32], path: Path | str, channel: Channel) -> Wave:
    """Turn (N, channels) into (N,)."""
    channels = block.shape[1]
    if channel == "mix" and channels > 1:
        mixed: Wave = block.mean(axis=1, dtype=np.float32)
        return mixed
    if isinstance(channel, int) and not 0 <= channel < channels:
        raise UserError(
            f"{path}: has {amount(channels, 'channel')}, so no channel {channel} (counted from 0)"
        )
    if channel is None and channels > 1:
        raise UserError(
            f"{path}: has {amount(channels, 'channel')}, expected one",
            hint="Prepare the data with --resample, which mixes the channels down.",
        )
    return block[:, channel if isinstance(channel, int) else 0]


def _reason(error: Exception) -> str:
    """libsndfile's message without the path that it repeats."""
    return str(getattr(error, "error_string", error)).strip().rstrip(".")
