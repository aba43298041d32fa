"""MixedNet, microWakeWord's network for wake words: a strided stem, split kernels, the last frames.

Source: kahrendt/microWakeWord at 71677bd, microwakeword/mixednet.py. Those networks have no padding. This
one is causal, and is the same function where its head reads no padding: it requires clips that are as long.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from torch import nn

from audionas.core.arch import Choice, InputSpec
from audionas.core.errors import UserError
from audionas.nn.edge import EdgeFactory
from audionas.nn.mixed.blocks import EndConv
from audionas.nn.mixed.heads import LastHead
from audionas.nn.ops import OPS, SPLITS, OpShape
from audionas.spaces._base import BuildSize, Space
from audionas.spaces._chain import Chain, one_channel

_EPS = 1e-3  # of batch norms, as in Keras
_FRAME, _HOP = 30, 10  # milliseconds of the front-end `micro`
_KERNELS = frozenset(map(max, SPLITS))


@dataclass(frozen=True, kw_only=True)
class Mixednet(Space):
    """`depth` blocks, each with a choice of kernels and of a residual; no kernel is longer than `longest`.

    The first convolution has `stem` channels, kernel `stem_kernel` and, with `stem_bias`, a bias; it takes
    every `stride`-th frame. Every block has `filters` channels. The head reads the last `frames` frames
    (after the stride): as they are (`pool: flatten`), their `mean` or their `max`. These are settings, as
    methods with gates cannot choose them; kernels and residuals are searched. microWakeWord's networks have
    a stem of 30 to 64, filters of 48 to 64 and 1 to 17 frames. Always causal.
    """

    stem: int = 32
    stem_kernel: Literal[3, 5] = 5
    stem_bias: bool = False
    stride: Literal[1, 2, 3] = 3
    depth: Literal[3, 4, 5] = 4
    filters: int = 64
    longest: int = 23
    frames: int = 5
    pool: Literal["flatten", "mean", "max"] = "flatten"

    features: ClassVar[str] = "micro/settled"
    paper: ClassVar[str] = "MixConv: Mixed Depthwise Convolutional Kernels"
    arxiv: ClassVar[str] = "1907.09595"

    def __post_init__(self) -> None:
        """Refuse wrong values, counts below one, and a longest kernel below the shortest."""
        super().__post_init__()
        least = {"stem": 2, "filters": 2, "longest": min(_KERNELS), "frames": 1}
        problems = [
            f"{self.name}.{name} is {getattr(self, name)}, expected at least {low}"
            for name, low in least.items()
            if getattr(self, name) < low
        ]
        if problems:
            raise UserError(problems, hint="See: audionas list spaces")

    def choices(self) -> tuple[Choice, ...]:
        """block1 to block5, as deep as `depth`; one option each."""
        options = tuple(n for n, op in OPS.items() if op.split and op.kernel <= self.longest)
        return tuple(Choice(f"block{i}", options) for i in range(1, self.depth + 1))

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        """Stem, ReLU, blocks, head; no dropout unless given. Raises UserError for clips that do not fit."""
        one_channel(io, self.name)
        stem = nn.Sequential()
        first = EndConv(io.freq, self.stem, self.stem_kernel, stride=self.stride, bias=self.stem_bias)
        stem.add_module("conv", first)
        stem.add_module("act", nn.ReLU())
        channels = (self.stem, *[self.filters] * self.depth)
        edges = [
            fill(choice, OpShape(c_in, self.filters, causal=True, eps=_EPS))
            for choice, c_in in zip(self.choices(), channels, strict=False)
        ]
        built = [edge.ops for edge in edges if edge is not None]
        kernels = [max((OPS[o].kernel for o in ops if o in OPS), default=1) for ops in built]
        self._require(io.frames, self._reach(kernels), searched=any(len(ops) > 1 for ops in built))
        head = LastHead(self.filters, io.classes, self.frames, self.pool, scale.dropout_or(0.0))
        return Chain(stem, edges, head, fold=True)

    def fitting(self, frames: int) -> int:
        """The fewest frames, at least `frames`, that all networks of the space take."""
        kernels = [max(OPS[o].kernel for o in choice.options) for choice in self.choices()]
        return self._fitting(frames, self._reach(kernels))

    def _reach(self, kernels: list[int]) -> int:
        """The frames that a network reads whose blocks have these kernels, the longest of each."""
        return self.stem_kernel + self.stride * (sum(k - 1 for k in kernels) + self.frames - 1)

    def _fitting(self, frames: int, reach: int) -> int:
        return reach + self.stride * max(0, -(-(frames - reach) // self.stride))

    def _require(self, frames: int, reach: int, *, searched: bool) -> None:
        """Raise UserError where the head would read padding, or frames remain that no stride takes."""
        if (wanted := self._fitting(frames, reach)) == frames:
            return
        rest = (frames - self.stem_kernel) % self.stride
        why = f"reads {reach} frames, but clips have {frames}"
        if frames > reach:
            taken = f"{self.stem_kernel} frames and then {self.stride} at a time"
            why = f"takes {taken}, which leaves {rest} of {frames}"
        seconds = (_FRAME + _HOP * (wanted - 1)) / 1000
        shorter = (k for k in range(self.longest - 1, min(_KERNELS) - 1, -1) if k in _KERNELS and searched)
        fits = next((k for k in shorter if replace(self, longest=k).fitting(frames) == frames), 0)
        raise UserError(
            f"space {self.name}: a network {why}",
            hint=f"With the front-end micro, take clips of {wanted} frames: data.seconds={seconds:.2f}"
            + (f", or offer shorter kernels: space.longest={fits}" if fits else ""),
        )
