"""Augmentation of waveforms during training: speed, room, recording device, shift, roll, gain and noise.

Everything drawn for a clip is a pure function of (seed, epoch, utterance), so any number of workers, a
resumed run and a run on another machine hear the same clips.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from audionas.core.rng import numpy_rng
from audionas.core.strict import Strict
from audionas.data import audio, kaldi, responses
from audionas.data.audio import Wave
from audionas.data.files import sums
from audionas.data.kaldi import Item

SILENCE = "_silence_"
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Augment(Strict):
    """The augmentations of a training clip; all are off by default.

    `shift_ms`: shifted by up to that much either way, filled with zeros. `noise`: a data directory of
    background recordings; with `noise_probability` a random crop is added at a gain uniform in
    0..`noise_volume`, as in Speech Commands' protocol, or at a signal-to-noise ratio uniform in
    `noise_snr_db`. `silence_volume`: clips labelled `_silence_` always receive noise, at a gain uniform in
    0..`silence_volume`. `speed`: played faster by a factor in this range (the pitch changes too). `gain_db`:
    louder by that much. `rir`: a data directory of room impulse responses, applied with `rir_probability`.
    `roll_ms`: rotated by up to that much either way, so that one end wraps around to the other. `device_ir`:
    a folder of audio files, impulse responses of microphones and other devices, one of which is applied with
    `device_ir_probability` to the clips whose id matches the regular expression `device_ir_ids` anywhere (to
    all clips if it is empty).
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
    roll_ms: float = 0.0
    device_ir: str = ""
    device_ir_probability: float = 0.0
    device_ir_ids: str = ""

    @property
    def active(self) -> bool:
        """True where a clip can change; otherwise stored features can be used."""
        settings = (self.shift_ms, self.noise, self.speed, self.gain_db, self.rir)
        return any((*settings, self.roll_ms, self.device_ir))

    def __post_init__(self) -> None:
        if problems := self._problems():
            raise UserError(problems)

    def _problems(self) -> list[str]:
        """Every setting that is out of range or has no effect."""
        ranges = {"noise_snr_db": self.noise_snr_db, "speed": self.speed, "gain_db": self.gain_db}
        low = {f.name: getattr(self, f.name) for f in fields(self) if f.name in _NOT_NEGATIVE}
        ends = [(k, v) for k, pair in ranges.items() for v in pair or ()]
        bounds = [(k, v, *_BOUNDS[k]) for k, v in ends if math.isfinite(v)]
        broken = {
            **{
                f"{k}: {v} is not a finite number": v is not None and not math.isfinite(v)
                for k, v in (*low.items(), *ends)
            },
            **{f"{k}: {v} is below 0": v is not None and v < 0 for k, v in low.items()},
            **{f"{k}: {v} is above 1": v > 1 for k, v in low.items() if k.endswith("probability")},
            **{f"{k}: {v[0]:g} is above {v[1]:g}": v[0] > v[1] for k, v in ranges.items() if v},
            **{
                f"{k}: {v:g} is not from {least:g} to {most:g}": not least <= v <= most
                for k, v, least, most in bounds
            },
            "noise_snr_db: has no effect without noise": bool(self.noise_snr_db and not self.noise),
            "silence_volume: has no effect without noise": self.silence_volume is not None and not self.noise,
            "rir: has no effect at rir_probability 0": bool(self.rir) and self.rir_probability == 0,
            "rir_probability: has no effect without rir": self.rir_probability > 0 and not self.rir,
            "device_ir: has no effect at device_ir_probability 0": bool(self.device_ir)
            and self.device_ir_probability == 0,
            "device_ir_probability: has no effect without device_ir": self.device_ir_probability > 0
            and not self.device_ir,
            "device_ir_ids: has no effect without device_ir": bool(self.device_ir_ids) and not self.device_ir,
            f"device_ir_ids: '{self.device_ir_ids}' is not a regular expression": not _compiles(
                self.device_ir_ids
            ),
        }
        return [f"augment.{text}" for text, is_broken in broken.items() if is_broken]

    def too_far(self, seconds: float) -> list[str]:
        """The problems with clips of this length: a shift by over half of one loses most of its sound.

        A roll by half a clip reaches every rotation.
        """
        most = 500 * seconds
        return [
            f"augment.{key}: {value:g} ms is too far for clips of {seconds:g} s (data.seconds): "
            f"give at most {most:g}, half a clip"
            for key, value in (("shift_ms", self.shift_ms), ("roll_ms", self.roll_ms))
            if value > most
        ]


_BOUNDS = {"speed": (0.1, 10.0), "gain_db": (-120.0, 120.0), "noise_snr_db": (-120.0, 120.0)}
_NOT_NEGATIVE = (
    *("shift_ms", "noise_probability", "noise_volume", "silence_volume", "rir_probability"),
    *("roll_ms", "device_ir_probability"),
)


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


