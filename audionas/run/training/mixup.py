"""Mixup: each example of a batch mixed with another one of it, and the loss that has the labels of both.

Zhang, Cisse, Dauphin and Lopez-Paz, "mixup: Beyond Empirical Risk Minimization" (2018), arXiv:1710.09412.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from audionas.data.batches import Batch
from audionas.run.training.criterion import Criterion

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Mix:
    """A `share` of each example and the rest of the one at its place in `order`, a permutation (B,)."""

    share: float
    order: Tensor

    def of(self, x: Tensor) -> Tensor:
        """The mixed examples (B, ...): share x + (1 - share) x[order]."""
        return self.share * x + (1 - self.share) * x[self.order.to(x.device)]

    def sound(self, batch: Batch) -> Batch:
        """A batch of sound or of its features, mixed; pixels are whole numbers and wait for `pixels`."""
        return batch._replace(x=self.of(batch.x)) if batch.x.is_floating_point() else batch

    def pixels(self, batch: Batch, x: Tensor) -> Tensor:
        """The prepared examples `x` of a batch, mixed unless `sound` has done so."""
        return x if batch.x.is_floating_point() else self.of(x)


def draw(size: int, alpha: float) -> Mix | None:
    """A mix of a batch of `size` with a share from Beta(`alpha`, `alpha`), by torch's generator on the CPU.

    None where alpha is 0; then nothing is drawn.
    """
    if not alpha:
        return None
    share = torch.distributions.Beta(alpha, alpha).sample().item()
    return Mix(share, torch.randperm(size))


def criterion(smoothing: float, weights: Tensor | None, mix: Mix | None) -> Loss:
    """The loss of logits (B, K) and targets (B,); with a mix, by share, that of both labels (equation 1).

    The other example's loss has its own weight, of `weights` (B,).
    """
    own = Criterion(smoothing, weights)
    if mix is None:
        return own
    other = own if weights is None else Criterion(smoothing, weights[mix.order.to(weights.device)])

    def both(logits: Tensor, target: Tensor) -> Tensor:
        theirs = other(logits, target[mix.order.to(target.device)])
        return mix.share * own(logits, target) + (1 - mix.share) * theirs

    return both
