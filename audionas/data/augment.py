"""Augmentation of waveforms while training: speed, room, shift, gain and background noise.

Everything drawn for a clip is a pure function of (seed, epoch, utterance), so any number of workers, a
resumed run and a run on another machine hear the same clips.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple, TypeVar

import numpy as np

from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.core.strict import Strict
from audionas.data import audio, kaldi
from audionas.data.audio import Wave
from audionas.data.kaldi import Item

SILENCE = "_silence_"
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Augment(Strict):
    """Which augmentations a training clip meets; all off by default.

    `shift_ms`: shifted by up to that much either way, zeros move in. `noise`: a data directory of
    background recordings; with `noise_probability` a random crop is added at a gain uniform in
    0..`noise_volume`, as in Speech Commands' protocol, or at a signal-to-noise ratio uniform in
    `noise_snr_db`. `silence_volume`: clips labelled `_silence_` always receive noise, at a gain uniform in
    0..`silence_volume`. `speed`: played faster by a factor in this range (the pitch moves too). `gain_db`:
    louder by that much. `rir`: a data directory of room impulse responses, applied with `rir_probability`.
    """

    shift_ms: float = 0.0
    noise: str = ""
    noise_probability: float = 0.8
    noise_volume: float = 0.1
    noise_snr_db: tuple[float, float] | None = None
    silence_volume: float | None = None
    speed: tuple[float, float] | None = None
    gain_db: tuple[float, float] | None = None
    rir: str = ""
    rir_probability: float = 0.0

    @property
    def active(self) -> bool:
        """Whether any clip can change: if not, stored features serve as well."""
        return any((self.shift_ms, self.noise, self.speed, self.gain_db, self.rir))

    def __post_init__(self) -> None:
        if problems := self._problems():
            raise UserError(problems)

    def _problems(self) -> list[str]:
        """Every setting that is out of range or has no effect."""
        ranges = {"noise_snr_db": self.noise_snr_db, "speed": self.speed, "gain_db": self.gain_db}
        low = {f.name: getattr(self, f.name) for f in fields(self) if f.name in _NOT_NEGATIVE}
        broken = {
            **{f"{k}: {v} is below 0": v is not None and v < 0 for k, v in low.items()},
            **{f"{k}: {v} is above 1": v > 1 for k, v in low.items() if k.endswith("probability")},
            **{f"{k}: {v[0]:g} is above {v[1]:g}": v[0] > v[1] for k, v in ranges.items() if v},
            f"speed: {self.speed} is not above 0": bool(self.speed and self.speed[0] <= 0),
            "noise_snr_db: has no effect without noise": bool(self.noise_snr_db and not self.noise),
            "silence_volume: has no effect without noise": self.silence_volume is not None and not self.noise,
            "rir: has no effect at rir_probability 0": bool(self.rir) and self.rir_probability == 0,
            "rir_probability: has no effect without rir": self.rir_probability > 0 and not self.rir,
        }
        return [f"augment.{text}" for text, is_broken in broken.items() if is_broken]


_NOT_NEGATIVE = ("shift_ms", "noise_probability", "noise_volume", "silence_volume", "rir_probability")


class _Draws(NamedTuple):
    """Uniform numbers in [0, 1), drawn for every clip in this order, whether they are used or not.

    So switching one augmentation on or off leaves the others' draws as they were.
    """

    speed: float
    rir: float  # below rir_probability: applied
    room: float  # which response
    channel: float  # which of its channels
    shift: float
    gain: float
    noise: float  # below noise_probability: added
    recording: float
    crop: float
    level: float  # volume or signal-to-noise ratio


class WaveAugment:
    """Applies an `Augment`: speed, room, shift, gain, noise, in this order, then clips to [-1, 1].

    Noise (recordings (n,)) and rooms (responses (channels, n)) are read from the directories that `conf`
    names and held in memory, unless they are given here, at `rate`. Responses of another rate are always
    resampled, noise only with `resample`. Raises one UserError for all recordings that cannot be read.
    """

    def __init__(
        self,
        conf: Augment,
        rate: int,
        seed: int,
        resample: bool = False,
        *,
        noises: Sequence[Wave] | None = None,
        rooms: Sequence[Wave] | None = None,
    ) -> None:
        if conf.noise and noises is None:
            noises = _read_all(conf.noise, lambda item: _noise(item, rate, resample))
        if conf.rir and rooms is None:
            rooms = _read_all(conf.rir, lambda item: _response(item, rate))
        self.conf, self.rate, self.seed = conf, rate, seed
        self.noises = [np.asarray(noise, dtype=np.float32) for noise in noises or ()]
        self.rooms = [[_unit_room(channel) for channel in room] for room in rooms or ()]

    def __call__(self, wave: Wave, *, epoch: int, id: str, label: str) -> Wave:
        """The clip (N,) float32 as training hears it in this epoch; same length, in [-1, 1]."""
        if not self.conf.active:
            return wave
        draw = _Draws(*numpy_rng(self.seed, "augment", epoch, id).random(len(_Draws._fields)).tolist())
        conf = self.conf
        if conf.speed:
            wave = _faster(wave, _between(conf.speed, draw.speed))
        if conf.rir and draw.rir < conf.rir_probability:
            channels = _pick(self.rooms, draw.room)
            wave = _in_room(wave, _pick(channels, draw.channel))
        if conf.shift_ms:
            most = round(conf.shift_ms * self.rate / 1000)
            wave = _shifted(wave, int(draw.shift * (2 * most + 1)) - most)
        if conf.gain_db:
            wave = wave * np.float32(10 ** (_between(conf.gain_db, draw.gain) / 20))
        if conf.noise:
            wave = self._with_noise(wave, draw, label)
        return np.clip(wave, -1.0, 1.0)

    def _with_noise(self, wave: Wave, draw: _Draws, label: str) -> Wave:
        conf = self.conf
        silence = conf.silence_volume if label == SILENCE else None
        if silence is None and draw.noise >= conf.noise_probability:
            return wave
        crop = _crop(_pick(self.noises, draw.recording), len(wave), draw.crop)
        if silence is not None:
            gain = silence * draw.level
        elif conf.noise_snr_db:
            gain = _gain_for(wave, crop, _between(conf.noise_snr_db, draw.level))
        else:
            gain = conf.noise_volume * draw.level
        return wave + crop * np.float32(gain)


def _read_all(directory: str, read: Callable[[Item], Wave]) -> list[Wave]:
    """Every utterance of a data directory; the faults of all of them in one UserError."""
    found: list[Wave] = []
    problems: list[str] = []
    for item in kaldi.read(directory):
        try:
            found.append(read(item))
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems, hint=f"Repair or remove these recordings of {directory}.")
    return found


def _noise(item: Item, rate: int, resample: bool) -> Wave:
    """A background recording (n,)."""
    return audio.read(item.audio, rate=rate, seconds=item.seconds, start=item.start, resample=resample)


def _response(item: Item, rate: int) -> Wave:
    """A room impulse response, all its channels: (channels, n)."""
    channels = range(audio.probe(item.audio).channels)
    heard = [
        audio.read(item.audio, rate=rate, seconds=item.seconds, start=item.start, resample=True, channel=c)
        for c in channels
    ]
    return np.stack(heard)


def _between(bounds: tuple[float, float], draw: float) -> float:
    return bounds[0] + (bounds[1] - bounds[0]) * draw


def _pick(choices: Sequence[T], draw: float) -> T:
    return choices[int(draw * len(choices))]


def _shifted(wave: Wave, by: int) -> Wave:
    """The clip `by` samples later (earlier if negative); what leaves is lost, zeros move in."""
    by = max(-len(wave), min(len(wave), by))
    out = np.zeros_like(wave)
    if by >= 0:
        out[by:] = wave[: len(wave) - by]
    else:
        out[:by] = wave[-by:]
    return out


def _faster(wave: Wave, factor: float) -> Wave:
    """The clip at `factor` times the speed by linear interpolation, its end cut or padded with zeros."""
    at = np.arange(len(wave)) * factor
    return np.interp(at, np.arange(len(wave)), wave, right=0.0).astype(np.float32)


def _crop(recording: Wave, size: int, draw: float) -> Wave:
    """`size` samples from a random place; a shorter recording is repeated."""
    if len(recording) < size:
        recording = np.resize(recording, size)
    start = int(draw * (len(recording) - size + 1))
    return recording[start : start + size]


def _gain_for(wave: Wave, noise: Wave, snr_db: float) -> float:
    """The gain at which the noise lies `snr_db` below the clip; 0 where either of them is silent."""
    signal, background = (float(np.dot(x, x)) for x in (wave, noise))
    return float(np.sqrt(signal / background) * 10 ** (-snr_db / 20)) if background > 0 else 0.0


class _Room(NamedTuple):
    response: Wave  # (n,), energy 1
    direct: int  # the sample of its strongest arrival


def _unit_room(response: Wave) -> _Room:
    """A response scaled to energy 1, so that a room does not change a clip's loudness on average."""
    response = np.asarray(response, dtype=np.float32)
    energy = float(np.dot(response, response))
    if energy == 0:
        raise UserError("augment.rir: a room impulse response is silent")
    return _Room(response / np.float32(np.sqrt(energy)), int(np.argmax(np.abs(response))))


def _in_room(wave: Wave, room: _Room) -> Wave:
    """The clip as heard in the room; the direct path arrives when it did, later echoes are cut off."""
    from scipy.signal import fftconvolve  # slow to import: only where rooms are asked for

    heard = fftconvolve(wave, room.response[: room.direct + len(wave)])
    return heard[room.direct : room.direct + len(wave)].astype(np.float32)
