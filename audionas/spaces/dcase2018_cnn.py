"""The baseline network of DCASE 2018 task 5: two convolutions over time, the strongest frame, two layers.

Dekkers et al., "DCASE 2018 Challenge - Task 5"; layers and settings are those of the organisers' task5.yaml.
Weights are initialised as in all our networks, not as in Keras.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from audionas.core.arch import Choice, InputSpec
from audionas.nn.blocks import Head
from audionas.nn.edge import EdgeFactory
from audionas.spaces._base import BuildSize, Space
from audionas.spaces._chain import Chain, one_channel

_KERNELS = (5, 3)  # frames; the first convolution spans all bands
_POOL = 5  # frames of which the strongest is kept
_CHANNELS = (32, 64)
_HIDDEN = 64
_EPS, _MOMENTUM = 1e-3, 0.01  # of batch norms, as in Keras: statistics move by 1 % per step


@dataclass(frozen=True, kw_only=True)
class Dcase2018Cnn(Space):
    """No choices. Nothing is padded: 501 frames become 497, 99 and 97, of which the strongest is kept."""

    features: ClassVar[str] = "logmel/dcase"
    paper: ClassVar[str] = "Monitoring of domestic activities based on multi-channel acoustics"
    arxiv: ClassVar[str] = "1807.11246"

    def choices(self) -> tuple[Choice, ...]:
        """None: the network is hand-made."""
        return ()

    def network(self, fill: EdgeFactory, io: InputSpec, scale: BuildSize) -> nn.Module:
        """Dropout 0.2 after each convolution and the hidden layer, unless given."""
        one_channel(io, self.name)
        (first, second), dropout = _CHANNELS, scale.dropout_or(0.2)
        body = nn.Sequential()
        body.add_module("pad", _AtLeast(_KERNELS[0] - 1 + _POOL * _KERNELS[1]))
        body.add_module("conv1", nn.Conv2d(1, first, (io.freq, _KERNELS[0])))
        body.add_module("bn1", nn.BatchNorm2d(first, eps=_EPS, momentum=_MOMENTUM))
        body.add_module("act1", nn.ReLU())
        body.add_module("pool1", nn.MaxPool2d((1, _POOL)))
        body.add_module("drop1", nn.Dropout(dropout))
        body.add_module("conv2", nn.Conv2d(first, second, (1, _KERNELS[1])))
        body.add_module("bn2", nn.BatchNorm2d(second, eps=_EPS, momentum=_MOMENTUM))
        body.add_module("act2", nn.ReLU())
        return Chain(body, [], _StrongestHead(second, io.classes, dropout), fold=False)


class _AtLeast(nn.Module):
    """Zeros after a clip that is too short for one position of the second convolution."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.frames = frames

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, F, T) to the same with at least `frames` frames."""
        short = self.frames - x.shape[3]
        return functional.pad(x, (0, short)) if short > 0 else x


class _StrongestHead(Head):
    """The greatest value of each channel, dropout, a hidden layer, then `Head`."""

    def __init__(self, channels: int, classes: int, dropout: float) -> None:
        super().__init__(_HIDDEN, classes, dropout)
        self.hidden = nn.Linear(channels, _HIDDEN)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, F, T) to (B, classes) logits."""
        hidden = self.hidden(self.dropout(x.amax((2, 3)))).relu()
        return super().forward(hidden[:, :, None, None])
