"""Audio files: read a clip whole or in blocks, probe a file, write one. The only user of soundfile."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from math import gcd
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile

from audionas.core.errors import Problem, UserError
from audionas.core.files import atomic, sha256
from audionas.core.reporter import amount
from audionas.data.files import ffmpeg, headers

Wave = npt.NDArray[np.float32]
Channel = int | Literal["mix"] | None
SUFFIXES = frozenset(  # of what libsndfile reads; ffmpeg.SUFFIXES are the others
    {
        *(".wav", ".wave", ".bwf", ".rf64", ".w64", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf"),
        *(".flac", ".ogg", ".oga", ".opus", ".mp3"),
    }
)
LOUDEST = 4.0  # of samples: decoders exceed full scale by a few dB, integers in a float file by 40 dB or more
QUIETEST = 2.0**-12  # of peaks, -72 dBFS: a converter's own noise; words in eight corpora peak at -54 or more
TOLERANCE = 0.02  # seconds; Kaldi rounds times to frames of 10 ms
_BLOCK = 1 << 20  # frames decoded at a time
_STEP = 0.05  # seconds decoded at a time to find where decoding fails
_MPEG = 2 * 1152  # samples by which the length of an MP3 file may be wrong that does not state it
_ENDLESS = 1 << 62  # frames: libsndfile's word for an unknown length
_DOUBTED = frozenset({".ogg", ".oga", ".opus", ".caf"})  # may hold a coding that libsndfile lacks


class Header(NamedTuple):
    """The form of a file according to its header."""

    seconds: float
    rate: int  # Hz
    channels: int


class Probe(NamedTuple):
    """The facts that a full decode of a file finds."""

    seconds: float
    rate: int  # Hz
    channels: int
    frames: int
    sha256: str
    peak: float  # the largest absolute sample; full scale is 1
    open: bool  # the header leaves the length open, so the file was read to its end


def read(
    path: Path | str,
    *,
    rate: int,
    seconds: float | None,
    start: float = 0.0,
    resample: bool = False,
    channel: Channel = None,
    promised: float = 0.0,
    loud: bool = False,
) -> Wave:
    """The clip `[start, start + seconds)` of a file as float32 (N,) at `rate` Hz.

    A shorter clip is padded with zeros at its end; `seconds=None` reads to the end of the file.
    `channel` picks one channel (from 0) or mixes them all down; mono files need neither.

    Raises:
        UserError: the file is missing, cut off, cannot be decoded, holds no sample at `start` or less than
            the `promised` seconds from there, has samples above LOUDEST (unless `loud`), another sample rate
            (unless `resample`) or several channels (unless `channel` is given).
    """
    with _open(path) as file:
        source_rate = int(file.samplerate)
        _require_rate(path, source_rate, rate, resample)
        wave = _pick(_frames(file, path, start, seconds, promised, loud), path, channel)
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
        return np.ascontiguousarray(_frames(file, path, start, seconds, seconds or 0.0, False).T)


def blocks(
    path: Path | str,
    *,
    rate: int,
    start: float = 0.0,
    seconds: float | None = None,
    block: float = 10.0,
    resample: bool = False,
    channel: Channel = None,
    promised: float = 0.0,
) -> Iterator[Wave]:
    """The clip `[start, start + seconds)` of `read` in pieces of about `block` seconds.

    Only a few blocks are held at a time, so a file may last for hours; nothing is padded. Raises UserError
    as `read` does, errors about the header before the first block is requested.
    """
    with _open(path) as file:
        source_rate, length = int(file.samplerate), int(file.frames)
        first = round(start * source_rate)
        _require_rate(path, source_rate, rate, resample)
        _require_span(file, path, start, promised)
        _pick(np.zeros((0, int(file.channels)), np.float32), path, channel)
        if file.subtype in ("FLOAT", "DOUBLE"):  # others cannot be far too loud: said before hours are spent
            _decode(file, path, round(block * source_rate))
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

    Raises UserError where the file is missing, cut off or not audio.
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

    Raises UserError naming the file where it is missing, broken, cut off, empty, or holds NaN or infinity.
    """
    with _open(path) as file:
        frames, peak = 0, 0.0
        while len(block := _decode(file, path, _BLOCK, loud=True)):
            frames += len(block)
            peak = max(peak, float(np.abs(block).max()))
        rate, channels = int(file.samplerate), int(file.channels)
    if not frames:
        raise UserError(f"{path}: holds no audio (0 samples)")
    return Probe(frames / rate, rate, channels, frames, sha256(path), peak, is_open(path))


