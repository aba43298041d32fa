"""What every front-end is: a module that turns waveforms into feature images, and its stream of chunks."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

Settings = Mapping[str, Any]


class FrameStream(Protocol):
    """A front-end with what it remembers, whatever computes it."""

    def step(self, samples: Tensor) -> Tensor:
        """Samples (n,) in [-1, 1], any n, to the frames (1, F, m) that they complete."""

    def reset(self) -> None:
        """Forget everything heard."""


class FrontEnd(nn.Module):
    """Waveforms in, features out; on any device, in batches, and inside an exported model.

    A subclass lists its `PRESETS` (each names every argument of its constructor) and passes all its
    arguments here as `settings`: they alone decide the result, so they are its fingerprint. One that is
    `foreign` is computed by a library instead of torch: its settings are fixed, and no exported file can
    hold it.

    `hop` samples lie between two frames. In a stream, a chunk is given with the `tail` samples before it,
    into which its frames reach (`frames`).
    """

    hop: int
    tail: int
    PRESETS: ClassVar[Mapping[str, Settings]]
    foreign: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = {"front_end": type(self).__name__, **settings}
        self.sample_rate = int(settings["sample_rate"])

    @abstractmethod
    def shape(self, samples: int) -> tuple[int, int]:
        """(F, T) of a waveform of `samples`; raises UserError when it is too short for one frame."""

    @abstractmethod
    def forward(self, wave: Tensor) -> Tensor:
        """Waveforms (B, N) in [-1, 1] to features (B, 1, F, T)."""

    @property
    def lead(self) -> int:
        """How many frames of a stream reach back before its first sample."""
        return -(-self.tail // self.hop)

    def frames(self, sound: Tensor) -> Tensor:
        """`tail` samples and n hops of new ones, (B, tail + n * hop), to the n frames (B, 1, F, n) they
        complete: a pure function, that exported files hold.
        """
        raise NotImplementedError("a front-end that is foreign has none")

    def stream(self) -> FrameStream:
        """The front-end with what it remembers, for chunks of any length."""
        return FeatureStream(self)


class FeatureStream:
    """One frame for every `hop` samples: `step(samples)`, `reset()`.

    A stream begins in silence: its first `lead` frames reach back before its first sample and find zeros
    there. From then on they are the frames of the clip, in order: of one that is framed without padding all;
    of one with `center` those whose window lies inside the clip. Such a frame is centred half a window before
    the sample with which it can be computed, so that the stream runs that much behind. With windows that end
    between two hops it waits for the next, less than a hop longer.
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
        """Samples (n,) in [-1, 1], any n, to the frames (1, F, m) that they complete."""
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