class _Draws(NamedTuple):
    """Uniform numbers in [0, 1), drawn for every clip in this order, whether they are used or not.

    So turning one augmentation on or off does not change the others' draws; new ones are added at the end.
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
    device: float  # below device_ir_probability: applied
    response: float  # which file
    device_channel: float
    roll: float


class WaveAugment:
    """Applies an `Augment`: speed, room, device, shift, roll, gain, noise, in this order; clips to [-1, 1].

    Noise (recordings (n,)), rooms and devices (responses (channels, n)) are read from the directories that
    `conf` names and held in memory, unless they are passed here, at `rate`. Responses at another rate are
    always resampled, noise only with `resample`. Raises one UserError for all recordings that cannot be read.
    """

    def __init__(
        self,
        conf: Augment,
        rate: int,
        seed: int,
        resample: bool = False,
        *,
        noises: Sequence[Wave] | None = None,
        rooms: Sequence[Sequence[Wave]] | None = None,
        devices: Sequence[Sequence[Wave]] | None = None,
    ) -> None:
        if conf.noise and noises is None:
            noises = _read_all(conf.noise, lambda item: _noise(item, rate, resample))
        if conf.rir and rooms is None:
            rooms = _read_all(conf.rir, lambda item: _response(item, rate))
        self.conf, self.rate, self.seed = conf, rate, seed
        self.noises = [np.asarray(noise, dtype=np.float32) for noise in noises or ()]
        self.rooms = [responses.unit(room, "augment.rir") for room in rooms or ()]
        self.devices = [responses.unit(device, "augment.device_ir") for device in devices or ()]
        if conf.device_ir and devices is None:
            self.devices = responses.read_folder(conf.device_ir, rate, "augment.device_ir")

    def __call__(self, wave: Wave, *, epoch: int, id: str, label: str) -> Wave:
        """The clip (N,) float32 as training uses it in this epoch; same length, in [-1, 1]."""
        if not self.conf.active:
            return wave
        draw = _Draws(*numpy_rng(self.seed, "augment", epoch, id).random(len(_Draws._fields)).tolist())
        conf = self.conf
        if conf.speed:
            wave = _faster(wave, _between(conf.speed, draw.speed))
        if conf.rir and draw.rir < conf.rir_probability:
            channels = _pick(self.rooms, draw.room)
            wave = responses.heard_through(wave, _pick(channels, draw.channel))
        if conf.device_ir and draw.device < conf.device_ir_probability and re.search(conf.device_ir_ids, id):
            channels = _pick(self.devices, draw.response)
            wave = responses.heard_through(wave, _pick(channels, draw.device_channel))
        if conf.shift_ms:
            wave = _shifted(wave, self._samples(conf.shift_ms, draw.shift))
        if conf.roll_ms:
            wave = np.roll(wave, self._samples(conf.roll_ms, draw.roll))
        if conf.gain_db:
            wave = wave * np.float32(10 ** (_between(conf.gain_db, draw.gain) / 20))
        if conf.noise:
            wave = self._with_noise(wave, draw, label)
        return np.clip(wave, -1.0, 1.0)

    def _samples(self, most_ms: float, draw: float) -> int:
        """A number of samples uniform in -most..most."""
        most = round(most_ms * self.rate / 1000)
        return int(draw * (2 * most + 1)) - most

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


def _read_all(directory: str, read: Callable[[Item], T]) -> list[T]:
    """Read every utterance of a data directory; the faults of all go into one UserError."""
    found: list[T] = []
    problems: list[str] = []
    cache = Path(directory).parent / "cache"
    data, changed = sums.current(kaldi.read(directory), cache, Reporter())
    problems += dict.fromkeys(changed.values())
    for item in data:
        try:
            found.append(read(item))
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems, hint=f"Repair or remove these recordings in {directory}.")
    return found


def _noise(item: Item, rate: int, resample: bool) -> Wave:
    """A background recording (n,)."""
    return audio.read(
        item.audio,
        rate=rate,
        seconds=item.seconds,
        start=item.start,
        resample=resample,
        promised=item.seconds,
    )


def _response(item: Item, rate: int) -> list[Wave]:
    """A room impulse response, all its channels (n,)."""
    return responses.read_channels(item.audio, rate, start=item.start, seconds=item.seconds)


def _between(bounds: tuple[float, float], draw: float) -> float:
    return bounds[0] + (bounds[1] - bounds[0]) * draw


def _pick(choices: Sequence[T], draw: float) -> T:
    return choices[int(draw * len(choices))]


def _shifted(wave: Wave, by: int) -> Wave:
    """The clip `by` samples later (earlier if negative), cut at one end and zero-filled at the other."""
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
    """The gain that puts the noise `snr_db` below the clip; 0 where either of them is silent."""
    signal, background = (float(np.dot(x, x)) for x in (wave, noise))
    return float(np.sqrt(signal / background) * 10 ** (-snr_db / 20)) if background > 0 else 0.0
