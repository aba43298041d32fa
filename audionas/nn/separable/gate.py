"""SparkNet's head: each frame passes a few noisy gates, and their mean over time is classified.

Svirsky et al., arXiv:2406.06634. The gates are the stochastic gates of Yamada et al. (arXiv:1810.04247) with
a mean that depends on the input.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from audionas.nn.blocks import Conv, Head
from audionas.nn.separable.penalties import Penalised

NOISE = 0.5  # standard deviation of a gate in training
PENALTY = 0.01  # weight of the mean probability of an open gate, beside the loss in nats


class GateHead(Head, Penalised):
    """mu = tanh(BN(1x1 conv)), `gates` channels; z = clamp(mu + 0.5 + noise, 0, 1); mean, linear layer.

    The noise is normal and drawn from torch's generator; in evaluation there is none.
    """

    def __init__(self, channels: int, gates: int, classes: int, dropout: float = 0.0) -> None:
        super().__init__(gates, classes, dropout)
        self.gate = Conv(channels, gates, (1, 1), bias=True)
        self.bn = nn.BatchNorm2d(gates)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, F, T) to (B, classes) logits."""
        mu = torch.tanh(self.bn(self.gate(x)))
        noisy = self.training and torch.is_grad_enabled()
        self.term = PENALTY * open_share(mu.float()) if noisy else None
        return super().forward(opened(mu + NOISE * torch.randn_like(mu) if self.training else mu))


def opened(mu: Tensor) -> Tensor:
    """clamp(mu + 0.5, 0, 1), in two operators that every exported file has."""
    return functional.relu(mu + 0.5).clamp(max=1.0)


def open_share(mu: Tensor) -> Tensor:
    """The mean probability that a gate is above 0, Phi((mu + 0.5) / 0.5), a scalar."""
    share: Tensor = torch.special.ndtr((mu + 0.5) / NOISE).mean()
    return share
