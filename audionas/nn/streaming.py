"""A causal network as a step: frames and states in, scores and states out.

The network is not rewritten. In a copy, modules that look at more than one frame are replaced by ones with
the same weights and names that read the past from a tape and write it back: convolutions over time keep the
frames that their kernel still needs, means keep what they average. All other modules work frame by frame.
"""

import copy
import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.nn.blocks import SE, ClipMean, Head, RunningMean
from audionas.nn.cell_blocks import FactorizedReduce, Noise, PoolNorm, Zero
from audionas.nn.cp_block import Average, LogitMap

Pooling = Literal["window", "exponential"]
_MANY = 1024  # frames, enough to measure strides
_MOST = 1 << 16  # most frames that a mean over all so far counts
_FORMLESS = (ClipMean, nn.AvgPool2d, nn.MaxPool2d, PoolNorm, FactorizedReduce, Zero, Noise, LogitMap)


class Step(nn.Module):
    """Computes `step(frames, *states)` -> (scores, *states): a pure function that a runtime can hold.

    `frames` is (1, C, F, n), n a multiple of `hop`; `scores` is (1, n / hop, classes), logits. `states` are
    float32 tensors of `shapes`, zeros at the start, under `names`. A score belongs to the last frame of its
    hop. If hop - 1 frames of zeros come first, its scores equal those of `Stream` after `warm_up` frames;
    with squeeze-and-excitation, which averages over all frames so far, `warm_up` is None: it forgets its
    start slowly, after 65,536 of its frames (11 minutes at 10 ms each) by 1 / e per as many again.

    The mean at the end is taken over the last clip (`window`), or exponentially with the same
    mean age (`exponential`), which remembers one frame instead of a clip. Raises UserError for a network
    that looks ahead.
    """

    def __init__(self, net: nn.Module, io: InputSpec, pool: Pooling = "window") -> None:
        super().__init__()
        self.hop = hop_of(net, io)
        self.window = math.ceil(io.frames / self.hop)
        self.tape = Tape()
        self.net = _replaced(net, self.tape, self.window, pool).eval()
        parts = [part for part in self.net.modules() if isinstance(part, (_Conv, _Average, _Mean))]
        shadow = copy.deepcopy(self).float().to("meta")
        _ = shadow.net(torch.zeros(1, io.channels, io.freq, self.hop, device="meta"))
        self.names = tuple(shadow.tape.kept)
        self.shapes = tuple(tuple(state.shape) for state in shadow.tape.kept.values())
        strides = _strides(net, io)
        reach = sum(part.past * strides[part.slot] for part in parts if not isinstance(part, _Mean))
        forgets = not any(isinstance(part, _SoFar) for part in parts)
        self.warm_up = reach + self.window * self.hop if forgets else None  # all parallel branches add

    def forward(self, frames: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """The scores and the states for the next call; without states it starts from zeros."""
        given = states or self.start()
        self.tape.given = dict(zip(self.names, given, strict=True))
        self.tape.kept = {}
        logits = self.net(frames)
        return logits.unsqueeze(0), *(self.tape.kept[name] for name in self.names)

    def start(self) -> tuple[Tensor, ...]:
        """The states of silence: zeros."""
        kind = next(self.parameters())
        return tuple(kind.new_zeros(shape) for shape in self.shapes)


class Stream:
    """A network fed in chunks of any length: `step(frames)`, `reset()`.

    The first score comes with the first frame, then one every `hop` frames. Each is the network's answer
    to the last clip, of `io.frames` frames, with the true past of its first frames in place of zeros.
    The one that completes the first clip after a reset equals the network's answer to that clip.
    """

    def __init__(self, net: nn.Module, io: InputSpec, pool: Pooling = "window") -> None:
        self.io = io
        self.hop = hop_of(net, io)
        self.tape = Tape()
        self.net = _replaced(net, self.tape, math.ceil(io.frames / self.hop), pool).eval()
        self.reset()

    def reset(self) -> None:
        """Forget everything heard."""
        self.tape.kept, self.tape.seen = {}, {}

    @torch.inference_mode()
    def step(self, frames: Tensor) -> Tensor:
        """Turn features (C, F, n) into logits (m, classes); m hops begin in the n frames."""
        if frames.shape[:2] != self.io[:2]:
            wanted = f"{self.io.channels}x{self.io.freq}"
            raise UserError(f"a stream takes frames of {wanted}, not {tuple(frames.shape)}")
        if not frames.shape[2]:
            return frames.new_zeros(0, self.io.classes)
        self.tape.given, self.tape.kept = self.tape.kept, {}
        scores: Tensor = self.net(frames.unsqueeze(0))
        return scores


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

    def skipped(self, slot: str, stride: int, frames: int) -> int:
        """The number of `frames` new frames before the first that a stride takes."""
        if self.seen is None:
            return stride - 1
        before = self.seen.get(slot, 0)
        self.seen[slot] = before + frames
        return -before % stride


class _Conv(nn.Conv2d):
    """A convolution that reads its past from the tape; `_become` makes it from another."""

    tape: Tape
    slot: str
    past: int

    def forward(self, x: Tensor) -> Tensor:
        """(1, c_in, F, n) to (1, c_out, F', as many as the stride takes of n)."""
        frames, step = x.shape[3], self.stride[1]
        x = self.tape.extended(self.slot, x, self.past)
        skip = self.tape.skipped(self.slot, step, frames) if step > 1 else 0
        pad, reach = int(self.padding[0]), self.dilation[0] * (self.kernel_size[0] - 1)
        if skip >= frames:
            high = (x.shape[2] + 2 * pad - reach - 1) // self.stride[0] + 1
            return x.new_zeros(x.shape[0], self.out_channels, high, 0)
        args = (self.weight, self.bias, self.stride, (pad, 0), self.dilation, self.groups)
        return functional.conv2d(x[..., skip:], *args)


class _Average(Average):
    """An average that reads its past from the tape; `_become` makes it from another."""

    tape: Tape
    slot: str

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, F, n) to (1, C, F', as many as the stride takes of n)."""
        frames, step = x.shape[3], self.stride[1]
        x = self.tape.extended(self.slot, x, self.past)
        skip = self.tape.skipped(self.slot, step, frames) if step > 1 else 0
        if skip >= frames:
            return x.new_zeros(*x.shape[:2], -(-x.shape[2] // self.stride[0]), 0)
        return functional.avg_pool2d(x[..., skip:], 3, self.stride, (1, 0))


class _Mean(nn.Module):
    """A running mean: over the last `window` frames, or over all so far."""

    def __init__(self, tape: Tape, slot: str) -> None:
        super().__init__()
        self.tape, self.slot = tape, slot


class _Window(_Mean):
    """The mean over the last `window` frames; every frame becomes a separate example."""

    def __init__(self, tape: Tape, slot: str, window: int) -> None:
        super().__init__(tape, slot)
        self.window = window

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, F, n) to (n, C, 1, 1)."""
        line = x.mean(2, keepdim=True)
        if self.window > 1:
            line = torch.cat((self.tape.past(self.slot, line, self.window - 1), line), 3)
            self.tape.kept[self.slot] = line[..., 1 - self.window :]
        if not x.shape[3]:
            return x.new_zeros(0, x.shape[1], 1, 1)
        return functional.avg_pool2d(line, (1, self.window), 1).permute(3, 1, 2, 0)


class _Exponential(_Mean):
    """A mean with decaying weights and the same mean age as one over `window` frames; used as `_Window`."""

    def __init__(self, tape: Tape, slot: str, window: int) -> None:
        super().__init__(tape, slot)
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


class _SoFar(_Mean):
    """The mean over all frames so far: remembers it and, as a last channel, their number.

    It is exact, except for rounding, for the first `_MOST` frames: 11 minutes at 10 ms each. After
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
        kept = torch.cat((mean, count.clamp(max=_MOST)), 1)[..., -1:]
        self.tape.kept[self.slot] = kept if x.shape[3] else state
        return mean


def hop_of(net: nn.Module, io: InputSpec) -> int:
    """Frames from one score to the next: the product of the strides in time."""
    found = 1
    strides = _strides(net, io)
    for name, part in net.named_modules():
        if isinstance(part, nn.Conv2d):
            found = max(found, strides[name] * part.stride[1])
    return found


def _strides(net: nn.Module, io: InputSpec) -> dict[str, int]:
    """The input frames per frame that a convolution or an average receives, by its name."""
    shadow = copy.deepcopy(net).float().to("meta").eval()
    found: dict[str, int] = {}
    frames = _MANY

    def watch(name: str, given: Tensor) -> None:
        found[name] = round(frames / given.shape[3])

    for name, part in shadow.named_modules():
        if isinstance(part, (nn.Conv2d, Average)):
            part.register_forward_pre_hook(lambda _, args, name=name: watch(name, args[0]))
    _ = shadow(torch.zeros(1, io.channels, io.freq, frames, device="meta"))
    return found


def _replaced(net: nn.Module, tape: Tape, window: int, pool: Pooling) -> nn.Module:
    """A copy of the network whose parts read and write the tape."""
    net = copy.deepcopy(net)
    why = []
    for name, part in list(net.named_modules()):
        within = net.get_submodule(name.rpartition(".")[0])
        if isinstance(part, (nn.Conv2d, Average)):
            why += [f"{name} looks ahead in time"] if _looks_ahead(part) else []
            _become(part, tape, name)
        elif isinstance(part, ClipMean) and isinstance(within, Head):
            mean = _Window if pool == "window" else _Exponential
            within.add_module("pool", mean(tape, name, window))
        elif isinstance(part, RunningMean):
            assert isinstance(within, SE)
            within.add_module("pool", _SoFar(tape, name))
        elif isinstance(part, _FORMLESS):
            why.append(f"{name} looks ahead in time or has no causal form")
    if why:
        raise UserError(
            f"{why[0]}, so the network cannot stream",
            hint="Search for causal networks, if the space has them: space.causal=true",
        )
    return net


def _looks_ahead(part: nn.Conv2d | Average) -> bool:
    wide = part.kernel_size[1] > 1 if isinstance(part, nn.Conv2d) else True
    return wide and not getattr(part, "past", 0)


def _become(part: nn.Conv2d | Average, tape: Tape, slot: str) -> None:
    """Turn a part into a `_Conv` or `_Average`: same weights, same name, same place."""
    past = getattr(part, "past", 0)
    part.__class__ = _Conv if isinstance(part, nn.Conv2d) else _Average
    assert isinstance(part, (_Conv, _Average))
    part.past, part.tape, part.slot = past, tape, slot
