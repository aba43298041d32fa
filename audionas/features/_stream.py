"""A front-end that is fed in chunks of any length and gives the frames of the clip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

if TYPE_CHECKING:
    from audionas.features._frontend import FrontEnd


class FrameStream(Protocol):
    """A front-end with what it remembers, whatever computes it."""

    def step(self, samples: Tensor) -> Tensor:
        """Samples (n,) in [-1, 1], any n, to the frames (1, F, m) that they complete."""

    def reset(self) -> None:
        """Forget everything heard."""


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
