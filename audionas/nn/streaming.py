"""A causal network as a step: frames and states in, scores and states out.

The network is not rewritten. In a copy, modules that look at more than one frame are replaced by ones with
the same weights and names that read the past from a tape and write it back: convolutions over time keep the
frames that their kernel still needs, means keep what they average. All other modules work frame by frame.
Parallel branches are folded first.
"""

import copy
import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.nn.blocks import SE, Head
from audionas.nn.cell_blocks import FactorizedReduce, Noise, PoolNorm, Zero
from audionas.nn.cp_block import Average, LogitMap
from audionas.nn.fold.fold import in_use
from audionas.nn.means import ClipMean, EndlessMean, RingMean
from audionas.nn.mixed.blocks import EndConv, MixDepthwise
from audionas.nn.mixed.heads import LastFrames, LastHead, LastMax, LastMean
from audionas.nn.stream_means import Ending, Exponential, Largest, Line, Newest, Ring, SoFar, Tape, Window

Pooling = Literal["window", "exponential"]
Squeezing = Literal["blocks", "frames"]  # what squeeze-and-excitation keeps: sums of blocks, or all frames
_MANY = 1024  # frames, enough to measure strides
_LAST = {LastFrames: Newest, LastMean: Window, LastMax: Largest}
_FORMLESS = (ClipMean, nn.AvgPool2d, nn.MaxPool2d, PoolNorm, FactorizedReduce, Zero, Noise, LogitMap)


class Step(nn.Module):
    """Computes `step(frames, *states)` -> (scores, *states): a pure function that a runtime can hold.

    `frames` is (1, C, F, n), n a multiple of `hop`; `scores` is (1, n / hop, classes), logits. `states` are
    float32 tensors of `shapes`, zeros at the start, under `names`. A score belongs to the last frame of its
    hop. If `lead` frames of zeros come first, its scores equal those of `Stream` after `field` frames; with
    `RingMean`, whose blocks begin at the first frame of each, nearly.

    The mean at the end is taken over the last clip (`window`), or exponentially with the same
    mean age (`exponential`), which remembers one frame instead of a clip.

    The mean of squeeze-and-excitation is `RingMean`'s, in `blocks`; or, for int8, that of the last clip's
    `frames` (`stream_means.Line`), which differs from it in the last eighth of a clip, and before a whole
    clip was heard.

    Finite memory: after `field` frames scores depend on nothing before them, exactly, if both pasts have the
    same length (blocks of `RingMean` count from the start). With an exponential mean what is left of the
    difference between two pasts falls by the factor `fades` per hop from then on; 0 where nothing is left.
    Networks of earlier versions whose squeeze-and-excitation averages over everything have `field` None.

    Raises UserError for a network that looks ahead.
    """

    def __init__(
        self, net: nn.Module, io: InputSpec, pool: Pooling = "window", squeeze: Squeezing = "blocks"
    ) -> None:
        super().__init__()
        net = in_use(net)
        strides = _strides(net, io)
        self.hop = _hop(net, strides)
        self.tape = Tape()
        self.net = _replaced(net, self.tape, io, strides, pool, squeeze).eval()
        ends = [part.window for part in self.net.modules() if isinstance(part, Ending)]
        self.window = max(ends, default=math.ceil(io.frames / self.hop))
        parts = [
            part for part in self.net.modules() if isinstance(part, (_Conv, _Average, _Mixed, Ring, Line))
        ]
        late = [part.whole_hops() for part in parts if isinstance(part, _Conv) and part.late is not None]
        self.lead = self.hop - 1 - sum(late)
        shadow = copy.deepcopy(self).float().to("meta")
        _ = shadow.net(torch.zeros(1, io.channels, io.freq, self.hop, device="meta"))
        self.names = tuple(shadow.tape.kept)
        self.shapes = tuple(tuple(state.shape) for state in shadow.tape.kept.values())
        reach = sum(part.past * strides[part.slot] for part in parts)  # all parallel branches add
        endless = any(isinstance(part, SoFar) for part in self.net.modules())
        fading = pool == "exponential" and any(isinstance(part, Exponential) for part in self.net.modules())
        self.fades = 1 - 2 / (self.window + 1) if fading else 0.0
        self.field = None if endless else reach + (1 if fading else self.window) * self.hop

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
        net = in_use(net)
        strides = _strides(net, io)
        self.hop = _hop(net, strides)
        self.tape = Tape()
        self.net = _replaced(net, self.tape, io, strides, pool).eval()
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


class _Conv(nn.Conv2d):
    """A convolution that reads its past from the tape; `_become` makes it from another."""

    tape: Tape
    slot: str
    past: int
    late: int | None = None  # an `EndConv`'s frames before the first that its stride takes
    whole = False  # chunks are whole hops, and what an `EndConv` does not read of them is not kept

    def whole_hops(self) -> int:
        """Keep no more of an `EndConv`'s past than whole hops need. Returns `late`."""
        assert self.late is not None
        self.past, self.whole = self.past - (self.stride[1] - 1), True
        return self.late

    def forward(self, x: Tensor) -> Tensor:
        """(1, c_in, F, n) to (1, c_out, F', as many as the stride takes of n)."""
        frames, step = x.shape[3], self.stride[1]
        x = self.tape.extended(self.slot, x, self.past)
        strided = step > 1 and not self.whole
        skip = self.tape.skipped(self.slot, step, frames, self.late or 0) if strided else 0
        pad, reach = int(self.padding[0]), self.dilation[0] * (self.kernel_size[0] - 1)
        if skip >= frames:
            high = (x.shape[2] + 2 * pad - reach - 1) // self.stride[0] + 1
            return x.new_zeros(x.shape[0], self.out_channels, high, 0)
        args = (self.weight, self.bias, self.stride, (pad, 0), self.dilation, self.groups)
        return functional.conv2d(x[..., skip:], *args)