def is_open(path: Path | str) -> bool:
    """True where the header leaves the length open, as recorders do that were switched off."""
    sound = headers.sound(path)
    return sound is not None and sound.open


def too_loud(path: Path | str, peak: float) -> Problem:
    """The problem with a file that has samples above LOUDEST, with the command that scales it."""
    scale = next((float(full) for full in (1 << 15, 1 << 23, 1 << 31) if full >= peak), peak)
    command = ffmpeg.conversion(path, "-filter:a", f"volume={1 / scale:.10f}")
    told = "its samples reach {}, but full scale is 1; to scale it: {}"
    return Problem(path, told, f"{peak:.6g}", command)


def write(path: Path | str, wave: Wave, rate: int) -> None:
    """Write (N,) in -1..1 as 16-bit mono WAV, atomically; louder samples are clipped."""
    encoded = BytesIO()  # libsndfile itself would wait for the disk again
    soundfile.write(encoded, wave, rate, subtype="PCM_16", format="WAV")
    with atomic(path) as temporary:
        temporary.write_bytes(encoded.getvalue())


@contextmanager
def _open(path: Path | str) -> Iterator[Any]:
    """The decoder of a file, which is complete as far as that can be known."""
    with ExitStack() as stack:
        if Path(path).suffix.lower() in ffmpeg.SUFFIXES and Path(path).is_file():
            yield _by_ffmpeg(path, stack)
            return
        try:
            sound = headers.sound(path)
            wrong = sound is not None and (sound.open or sound.cut)
            source = stack.enter_context(headers.Mended(path, sound)) if sound and wrong else path
            file = stack.enter_context(soundfile.SoundFile(source))
        except OSError as error:
            why = "no such audio file" if not Path(path).is_file() else f"cannot be read ({error.strerror})"
            raise UserError(f"{path}: {why}") from error
        except soundfile.SoundFileError as error:
            file = _rescued(path, _reason(error) or "unknown coding", stack, error)
        if sound is not None and sound.cut:
            seconds = file.frames / file.samplerate
            raise _cut(path, seconds * sound.promised / max(1, sound.found), seconds)
        yield _judged(file, path, stack)


def _judged(file: Any, path: Path | str, stack: ExitStack) -> Any:
    """The file, if its length is known and it is complete; else ffmpeg's."""
    if file.format == "OGG" and not headers.ended(path):
        raise _without_end(path, file.frames / file.samplerate)
    if file.frames >= _ENDLESS:
        return _rescued(path, "its header does not state its length", stack)
    samples = headers.mpeg(path) if file.format == "MP3" else None
    if samples is not None and abs(samples - file.frames) > _MPEG:
        return _rescued(path, "its header does not state its length, which varies", stack)
    return file


def _rescued(path: Path | str, why: str, stack: ExitStack, error: Exception | None = None) -> Any:
    """ffmpeg's file, where that may know better and is there."""
    known = error is None or Path(path).suffix.lower() in _DOUBTED
    if not Path(path).stat().st_size:
        raise UserError(f"{path}: the file is empty (0 bytes)") from error
    if not headers.ended(path):
        raise _without_end(path, 0.0) from error
    if known and ffmpeg.found():
        return _by_ffmpeg(path, stack)
    convert = f"; to convert it: {ffmpeg.conversion(path)}" if known else ""
    raise UserError(f"{path}: cannot be decoded ({why}){convert}") from error


