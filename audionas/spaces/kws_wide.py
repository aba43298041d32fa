"""A wide keyword space: bands, depth, widths, strides and operations, from 0.04 to 10 M multiply-adds.

A stem and stages over time. A stage is entered by a convolution that sets its width and stride; the layers
after it keep both, and each may be skipped: SparkNet's, TC-ResNet's and TENet's blocks, and RepVGG's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from audionas.core.arch import Choice
from audionas.core.errors import hold
from audionas.nn.ops import OpShape
from audionas.nn.slim.setting import Setting
from audionas.spaces._chain import scaled
from audionas.spaces._slim import Place, SlimSpace

_BANDS = (20, 40)
_STEM = (16, 24, 32)  # channels at width 1
_STAGES = ((16, 24, 32), (16, 24, 32, 40), (16, 24, 32, 48), (24, 32, 48, 64))
_ENTER = {"stem": ("conv_k1", "conv_k3", "tcs_k11"), "stage": ("conv_k3", "tcs_k11")}
_LAYER = ("tc_k3", "tcs_k11_res", "tcs_k19_res", "rep_k3", "rep_k9", "mt_k9", "skip")
_STRIDES = (2, 1)
_MOST_LAYERS = 4


@dataclass(frozen=True, kw_only=True)
class KwsWide(SlimSpace):
    """`stages` of up to `layers` layers. `width` multiplies every number of channels to choose from.

    One supernet holds all of it: networks share the leading slices of its weights, so that methods with
    one network at a time search here and those that mix options do not. The first 20 or 40 rows of the
    features are read, which of MFCCs are the lowest coefficients, and the stem takes every frame or every
    second one. The hop and the number of mel bands stay settings of the front-end: other features are other
    inputs, on which no weights are shared.
    """

    width: float = 1.0
    stages: int = 3
    layers: int = 2
    causal: bool = False

    paper: ClassVar[str] = "BigNAS: Scaling Up Neural Architecture Search with Big Single-Stage Models"
    arxiv: ClassVar[str] = "2003.11142"

    def __post_init__(self) -> None:
        """Refuse wrong values, and more stages or layers than there are."""
        super().__post_init__()
        hold(
            (1 <= self.stages <= len(_STAGES), f"stages is {self.stages}, expected 1 to {len(_STAGES)}"),
            (1 <= self.layers <= _MOST_LAYERS, f"layers is {self.layers}, expected 1 to {_MOST_LAYERS}"),
            place=f"{self.name}.",
        )

    def bands(self) -> Setting:
        """The rows of the features that are read."""
        return Setting("bands", _BANDS)

    def shape(self) -> OpShape:
        """Causal or not."""
        return OpShape(0, 0, causal=self.causal)

    def places(self) -> Sequence[Place]:
        """stem; then by stage its entrance and its layers."""
        return [self._enter("stem", "stem", _STEM), *(p for i in range(self.stages) for p in self._stage(i))]

    def _stage(self, index: int) -> Iterator[Place]:
        name = f"stage{index + 1}"
        yield self._enter(name, "stage", _STAGES[index])
        for i in range(1, self.layers + 1):
            yield Place(Choice(f"{name}_layer{i}", _LAYER))

    def _enter(self, name: str, kind: str, channels: Sequence[int]) -> Place:
        """A place with a width and a stride of its own."""
        widths = tuple(dict.fromkeys(scaled(channels, self.width)))
        width, stride = Setting(f"{name}_width", widths), Setting(f"{name}_stride", _STRIDES)
        return Place(Choice(name, _ENTER[kind]), width, stride)
