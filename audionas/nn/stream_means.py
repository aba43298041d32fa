"""The memory of a streaming network: the tape, and running means over a window or over all so far."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from audionas.nn.means import BLOCKS, block_size

MOST = 1 << 16  # most frames that a mean over all so far counts


class Tape:
    """The memory of a network's parts, by their names.

    `given` is read and `kept` written in one pass. `seen` counts the frames that a part with a stride has
    received; None: chunks are whole hops, and every stride ends with its chunk.
    """

    def __init__(self) -> None:
        self.given: dict[str, Tensor] = {}
        self.kept: dict[str, Tensor] = {}
        self.seen: dict[str, int] | None = None

    def past(self, slot: str, like: Tensor, frames: int) -> Tensor:
        """The last `frames` frames that came before `like`, (B, C, F, T)."""
        return self.given[slot] if slot in self.given else like.new_zeros(*like.shape[:3], frames)

    def extended(self, slot: str, x: Tensor, past: int) -> Tensor:
        """`x` after the `past` frames before it; as many of the last frames are kept for the next time."""
        if past:
            x = torch.cat((self.past(slot, x, past), x), 3)
            self.kept[slot] = x[..., -past:]
        return x

    def skipped(self, slot: str, stride: int, frames: int, late: int = 0) -> int:
        """The number of `frames` new frames before the first that a stride takes; `late` come before all."""
        if self.seen is None:
            return stride - 1
        before = self.seen.get(slot, 0)
        self.seen[slot] = before + frames
        return (late - before) % stride


class Mean(nn.Module):
    """A running mean that reads its past from the tape."""

    def __init__(self, tape: Tape, slot: str) -> None:
        super().__init__()
        self.tape, self.slot = tape, slot


class Ending(Mean):
    """A head's view of the last `window` frames; every frame becomes a separate example."""

    def __init__(self, tape: Tape, slot: str, window: int) -> None:
        super().__init__(tape, slot)
        self.window = window


class Window(Ending):
    """Their mean."""

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, F, n) to (n, C, 1, 1)."""
        line = self.tape.extended(self.slot, x.mean(2, keepdim=True), self.window - 1)
        if not x.shape[3]:
            return x.new_zeros(0, x.shape[1], 1, 1)
        return functional.avg_pool2d(line, (1, self.window), 1).permute(3, 1, 2, 0)


class Largest(Ending):
    """Their largest value; for one frequency."""

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, 1, n) to (n, C, 1, 1)."""
        line = self.tape.extended(self.slot, x, self.window - 1)
        if not x.shape[3]:
            return x.new_zeros(0, x.shape[1], 1, 1)
        return functional.max_pool2d(line, (1, self.window), 1).permute(3, 1, 2, 0)


class Newest(Ending):
    """The frames themselves; for one frequency."""

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, 1, n) to (n, C, 1, window)."""
        line = self.tape.extended(self.slot, x, self.window - 1)
        if x.shape[3] == 1:
            return line
        if not x.shape[3]:
            return x.new_zeros(0, x.shape[1], 1, self.window)
        return line.unfold(3, self.window, 1)[0].permute(2, 0, 1, 3)


class Exponential(Ending):
    """A mean with decaying weights and the same mean age as one over `window` frames."""

    def __init__(self, tape: Tape, slot: str, window: int) -> None:
        super().__init__(tape, slot, window)
        self.share = 2 / (window + 1)

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, F, n) to (n, C, 1, 1)."""
        state = self.tape.past(self.slot, x[:, :, :1], 1)
        means = []
        for frame in torch.split(x.mean(2, keepdim=True), 1, 3):
            state = state + self.share * (frame - state)
            means.append(state)
        self.tape.kept[self.slot] = state
        return torch.cat(means) if x.shape[3] else x.new_zeros(0, x.shape[1], 1, 1)


class Ring(Mean):
    """The means of `RingMean`: eight block sums and, as a last channel, the number of frames in each.

    The newest block comes last. A full one makes room by dropping the oldest, and the mean is summed anew
    from all eight: nothing is subtracted, so what has left the window is forgotten exactly.
    """

    def __init__(self, tape: Tape, slot: str, window: int) -> None:
        super().__init__(tape, slot)
        self.size = block_size(window)

    @property
    def past(self) -> int:
        """The frames before the present one that it reads, at most."""
        return BLOCKS * self.size - 1

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, F, n) to (1, C, 1, n)."""
        line = x.mean(2, keepdim=True)
        line = torch.cat((line, torch.ones_like(line[:, :1])), 1)
        state, means = self.tape.past(self.slot, line, BLOCKS), []
        empty = torch.zeros_like(state[..., :1])
        for frame in torch.split(line, 1, 3) if x.shape[3] else ():
            full = (state[:, -1:, :, -1:] + (1 - self.size)).relu()  # 1 where the newest block is, else 0
            after = torch.cat((state[..., 1:], empty), 3)
            state = after * full + state * (full * -1 + 1)  # either, exactly
            state = torch.cat((state[..., :-1], state[..., -1:] + frame), 3)
            total = state.mean(3, keepdim=True)  # an eighth of the sums
            means.append(total[:, :-1] / total[:, -1:])
        self.tape.kept[self.slot] = state
        return torch.cat(means, 3) if means else line[:, :-1]


class Line(Mean):
    """The mean over the last `window` frames, which are all kept: a ring of frames.

    Where a byte holds a number, this is as small as the block sums of `Ring` in float, and int8 can hold it:
    nothing is added to itself, and nothing is divided by what depends on the time. Frames before the first
    are zeros and count, so that means are too small until a whole window was heard.
    """

    def __init__(self, tape: Tape, slot: str, window: int) -> None:
        super().__init__(tape, slot)
        self.window = window

    @property
    def past(self) -> int:
        """The frames before the present one that it reads."""
        return self.window - 1

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, F, n) to (1, C, 1, n)."""
        line = self.tape.extended(self.slot, x.mean(2, keepdim=True), self.past)
        return functional.avg_pool2d(line, (1, self.window), 1)


class SoFar(Mean):
    """The mean over all frames so far: remembers it and, as a last channel, their number.

    It is exact, except for rounding, for the first `MOST` frames: 11 minutes at 10 ms each. After
    that their number stays, and older frames fade, by 1 / e per as many frames again. Float32
    could not count for ever: a sum is a hundredth off for a steady sound after 3 hours, and after 2^24
    frames (46 hours) it grows while their number does not. With the number bounded, the mean never
    sticks; only a difference that stays under 2^-8 of it may be too small to move it.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, F, n) to (1, C, 1, n)."""
        line = x.mean(2, keepdim=True)
        ones = torch.ones_like(line[:, :1])
        state = self.tape.past(self.slot, torch.cat((line, ones), 1), 1)
        before, count = state[:, :-1], state[:, -1:] + ones.cumsum(3)
        mean = before + (line - before).cumsum(3) / count
        kept = torch.cat((mean, count.clamp(max=MOST)), 1)[..., -1:]
        self.tape.kept[self.slot] = kept if x.shape[3] else state
        return mean
