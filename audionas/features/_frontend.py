"""The base of front-ends: a module that turns waveforms into feature images, and its stream of chunks."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

Settings = Mapping[str, Any]


class FrameStream(Protocol):
    """A front-end with its memory, whatever computes it."""

    def step(self, samples: Tensor) -> Tensor:
        """Turn samples (n,) in [-1, 1], any n, into the frames (1, F, m) that they complete."""

    def reset(self) -> None:
        """Forget everything heard."""


class FrontEnd(nn.Module):
    """Turns waveforms into features; on any device, in batches, and inside an exported model.

    A subclass lists its `PRESETS` (each names every argument of its constructor) and passes all its
    arguments here as `settings`: they alone decide the result, so they are its fingerprint. A
    `foreign` front-end is computed by a library instead of torch: its settings are fixed, and no exported
    file can hold it.

    `hop` is the distance between frames in samples. In a stream, a chunk is passed with the `tail` samples
    before it, into which its frames reach (`frames`). What a recursive estimate remembers of older sound
    falls by the factor `fades` per frame; 0: there is none.
    """

    hop: int
    tail: int
    PRESETS: ClassVar[Mapping[str, Settings]]
    foreign: ClassVar[bool] = False
    fades: ClassVar[float] = 0.0

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = {"front_end": type(self).__name__, **settings}
        self.sample_rate = int(settings["sample_rate"])

    @abstractmethod
    def shape(self, samples: int) -> tuple[int, int]:
        """(F, T) of a waveform of `samples`; raises UserError when it is too short for one frame."""

    @abstractmethod
    def forward(self, wave: Tensor) -> Tensor:
        """Turn waveforms (B, N) in [-1, 1] into features (B, 1, F, T)."""

    @property
    def lead(self) -> int:
        """The number of frames of a stream that reach back before its first sample."""
        return -(-self.tail // self.hop)

    def frames(self, sound: Tensor) -> Tensor:
        """Turn `tail` samples and n hops of new ones, (B, tail + n * hop), into the n frames (B, 1, F, n)
        that they complete: a pure function, which exported files hold.
        """
        raise NotImplementedError("a foreign front-end has no frames()")

    def stream(self) -> FrameStream:
        """The front-end with its memory, for chunks of any length."""
        return FeatureStream(self)


class FeatureStream:
    """Computes one frame per `hop` samples: `step(samples)`, `reset()`.

    A stream begins in silence: its first `lead` frames reach back before its first sample and find zeros
    there. After them come the frames of the clip, in order: all of them without padding; with `center`, those
    whose window is inside the clip. Such a frame is centred half a window before
    the sample that completes it, so the stream lags by that much. If windows end
    between two hops, it waits for the next hop, less than a hop longer.
    """

    def __init__(self, front_end: FrontEnd) -> None:
        self.front_end = front_end
        self.hop, self.lead = front_end.hop, front_end.lead
        self.reset()

    def reset(self) -> None:
        """Forget everything heard."""
        self.heard = torch.zeros(self.front_end.tail)

    @torch.inference_mode()
    def step(self, samples: Tensor) -> Tensor:
        """Turn samples (n,) in [-1, 1], any n, into the frames (1, F, m) that they complete."""
        sound = torch.cat((self.heard, samples.to(self.heard)))
        frames = (len(sound) - self.front_end.tail) // self.hop
        self.heard = sound[frames * self.hop :]
        if not frames:
            height, _ = self.front_end.shape(self.front_end.sample_rate)
            return sound.new_zeros(1, height, 0)
        return self.front_end.frames(sound[: self.front_end.tail + frames * self.hop].unsqueeze(0))[0]


def samples_of(milliseconds: float, rate: int) -> int:
    """A duration in samples, rounded."""
    return round(milliseconds * rate / 1000)