class _Mixed(MixDepthwise):
    """Split kernels that read one past from the tape; `_replaced` makes it from another."""

    tape: Tape
    slot: str

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, 1, n) to (1, C, 1, as many as the stride takes of n)."""
        frames = x.shape[3]
        x = self.tape.extended(self.slot, x, self.past)
        skip = self.tape.skipped(self.slot, self.stride, frames) if self.stride > 1 else 0
        return x.new_zeros(*x.shape[:3], 0) if skip >= frames else self.mixed(x[..., skip:])


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


def hop_of(net: nn.Module, io: InputSpec) -> int:
    """Frames from one score to the next: the product of the strides in time."""
    return _hop(net, _strides(net, io))


def _hop(net: nn.Module, strides: dict[str, int]) -> int:
    convs = [(name, part) for name, part in net.named_modules() if isinstance(part, nn.Conv2d)]
    return max((strides[name] * part.stride[1] for name, part in convs), default=1)


def _strides(net: nn.Module, io: InputSpec) -> dict[str, int]:
    """The input frames per frame that what reads the past receives, by its name."""
    shadow = copy.deepcopy(net).float().to("meta").eval()
    found: dict[str, int] = {}
    frames = _MANY

    def watch(name: str, given: Tensor) -> None:
        found[name] = round(frames / given.shape[3])

    for name, part in shadow.named_modules():
        if isinstance(part, (nn.Conv2d, MixDepthwise, Average, RingMean)):
            part.register_forward_pre_hook(lambda _, args, name=name: watch(name, args[0]))
    _ = shadow(torch.zeros(1, io.channels, io.freq, frames, device="meta"))
    return found


def _replaced(
    net: nn.Module,
    tape: Tape,
    io: InputSpec,
    strides: dict[str, int],
    pool: Pooling,
    squeeze: Squeezing = "blocks",
) -> nn.Module:
    """A copy of the network whose parts read and write the tape."""
    window = math.ceil(io.frames / _hop(net, strides))
    net = copy.deepcopy(net)
    why: list[str] = []
    mixed: set[str] = set()
    for name, part in list(net.named_modules()):
        within = net.get_submodule(name.rpartition(".")[0])
        if isinstance(part, (nn.Conv2d, MixDepthwise, Average)):
            if ".branches." in name and name.rpartition(".branches.")[0] in mixed:
                continue  # it reads what its `MixDepthwise` gives it
            why += [f"{name} looks ahead in time"] if _looks_ahead(part) else []
            mixed |= {name} if isinstance(part, MixDepthwise) else set()
            _become(part, tape, name, io)
        elif isinstance(part, ClipMean) and isinstance(within, Head):
            mean = Window if pool == "window" else Exponential
            within.add_module("pool", mean(tape, name, window))
        elif type(part) in _LAST:
            assert isinstance(within, LastHead)
            kind = Exponential if isinstance(part, LastMean) and pool == "exponential" else _LAST[type(part)]
            within.add_module("pool", kind(tape, name, part.frames))
        elif isinstance(part, RingMean):
            assert isinstance(within, SE)
            ring = Ring if squeeze == "blocks" else Line
            within.add_module("pool", ring(tape, name, math.ceil(io.frames / strides[name])))
        elif isinstance(part, EndlessMean):
            assert isinstance(within, SE)
            within.add_module("pool", SoFar(tape, name))
        elif isinstance(part, _FORMLESS):
            why.append(f"{name} looks ahead in time or has no causal form")
    if why:
        raise UserError(
            f"{why[0]}, so the network cannot stream",
            hint="Search for causal networks, if the space has them: space.causal=true",
        )
    return net


def _looks_ahead(part: nn.Conv2d | MixDepthwise | Average) -> bool:
    wide = part.longest > 1 if isinstance(part, MixDepthwise) else True
    wide = part.kernel_size[1] > 1 if isinstance(part, nn.Conv2d) else wide
    return wide and not getattr(part, "past", 0)


def _become(part: nn.Conv2d | MixDepthwise | Average, tape: Tape, slot: str, io: InputSpec) -> None:
    """Turn a part into a `_Conv`, `_Mixed` or `_Average`: same weights, same name, same place."""
    past = getattr(part, "past", 0)
    late = (io.frames - 1) % part.stride[1] if isinstance(part, EndConv) else None
    kinds = {nn.Conv2d: _Conv, MixDepthwise: _Mixed, Average: _Average}
    part.__class__ = next(form for kind, form in kinds.items() if isinstance(part, kind))
    assert isinstance(part, (_Conv, _Mixed, _Average))
    part.past, part.tape, part.slot = past, tape, slot
    if isinstance(part, _Conv):
        part.late = late
