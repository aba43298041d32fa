"""The means of networks that hear: over a clip, and over the past for squeeze-and-excitation that streams."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

BLOCKS = 8  # block sums in a `RingMean`'s memory


class ClipMean(nn.Module):
    """The mean over frequency and time."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, F, T) to (B, C, 1, 1)."""
        return x.mean((2, 3), keepdim=True)


class EndlessMean(nn.Module):
    """The mean over frequency and over all frames up to each one.

    In a stream it never forgets: sound from long before drowns the present. Spaces refuse it; only models of
    earlier versions have it.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, F, T) to (B, C, 1, T)."""
        count = torch.arange(1, x.shape[3] + 1, dtype=x.dtype, device=x.device)
        return x.mean(2, keepdim=True).cumsum(3) / count


class RingMean(EndlessMean):
    """The mean over frequency and over the last clip up to each frame, in blocks of an eighth of a clip.

    The window begins at a block: it holds the current block, of 1 to b frames, and up to seven before it.
    A stream keeps the eight block sums (`stream_means.Ring`) and forgets a block whole. Within a clip that
    starts with a block, every window reaches back to the first frame; in training blocks start anywhere, as
    they do in a stream, so that what a window loses at its far end is no surprise there.
    """

    heard: tuple[int, int] | None = None  # frames of a clip, and of the clip with its past

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, F, T) to (B, C, 1, T)."""
        frames = x.shape[3]
        size = block_size(self._window(frames))
        if not self.training and BLOCKS * size >= frames:
            return super().forward(x)
        phase = int(torch.randint(size, ())) if self.training else 0
        place = torch.arange(frames, device=x.device)
        first = ((place + phase) // size - (BLOCKS - 1)) * size - phase
        inside = (place[:, None] <= place) & (place[:, None] >= first)  # (frame, window)
        share = inside.to(x.dtype)
        return x.mean(2, keepdim=True) @ (share / share.sum(0))

    def _window(self, frames: int) -> int:
        """The frames of a clip here, where `frames` arrive: by default they are one."""
        if self.heard is None:
            return frames
        clip, whole = self.heard
        return math.ceil(clip / round(whole / frames))


def block_size(window: int) -> int:
    """The frames of a block, of which `BLOCKS` hold a window."""
    return math.ceil(window / BLOCKS)


@contextmanager
def after_past(net: nn.Module, clip: int, whole: int) -> Iterator[None]:
    """In this context the network is given `whole` frames, of which the last `clip` are the clip."""
    rings = [part for part in net.modules() if isinstance(part, RingMean)]
    for ring in rings:
        ring.heard = (clip, whole)
    try:
        yield
    finally:
        for ring in rings:
            ring.heard = None
