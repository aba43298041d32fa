"""Eight MobileNetV2-like blocks over time, with a choice of kernel, expansion and the preset's extras.

Kernels are almost free here, expansion and SE are not: give a search a cost on parameters or
latency, since with multiply-adds alone every kernel becomes 9.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import nn

from audionas.core.arch import Choice, InputSpec
from audionas.nn.edge import EdgeFactory
from audionas.nn.mix import mixes
from audionas.nn.ops import KERNELS
from audionas.spaces._base import BuildSize, Space
from audionas.spaces._chain import one_channel, scaled, temporal_chain

_CHANNELS = (24, 24, 24, 36, 36, 48, 48, 64, 64)  # stem, then the eight layers at width 1
_STRIDES = (2, 1, 2, 1, 2, 1, 1, 1)


@dataclass(frozen=True, kw_only=True)
class KwsMobilenet(Space):
    """Presets, options per layer: `sf6` k3/5/7 x e3/6; `sf8` adds k9; `sf16` adds SE; `depth` is sf8 with a
    skip where the shape stays; `darts` is sf8 with a skip everywhere (a 1x1 convolution where it changes).
    `mix2` sums up to 2 of the kernels 3/5/7/9 inside a block, x e3/6 (20 options), `mix3` (28) and `mix4`
    (30) up to 3 and 4: the presets for MixPath.
    """

    preset: Literal["sf6", "sf8", "sf16", "depth", "darts", "mix2", "mix3", "mix4"] = "sf8"
    width: float = 1.0
    causal: bool = False

    paper: ClassVar[str] = "MobileNetV2: Inverted Residuals and Linear Bottlenecks (the blocks)"
    arxiv: ClassVar[str] = "1801.04381"

    def choices(self) -> tuple[Choice, ...]:
        """layer1 to layer8; several bottlenecks may survive and be summed, as FairDARTS derives them.

        In presets with parallel kernels, one option is taken.
        """
        if self.preset.startswith("mix"):
            mixed = tuple(f"mix_{mix.name}" for mix in mixes(KERNELS, int(self.preset[3:])))
            return tuple(Choice(f"layer{i}", mixed) for i, _ in enumerate(_STRIDES, 1))
        kernels = KERNELS[:3] if self.preset == "sf6" else KERNELS
        suffixes = ("", "_se") if self.preset == "sf16" else ("",)
        convs = tuple(f"mb_k{k}_e{e}{s}" for k in kernels for e in (3, 6) for s in suffixes)
        skips = {"darts": range(8), "depth": (1, 3, 5, 7)}.get(self.preset, ())
        options = [(*convs, "skip") if i in skips else convs for i in range(len(_STRIDES))]
        return tuple(Choice(f"layer{i}", o, max_active=len(o)) for i, o in enumerate(options, 1))

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        """The chain; dropout 0.2 before the last layer unless given."""
        one_channel(io, self.name)
        return temporal_chain(
            self.choices(),
            fill,
            io,
            channels=scaled(_CHANNELS, self.width),
            strides=_STRIDES,
            causal=self.causal,
            dropout=scale.dropout_or(0.2),
        )
