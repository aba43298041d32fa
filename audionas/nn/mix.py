"""Inverted bottlenecks with several depthwise kernels in parallel (MixPath, Chu et al., arXiv:2001.05887)."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from torch import Tensor, nn

from audionas.nn.blocks import Act, Conv, ConvBN
from audionas.nn.shadow_norm import ShadowNorm

EXPANSIONS = (3, 6)


class Mix(NamedTuple):
    """The kernels that are summed, from small to large, and the expansion that they share."""

    kernels: tuple[int, ...]
    expansion: int

    @property
    def name(self) -> str:
        """The end of an operation's name: `k35_e3` has kernels 3 and 5."""
        return f"k{''.join(map(str, self.kernels))}_e{self.expansion}"

    @property
    def told(self) -> str:
        """The mix in words."""
        word = "kernels" if len(self.kernels) > 1 else "kernel"
        return f"{word} {' + '.join(map(str, self.kernels))}, expansion {self.expansion}"


def mixes(kernels: Sequence[int], most: int) -> tuple[Mix, ...]:
    """Every set of at most `most` of the kernels, small sets first, with each expansion."""
    sets = (some for count in range(1, most + 1) for some in combinations(kernels, count))
    return tuple(Mix(some, expansion) for some in sets for expansion in EXPANSIONS)


class MixBlock(nn.Module):
    """1x1 conv to expansion * c_in, BN, activation; depthwise kernels with the stride, each with its own BN
    and activation, summed; 1x1 conv, BN; identity shortcut where the shape stays.

    The kernels lie along the `axes` of (B, C, F, T): 2 frequency, 3 time. Where `bare`, the last norm has no
    affine parameters; `norm` replaces it.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        mix: Mix,
        *,
        axes: tuple[int, ...],
        stride: tuple[int, int],
        causal: bool = False,
        act: Act = "relu",
        bare: bool = False,
        norm: nn.Module | None = None,
    ) -> None:
        super().__init__()
        wide = mix.expansion * c_in
        self.mix = mix
        self.expand = ConvBN(c_in, wide, (1, 1), act=act)
        self.branches = nn.ModuleDict()
        for k in mix.kernels:
            kernel = (k if 2 in axes else 1, k if 3 in axes else 1)
            branch = ConvBN(wide, wide, kernel, stride=stride, groups=wide, causal=causal, act=act)
            self.branches[f"k{k}"] = branch
        self.project = Conv(wide, c_out, (1, 1))
        self.norm = nn.BatchNorm2d(c_out, affine=not bare) if norm is None else norm
        self.residual = stride == (1, 1) and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, F, T) to (B, c_out, ceil(F / stride), ceil(T / stride))."""
        y: Tensor = self.norm(self.projected(x, self.mix.kernels))
        return x + y if self.residual else y

    def projected(self, x: Tensor, kernels: Sequence[int]) -> Tensor:
        """The sum of some branches before the last norm."""
        wide = self.expand(x)
        total = self.branches[f"k{kernels[0]}"](wide)
        for k in kernels[1:]:
            total = total + self.branches[f"k{k}"](wide)
        y: Tensor = self.project(total)
        return y


class SharedMix(MixBlock):
    """All bottlenecks with the same expansion in one; `norm` is a `ShadowNorm`, and the rest is shared."""

    norm: ShadowNorm

    def forward(self, x: Tensor, kernels: Sequence[int]) -> Tensor:  # type: ignore[override]
        """The output of the bottleneck with these kernels for (B, c_in, F, T)."""
        y: Tensor = self.norm(self.projected(x, kernels), len(kernels))
        return x + y if self.residual else y

    def weights_of(self, kernels: Sequence[int]) -> dict[str, Tensor]:
        """The state of the bottleneck with these kernels, under the names of `MixBlock`."""
        parts = {"expand": self.expand, "project": self.project, "norm": self.norm.of(len(kernels))}
        parts |= {f"branches.k{k}": self.branches[f"k{k}"] for k in kernels}
        return {f"{part}.{n}": t for part, module in parts.items() for n, t in module.state_dict().items()}
