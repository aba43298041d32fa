"""The audio front-end of TFLite-Micro, which ESPHome and microWakeWord compute on the device itself."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from audionas.core.errors import UserError
from audionas.core.extras import install
from audionas.features._frontend import FrontEnd, Settings, samples_of

SCALE = 0.0390625  # per step of the library's integers: 10 / 256
_DEVICE: Settings = {
    "sample_rate": 16000,
    "window_ms": 30.0,
    "hop_ms": 10.0,
    "n_fft": 512,
    "n_mels": 40,
    "f_min": 125.0,
    "f_max": 7500.0,
}


class Micro(FrontEnd):
    """Filter-bank energies after noise reduction and gain control (PCAN), from the C code of the device.

    16 kHz, 40 channels from 125 to 7500 Hz, 30 ms window, 10 ms step; a feature is the library's integer
    (0 to about 670) times 0.0390625, so 0 to about 26. The settings are the device's and cannot be changed.

    Samples become 16-bit integers first: times 32768, rounded to the nearest (halves to even), clipped to
    -32768 and 32767; 16-bit recordings are therefore exact. It runs on the CPU, one clip after another,
    and passes on no gradient.

    Noise reduction and gain adapt over seconds: frames of a running stream are not those of a clip
    cut out of it. Presets. `esphome`: every clip is heard by a front-end that has heard nothing before, and
    `stream` equals `forward` after a reset. `settled`: by one that has just heard the clip backwards, so
    that training clips are closer to what a stream hears; streams are the same.

    Raises UserError without the extra `device`.
    """

    PRESETS: ClassVar[Mapping[str, Settings]] = {
        "esphome": {**_DEVICE, "settle": False},
        "settled": {**_DEVICE, "settle": True},
    }
    foreign = True
    fades = 1 - 409 / 2**14  # noise estimate of the even channels: 0.025 in the library's 14 bits; odd: 0.06

    def __init__(self, **settings: Any) -> None:
        super().__init__(settings)
        _library()  # fails now if it is missing, not during a run
        self.window = samples_of(settings["window_ms"], self.sample_rate)
        self.hop = samples_of(settings["hop_ms"], self.sample_rate)
        self.tail = self.window - self.hop
        self.channels = int(settings["n_mels"])
        self.settle = bool(settings["settle"])

    def shape(self, samples: int) -> tuple[int, int]:
        """(40, frames) for a waveform of `samples`."""
        if samples < self.window:
            raise UserError(
                f"a waveform of {samples} samples is too short: one frame needs {self.window} "
                f"({1000 * self.window / self.sample_rate:.1f} ms at {self.sample_rate} Hz)",
                hint="Use longer clips.",
            )
        return self.channels, 1 + (samples - self.window) // self.hop

    def forward(self, wave: Tensor) -> Tensor:
        """Turn waveforms (B, N) into features (B, 1, 40, T), each clip from silence, or settled."""
        shape = self.shape(wave.shape[-1])
        heard, out = self.stream(), np.empty((len(wave), *shape), np.float32)
        for clip, frames in zip(wave.detach().cpu(), out, strict=True):
            heard.reset()
            if self.settle:
                heard.step(clip.flip(0))
            frames[:] = heard.step(clip)[0, :, -shape[1] :].numpy()
        return torch.from_numpy(out).unsqueeze(1).to(wave.device)

    def stream(self) -> "MicroStream":
        """A front-end with memory, which turns chunks of any length into the frames that they complete."""
        return MicroStream(self.hop, self.channels)


class MicroStream:
    """The library's own state, and the samples that do not yet fill a step."""

    def __init__(self, hop: int, channels: int) -> None:
        self.hop, self.channels = hop, channels
        self.library = _library()()
        self.rest = np.empty(0, np.int16)

    def step(self, samples: Tensor) -> Tensor:
        """Turn samples (n,) in [-1, 1], any n, into the frames (1, 40, m) that end within them."""
        pcm = np.concatenate([self.rest, int16(samples).numpy()])
        whole = len(pcm) - len(pcm) % self.hop
        self.rest = pcm[whole:]
        steps = (pcm[at : at + self.hop].tobytes() for at in range(0, whole, self.hop))
        found = [features for step in steps if (features := self.library.process_samples(step).features)]
        frames = np.array(found, np.float32).reshape(len(found), self.channels)
        return torch.from_numpy(frames.T.copy()).unsqueeze(0)

    def reset(self) -> None:
        """Forget everything heard, the noise estimate included."""
        self.library.reset()
        self.rest = self.rest[:0]


def int16(samples: Tensor) -> Tensor:
    """Samples in [-1, 1] as the 16-bit integers that a device hears."""
    return (samples * 32768).round().clamp(-32768, 32767).to(torch.int16)


def device_int8(integers: np.ndarray) -> np.ndarray:
    """ESPHome's map from the library's integers (a feature / `SCALE`) to its model's int8 input.

    As in ESPHome's component micro_wake_word: (v * 256 + 333) // 666 - 128, clipped to -128 and 127.
    """
    return np.clip((integers.astype(np.int64) * 256 + 333) // 666 - 128, -128, 127).astype(np.int8)


def _library() -> Any:
    try:
        from pymicro_features import MicroFrontend
    except ImportError as error:
        raise UserError(
            "features: the front-end micro needs pymicro-features, which is not installed",
            hint=install("device"),
        ) from error
    return MicroFrontend
