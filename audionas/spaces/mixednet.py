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
from audionas.nn.ops import OPS
from audionas.spaces import _mixednet
from audionas.spaces._base import BuildSize, Space
from audionas.spaces._chain import one_channel
from audionas.spaces._mixednet import KERNELS, Plan

_EVEN = "mixdw_k8"


@dataclass(frozen=True, kw_only=True)
class Mixednet(Space):
    """`depth` blocks, each with a choice of kernels and of a residual; no kernel is longer than `longest`.

    The first convolution has `stem` channels, kernel `stem_kernel` and, with `stem_bias`, a bias; it takes
    every `stride`-th frame. Every block has `filters` channels, and its convolutions `repeat` times, with
    one residual for all of them. The head reads the last `frames` frames (after the stride): as they are
    (`pool: flatten`), their `mean` or their `max`. These are settings, as methods with gates cannot choose
    them; kernels and residuals are searched, and the space `mixednet_sizes` searches both. microWakeWord's
    networks have a stem of 30 to 64, filters of 48 to 64 and 1 to 17 frames. With `even` there is a kernel
    of 8 too, which its detector of voices has. Always causal.
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
    repeat: int = 1
    even: bool = False

    added: ClassVar[tuple[str, ...]] = ("repeat", "even")
    features: ClassVar[str] = "micro/settled"
    paper: ClassVar[str] = "MixConv: Mixed Depthwise Convolutional Kernels"
    arxiv: ClassVar[str] = "1907.09595"

    def __post_init__(self) -> None:
        """Refuse wrong values, counts below one, and a longest kernel below the shortest."""
        super().__post_init__()
        least = {"stem": 2, "filters": 2, "longest": min(KERNELS), "frames": 1, "repeat": 1}
        problems = [
            f"{self.name}.{name} is {getattr(self, name)}, expected at least {low}"
            for name, low in least.items()
            if getattr(self, name) < low
        ]
        if self.even and self.longest < 8:
            problems.append(f"{self.name}.even adds a kernel of 8, which needs longest=8 at least")
        if problems:
            raise UserError(problems, hint="See: audionas list spaces")

    def choices(self) -> tuple[Choice, ...]:
        """block1 to block5, as deep as `depth`; one option each."""
        even = tuple(f"{_EVEN}{end}" for end in ("", "_res") if self.even)
        found = (*_mixednet.options(self.longest), *even)
        return tuple(Choice(f"block{i}", found) for i in range(1, self.depth + 1))

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        """Stem, ReLU, blocks, head; no dropout unless given. Raises UserError for clips that do not fit."""
        one_channel(io, self.name)
        net = _mixednet.chain_of(self._plan, self.choices(), fill, io, scale.dropout_or(0.0))
        kernels = _mixednet.kernels_of(net)
        searched = any(len(some) > 1 for some in kernels)
        _mixednet.require(
            self.name,
            self._plan,
            io.frames,
            _mixednet.reach(self._plan, [max(some) for some in kernels]),
            lambda: self._shorter(io.frames) if searched else 0,
        )
        return net

    def fitting(self, frames: int) -> int:
        """The fewest frames, at least `frames`, that all networks of the space take."""
        kernels = [max(OPS[o].kernel for o in choice.options) for choice in self.choices()]
        return _mixednet.fitting(self._plan, frames, _mixednet.reach(self._plan, kernels))

    @property
    def _plan(self) -> Plan:
        filters = (self.filters,) * self.depth
        head = (self.repeat, self.frames, self.pool)
        return Plan(self.stem, self.stem_kernel, self.stem_bias, self.stride, filters, *head)

    def _shorter(self, frames: int) -> int:
        """The longest kernel with which clips of `frames` are long enough; 0 where there is none."""
        known = (k for k in range(self.longest - 1, min(KERNELS) - 1, -1) if k in KERNELS)
        return next((k for k in known if replace(self, longest=k).fitting(frames) == frames), 0)
