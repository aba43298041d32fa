"""Augmentation of waveforms during training: the effects of an `Augment`, drawn for each clip.

Everything drawn for a clip is a pure function of (seed, epoch, utterance), so any number of workers, a
resumed run and a run on another machine hear the same clips.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from audionas.core.rng import numpy_rng
from audionas.data import audio, effects, kaldi, responses
from audionas.data.audio import Wave
from audionas.data.conf import Augment
from audionas.data.files import sums
from audionas.data.kaldi import Item

SILENCE = "_silence_"
_STEEPEST = 6.0  # dB an octave, of coloured noise
T = TypeVar("T")
_BEFORE = ("equaliser", "distortion", "pitch", "band_stop")
ORDERS = {
    "usual": (
        *("speed", *_BEFORE, "room", "device", "shift", "roll", "gain", "transition", "colour", "noise"),
    ),
    "micro_wake_word": (
        *("speed", "shift", "roll", *_BEFORE, "colour", "noise", "gain", "transition", "room", "device"),
    ),
}


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
    louder: float  # below gain_probability: applied
    equaliser: float  # below its probability: applied, as those below
    distortion: float
    amount: float
    pitch: float
    semitones: float
    band_stop: float
    colour: float
    colour_level: float
    slope: float
    transition: float


class _Clip(NamedTuple):
    """A clip's draws, the words of its generators, its id and its label."""

    draw: _Draws
    words: tuple[object, ...]
    id: str
    label: str

    def rng(self, effect: str) -> np.random.Generator:
        """The generator of an effect that needs more numbers than `draw` has."""
        return numpy_rng(*self.words, effect)


class WaveAugment:
    """Applies an `Augment`, one effect after the other in its order; the result is in [-1, 1].

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
            noises = _read_all(conf.noise, lambda item: _recording(item, rate, resample))
        if conf.rir and rooms is None:
            rooms = _read_all(conf.rir, lambda item: _response(item, rate))
        self.conf, self.rate, self.seed = conf, rate, seed
        self.noises = [np.asarray(noise, dtype=np.float32) for noise in noises or ()]
        self.rooms = [responses.unit(room, "augment.rir") for room in rooms or ()]
        self.devices = [responses.unit(device, "augment.device_ir") for device in devices or ()]
        if conf.device_ir and devices is None:
            self.devices = responses.read_folder(conf.device_ir, rate, "augment.device_ir")

    def __call__(self, wave: Wave, *, epoch: int, id: str, label: str, turn: int = 0) -> Wave:
        """The clip (N,) float32 as training uses it in this epoch; same length, in [-1, 1].

        A clip that an epoch has before is another one each time: `turn` says how often it had it.
        """
        if not self.conf.active:
            return wave
        words = (self.seed, "augment", epoch, id, *((turn,) if turn else ()))
        draws = _Draws(*numpy_rng(*words).random(len(_Draws._fields)).tolist())
        clip = _Clip(draws, words, id, label)
        for name in ORDERS[self.conf.order]:
            wave = self._steps[name](wave, clip)
        return effects.scaled(wave) if self.conf.peaks == "scaled" else np.clip(wave, -1.0, 1.0)

    @cached_property
    def _steps(self) -> Mapping[str, Callable[[Wave, _Clip], Wave]]:
        return {name: getattr(self, f"_{name}") for name in ORDERS["usual"]}

    def _samples(self, most_ms: float, draw: float) -> int:
        """A number of samples uniform in -most..most."""
        most = round(most_ms * self.rate / 1000)
        return int(draw * (2 * most + 1)) - most

    def _speed(self, wave: Wave, clip: _Clip) -> Wave:
        speed = self.conf.speed
        return effects.faster(wave, _between(speed, clip.draw.speed)) if speed else wave

    def _equaliser(self, wave: Wave, clip: _Clip) -> Wave:
        most = self.conf.equaliser_db
        if not most or clip.draw.equaliser >= self.conf.equaliser_probability:
            return wave
        return effects.equalised(wave, self.rate, most, clip.rng("equaliser"))

    def _distortion(self, wave: Wave, clip: _Clip) -> Wave:
        amounts = self.conf.distortion
        if not amounts or clip.draw.distortion >= self.conf.distortion_probability:
            return wave
        return effects.distorted(wave, _between(amounts, clip.draw.amount))

    def _pitch(self, wave: Wave, clip: _Clip) -> Wave:
        most = self.conf.pitch
        if not most or clip.draw.pitch >= self.conf.pitch_probability:
            return wave
        return effects.pitched(wave, self.rate, _between((-most, most), clip.draw.semitones))

    def _band_stop(self, wave: Wave, clip: _Clip) -> Wave:
        if clip.draw.band_stop >= self.conf.band_stop_probability:
            return wave
        return effects.band_stopped(wave, self.rate, clip.rng("band_stop"))

    def _room(self, wave: Wave, clip: _Clip) -> Wave:
        if not self.conf.rir or clip.draw.rir >= self.conf.rir_probability:
            return wave
        channels = _pick(self.rooms, clip.draw.room)
        return responses.heard_through(wave, _pick(channels, clip.draw.channel))

    def _device(self, wave: Wave, clip: _Clip) -> Wave:
        conf = self.conf
        applied = conf.device_ir and clip.draw.device < conf.device_ir_probability
        if not applied or not re.search(conf.device_ir_ids, clip.id):
            return wave
        channels = _pick(self.devices, clip.draw.response)
        return responses.heard_through(wave, _pick(channels, clip.draw.device_channel))

    def _shift(self, wave: Wave, clip: _Clip) -> Wave:
        most = self.conf.shift_ms
        return effects.shifted(wave, self._samples(most, clip.draw.shift)) if most else wave

    def _roll(self, wave: Wave, clip: _Clip) -> Wave:
        most = self.conf.roll_ms
        return np.roll(wave, self._samples(most, clip.draw.roll)) if most else wave

    def _gain(self, wave: Wave, clip: _Clip) -> Wave:
        bounds = self.conf.gain_db
        if not bounds or clip.draw.louder >= self.conf.gain_probability:
            return wave
        return effects.amplified(wave, _between(bounds, clip.draw.gain))

    def _transition(self, wave: Wave, clip: _Clip) -> Wave:
        bounds = self.conf.transition_db
        if not bounds or clip.draw.transition >= self.conf.transition_probability:
            return wave
        return effects.transition(wave, self.rate, bounds, clip.rng("transition"))

    def _colour(self, wave: Wave, clip: _Clip) -> Wave:
        bounds = self.conf.colour_snr_db
        if not bounds or clip.draw.colour >= self.conf.colour_probability:
            return wave
        slope = _between((-_STEEPEST, _STEEPEST), clip.draw.slope)
        noise = effects.coloured(len(wave), slope, clip.rng("colour"))
        gain = effects.gain_for(wave, noise, _between(bounds, clip.draw.colour_level))
        return wave + noise * np.float32(gain)

    def _noise(self, wave: Wave, clip: _Clip) -> Wave:
        conf, draw = self.conf, clip.draw
        silence = conf.silence_volume if clip.label == SILENCE else None
        if not conf.noise or (silence is None and draw.noise >= conf.noise_probability):
            return wave
        crop = effects.crop(_pick(self.noises, draw.recording), len(wave), draw.crop)
        if silence is not None:
            gain = silence * draw.level
        elif conf.noise_snr_db:
            gain = effects.gain_for(wave, crop, _between(conf.noise_snr_db, draw.level))
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


def _recording(item: Item, rate: int, resample: bool) -> Wave:
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
