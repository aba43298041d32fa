"""The loss of a student against a teacher: the divergence of their softened distributions.

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network" (2015), arXiv:1503.02531, section 2.
"""

from torch import Tensor
from torch.nn import functional


def divergence(logits: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T^2 KL(softmax(teacher / T) || softmax(logits / T)) in nats, the mean over (B, classes) logits.

    Its gradient by an example's logits is T (softmax(logits / T) - softmax(teacher / T)): with T^2 its size
    does not fall with T. For a large T it is the difference of the centred logits divided by the number of
    classes (section 2.1, eq. 4).
    """
    own = functional.log_softmax(logits / temperature, 1)
    other = functional.log_softmax(teacher / temperature, 1)
    return temperature**2 * functional.kl_div(own, other, reduction="batchmean", log_target=True)


def distilled(loss: Tensor, distance: Tensor, weight: float) -> Tensor:
    """(1 - w) of the usual loss and w of the divergence; with w = 0 exactly the usual loss."""
    return (1 - weight) * loss + weight * distance