def _by_ffmpeg(path: Path | str, stack: ExitStack) -> Any:
    return stack.enter_context(soundfile.SoundFile(stack.enter_context(ffmpeg.decoded(path))))


def _without_end(path: Path | str, seconds: float) -> UserError:
    there = f"{seconds:.3f} s are there; to use them: {ffmpeg.conversion(path)}"
    return UserError(f"{path}: cut off: its last page is missing, {there}")


def _cut(path: Path | str, promised: float, found: float) -> UserError:
    return UserError(f"{path}: cut off: its header promises {promised:.3f} s, {found:.3f} s can be decoded")


def _require_rate(path: Path | str, found: int, rate: int, resample: bool) -> None:
    if found != rate and not resample:
        raise UserError(
            f"{path}: its sample rate is {found} Hz, expected {rate} Hz",
            hint="Prepare the data with --resample, or set this rate in the features.",
        )


def _pieces(path: Path | str, first: int, last: int, block: int, channel: Channel) -> Iterator[Wave]:
    """The frames from `first` to `last` at the file's own rate, `block` at a time."""
    with _open(path) as file:
        _seek(file, path, first)
        for place in range(first, last, block):
            piece = _decode(file, path, min(block, last - place))
            if not len(piece):
                return
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


def _decode(file: Any, path: Path | str, frames: int, loud: bool = False) -> npt.NDArray[np.float32]:
    """The next frames, (N, channels)."""
    begin = file.tell()
    rest = int(file.frames) - begin
    wanted = rest if frames < 0 else min(rest, frames)
    try:
        block: npt.NDArray[np.float32] = file.read(wanted, dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        raise _cut(path, file.frames / file.samplerate, _decodable(path)) from error
    guessed = len(block) < wanted and file.format == "MP3" and headers.mpeg(path) is not None
    if len(block) < wanted - (_MPEG if guessed else 0):
        raise _cut(path, file.frames / file.samplerate, (begin + len(block)) / file.samplerate)
    if not np.isfinite(block).all():
        raise UserError(f"{path}: holds samples that are not finite numbers")
    if not loud and len(block) and (peak := float(np.abs(block).max())) > LOUDEST:
        raise UserError(too_loud(path, peak))
    return block


def _require_span(file: Any, path: Path | str, start: float, promised: float) -> None:
    """Refuse a start outside the file, and a file that ends before what was recorded about it."""
    whole = file.frames / file.samplerate
    if not 0 <= round(start * file.samplerate) < max(1, file.frames):
        raise UserError(f"{path}: {start} s lies outside its {whole:.3f} s")
    if start + promised > whole + TOLERANCE:
        raise UserError(f"{path}: lasts {whole:.3f} s, but {start + promised:.3f} s are recorded of it")


def _seek(file: Any, path: Path | str, first: int) -> None:
    try:
        file.seek(first)
    except soundfile.SoundFileError as error:
        raise _cut(path, file.frames / file.samplerate, _decodable(path)) from error


def _decodable(path: Path | str) -> float:
    """Seconds from the begin up to where decoding fails."""
    frames = 0
    with _open(path) as file:
        try:
            while read := len(file.read(max(1, round(_STEP * file.samplerate)), dtype="float32")):
                frames += read
        except soundfile.SoundFileError:
            pass
        return frames / float(file.samplerate)


def _frames(
    file: Any, path: Path | str, start: float, seconds: float | None, promised: float, loud: bool
) -> npt.NDArray[np.float32]:
    """The frames of the clip, (N, channels), at the file's own rate."""
    _require_span(file, path, start, promised)
    if first := round(start * file.samplerate):
        _seek(file, path, first)
    block = _decode(file, path, -1 if seconds is None else round(seconds * file.samplerate), loud)
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
