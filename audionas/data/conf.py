"""The sections of a config about recordings: `data` and `augment`."""

import math
import re
from dataclasses import dataclass, fields
from typing import Literal

from audionas.core.errors import UserError
from audionas.core.strict import Strict


@dataclass(frozen=True, kw_only=True)
class Data(Strict):
    """Kaldi data directories, relative to the current folder or absolute.

    Clips are padded with zeros or cut to `seconds`. A clip that cannot be read, is far too loud, has changed
    since it was prepared, or whose sample rate differs from that of the features, stops the run
    (`on_bad: error`) or is left out with a note (`skip`); `keep` reads loud ones, cut at full scale, and
    changed ones. `resample` converts other rates. `labels` is a file with one label per line, by default
    `labels.txt` beside the training directory. `cache` holds decoded clips and features, by default
    `cache/` beside the training directory; `workers` processes compute them (default: one per
    core; the result does not depend on their number).

    In recordings with several `channels`, each channel is an example of its own, and the answer to a
    recording is the mean of the answers to its channels. With `balance: undersample` every epoch of training
    draws as many recordings of each class as the rarest has.

    `ambient` is continuous audio without the wake word: `train.select` chooses weights by it, and a searcher
    may choose networks (`average_viable_recall`). It is a data directory such as `data/dev_long`; windows as
    long as a clip are cut from it every `ambient_hop` seconds.
    """

    train: str = "data/train"
    dev: str = "data/dev"
    seconds: float = 1.0
    on_bad: Literal["error", "skip", "keep"] = "error"
    resample: bool = False
    labels: str = ""
    cache: str = ""
    workers: int | None = None
    channels: int = 1
    balance: Literal["none", "undersample"] = "none"
    ambient: str = ""
    ambient_hop: float = 0.1

    def __post_init__(self) -> None:
        problems = []
        if not 0 < self.seconds < math.inf:
            problems.append(f"data.seconds is {self.seconds}, expected a positive length")
        if self.workers is not None and self.workers < 1:
            problems.append(f"data.workers is {self.workers}, expected at least 1")
        if not 0 < self.ambient_hop < math.inf:
            problems.append(f"data.ambient_hop is {self.ambient_hop}, expected seconds such as 0.1")
        if self.channels < 1:
            problems.append(f"data.channels is {self.channels}, expected at least 1")
        if self.channels > 1 and (self.resample or self.on_bad != "error"):
            problems.append(f"data.channels above 1 excludes data.resample and data.on_bad: {self.on_bad}")
        if problems:
            raise UserError(problems)


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

    Effects of microWakeWord's training, each with its own probability: seven bands up to `equaliser_db`
    louder or softer; `distortion`, a range of amounts from 0 to 1 that tanh bends; `pitch`, up to so many
    semitones either way; a band stopped with `band_stop_probability`; `colour_snr_db`, a range of
    signal-to-noise ratios of noise whose spectrum falls or rises by up to 6 dB an octave; `transition_db`, a
    range of two gains with a fade between them.

    `order` is `usual` (speed, equaliser, distortion, pitch, band stop, room, device, shift, roll, gain,
    transition, coloured noise, noise) or `micro_wake_word`, where a room is heard last and with the noise
    (speed, shift, roll, equaliser, distortion, pitch, band stop, coloured noise, noise, gain, transition,
    room, device). `peaks` above full scale are `cut`, or the clip is `scaled` so that none is.
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
    gain_probability: float = 1.0
    equaliser_db: float = 0.0
    equaliser_probability: float = 1.0
    distortion: tuple[float, float] | None = None
    distortion_probability: float = 1.0
    pitch: float = 0.0
    pitch_probability: float = 1.0
    band_stop_probability: float = 0.0
    colour_snr_db: tuple[float, float] | None = None
    colour_probability: float = 1.0
    transition_db: tuple[float, float] | None = None
    transition_probability: float = 1.0
    order: Literal["usual", "micro_wake_word"] = "usual"
    peaks: Literal["cut", "scaled"] = "cut"

    @property
    def active(self) -> bool:
        """True where a clip can change; otherwise stored features can be used."""
        return any(getattr(self, key) for key in (*_SETTINGS, *_EFFECTS))

    def __post_init__(self) -> None:
        if problems := self._problems():
            raise UserError(problems)

    def _problems(self) -> list[str]:
        """Every setting that is out of range or has no effect."""
        ranges = {key: getattr(self, key) for key in _BOUNDS if key not in _NOT_NEGATIVE}
        low = {f.name: getattr(self, f.name) for f in fields(self) if f.name in _NOT_NEGATIVE}
        ends = [(k, v) for k, pair in ranges.items() for v in pair or ()]
        single = [(k, v) for k, v in low.items() if k in _BOUNDS and v >= 0]
        bounds = [(k, v, *_BOUNDS[k]) for k, v in (*ends, *single) if math.isfinite(v)]
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
            **{
                f"{k}: has no effect at {name} 0": bool(getattr(self, k)) and getattr(self, name) == 0
                for k, name in _EFFECTS.items()
            },
            **{
                f"{name}: has no effect without {k}": getattr(self, name) not in (0, 1)
                and not getattr(self, k)
                for k, name in _EFFECTS.items()
            },
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


_SETTINGS = ("shift_ms", "noise", "speed", "rir", "roll_ms", "device_ir", "band_stop_probability")
_EFFECTS = {  # with their probabilities
    "gain_db": "gain_probability",
    "equaliser_db": "equaliser_probability",
    "distortion": "distortion_probability",
    "pitch": "pitch_probability",
    "colour_snr_db": "colour_probability",
    "transition_db": "transition_probability",
}
_DB = (-120.0, 120.0)
_BOUNDS = {
    **{"noise_snr_db": _DB, "speed": (0.1, 10.0), "gain_db": _DB, "distortion": (0.0, 1.0)},
    **{"colour_snr_db": _DB, "transition_db": _DB, "equaliser_db": (0.0, 60.0), "pitch": (0.0, 24.0)},
}
_NOT_NEGATIVE = (
    *("shift_ms", "noise_probability", "noise_volume", "silence_volume", "rir_probability"),
    *("roll_ms", "device_ir_probability", "equaliser_db", "pitch", "band_stop_probability"),
    *_EFFECTS.values(),
)


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True
