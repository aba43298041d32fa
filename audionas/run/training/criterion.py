"""The loss of a network's answers: cross-entropy with the labels, each example by its weight."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Criterion:
    """Cross-entropy in nats, the mean over a batch of each loss times its weight, one of `weights` (B,).

    The sum is divided by the number of examples, not by the weights' sum: a weight of 2 doubles a loss.
    """

    label_smoothing: float = 0.0
    weights: Tensor | None = None

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of logits (B, classes), a scalar."""
        smoothing = self.label_smoothing
        if self.weights is None:
            return functional.cross_entropy(logits, target, label_smoothing=smoothing)
        each = functional.cross_entropy(logits, target, label_smoothing=smoothing, reduction="none")
        return (self.weights * each).mean()
