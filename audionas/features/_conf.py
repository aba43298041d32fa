"""The sections of a config about features, checked, and the front-end that they describe."""

import math
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from audionas.core.errors import UserError, did_you_mean
from audionas.core.registry import resolve
from audionas.core.strict import Strict
from audionas.features._frontend import FrontEnd, samples_of


@dataclass(frozen=True, kw_only=True)
class Features(Strict):
    """A front-end, one of its presets, and the changes to the preset; None takes the preset's value.

    By default `preset` is the front-end's first: tc_resnet of mfcc, bc_resnet of logmel, esphome of micro.
    Times are in milliseconds, frequencies in hertz. `center` mirrors the ends of a clip so that frames are
    centred on their samples; `power` is 2 for the power and 1 for the magnitude spectrum.
    """

    name: str = "mfcc"
    preset: str = ""
    sample_rate: int | None = None
    window_ms: float | None = None
    hop_ms: float | None = None
    n_fft: int | None = None
    n_mels: int | None = None
    n_mfcc: int | None = None
    f_min: float | None = None
    f_max: float | None = None
    center: bool | None = None
    power: float | None = None
    log_offset: float | None = None
    settle: bool | None = None

    def __post_init__(self) -> None:
        if not self.preset:
            with suppress(UserError):  # of an unknown front-end, which `resolved` tells
                object.__setattr__(self, "preset", next(iter(resolve("features", self.name).PRESETS)))

    def resolved(self) -> dict[str, Any]:
        """Every value in force, name and preset included; `Features(**resolved)` is the same front-end.

        Raises UserError for an unknown name or preset and for values that contradict each other.
        """
        settings = dict(self._preset())
        given = {k: v for k, v in asdict(self).items() if k not in ("name", "preset") and v is not None}
        problems = [f"features.{k}: {self.name} has no such setting" for k in given if k not in settings]
        if resolve("features", self.name).foreign:
            problems += [
                f"features.{k}: {value} is not possible; {self.name} has it fixed at {settings[k]}"
                for k, value in given.items()
                if k in settings and value != settings[k]
            ]
        settings.update(given)
        problems += _contradictions(settings)
        if problems:
            raise UserError(
                problems, hint=f"features: {self.name} with the preset {self.preset} alone is valid."
            )
        return {"name": self.name, "preset": self.preset, **settings}

    def _preset(self) -> Any:
        presets = resolve("features", self.name).PRESETS
        if self.preset not in presets:
            raise UserError(
                f"features.preset: {self.name} has no preset '{self.preset}'."
                f"{did_you_mean(self.preset, presets)}",
                hint=f"Presets of {self.name}: {', '.join(presets)}",
            )
        return presets[self.preset]


def build(conf: Features) -> FrontEnd:
    """The front-end module; raises UserError as `Features.resolved` does."""
    settings = conf.resolved()
    name = settings.pop("name")
    settings.pop("preset")
    front_end: FrontEnd = resolve("features", name)(**settings)
    return front_end


def _contradictions(s: dict[str, Any]) -> list[str]:
    """Every reason why these settings do not describe a front-end."""
    above_0 = (
        "sample_rate",
        "window_ms",
        "hop_ms",
        "n_fft",
        "n_mels",
        "n_mfcc",
        "f_max",
        "power",
        "log_offset",
    )
    problems = [f"features.{k}: {s[k]} is not above 0" for k in above_0 if k in s and not s[k] > 0]
    if problems:
        return problems
    rate, n_fft, n_mels, f_min, f_max = (s[k] for k in ("sample_rate", "n_fft", "n_mels", "f_min", "f_max"))
    window, hop = (samples_of(s[k], rate) for k in ("window_ms", "hop_ms"))
    rules = [
        (window > n_fft, f"window_ms: {s['window_ms']:g} ms are {window} samples, more than n_fft {n_fft}"),
        (window < 2, f"window_ms: {s['window_ms']:g} ms are less than two samples at {rate} Hz"),
        (hop < 1, f"hop_ms: {s['hop_ms']:g} ms are less than one sample at {rate} Hz"),
        (f_max > rate / 2, f"f_max: {f_max:g} Hz is above half the sample rate, {rate / 2:g} Hz"),
        (not 0 <= f_min < f_max, f"f_min: {f_min:g} Hz is not between 0 and f_max {f_max:g} Hz"),
        (s.get("n_mfcc", 0) > n_mels, f"n_mfcc: {s.get('n_mfcc')} is more than n_mels {n_mels}"),
    ]
    return [f"features.{text}" for is_broken, text in rules if is_broken]


@dataclass(frozen=True, kw_only=True)
class SpecAugment(Strict):
    """Augmentation of features during training; all off by default.

    SpecAugment (Park et al. 2019, arXiv 1904.08779): `freq_masks` bands of 0..`freq_width` coefficients and
    `time_masks` stretches of 0..`time_width` frames are set to the mean. Freq-MixStyle, after that: with
    probability `mix_style` the clips of a batch mix their mean and spread of each coefficient with those of
    others, with shares from Beta(`mix_alpha`, `mix_alpha`).
    """

    freq_masks: int = 0
    freq_width: int = 0
    time_masks: int = 0
    time_width: int = 0
    mix_style: float = 0.0
    mix_alpha: float = 0.3

    def __post_init__(self) -> None:
        problems = [
            f"spec_augment.{name}: {value} is {'below 0' if value < 0 else 'not a finite number'}"
            for name, value in asdict(self).items()
            if not 0 <= value < math.inf
        ]
        if self.mix_style > 1:
            problems.append(f"spec_augment.mix_style: {self.mix_style} is above 1, it is a probability")
        if self.mix_alpha == 0:
            problems.append("spec_augment.mix_alpha: 0, expected a number above 0 such as 0.3")
        if problems:
            raise UserError(problems)

    def too_wide(self, freq: int, frames: int) -> list[str]:
        """The problems with features (B, 1, freq, frames): a mask is at most as wide as they are."""
        pairs = (("freq_width", self.freq_width, freq), ("time_width", self.time_width, frames))
        return [
            f"spec_augment.{name}: {width} is wider than the features ({size})"
            for name, width, size in pairs
            if width > size
        ]
