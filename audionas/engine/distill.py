"""Distillation: its settings, and the loss of a student against a teacher, both softened.

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network" (2015), arXiv:1503.02531, section 2.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from audionas.core.errors import hold
from audionas.core.strict import Strict


@dataclass(frozen=True, kw_only=True)
class Distill(Strict):
    """A teacher besides the labels: (1 - weight) of the usual loss, `weight` of T^2 KL(teacher || student),
    with both softened by the `temperature` T (Hinton et al. 2015, arXiv:1503.02531).

    `teacher` is a trained model: a run folder, its `model/`, or a shipped model's name. A list of them is an
    ensemble: it answers with the mean of their logits, the geometric mean of their softened distributions
    (section 2). If `cache` is true, a teacher answers once for each stored example, even if the student's
    examples are augmented; if it is false, it answers for every batch as the student hears it. By default
    answers are cached for recordings that are not augmented, and for nothing else.
    """

    teacher: tuple[str, ...]
    weight: float = 0.5
    temperature: float = 4.0
    cache: bool | None = None

    def __post_init__(self) -> None:
        hold(
            (
                self.teacher and all(name.strip() for name in self.teacher),
                "teacher is empty, expected a trained model such as exp/teacher",
            ),
            (len(set(self.teacher)) == len(self.teacher), "teacher names a model twice"),
            (0 <= self.weight <= 1, f"weight is {self.weight}, expected 0 (labels alone) to 1"),
            (
                0 < self.temperature < math.inf,
                f"temperature is {self.temperature}, expected a positive number such as 4",
            ),
            place="distill.",
        )

    def void(self) -> Mapping[str, str]:
        """The settings of a teacher without weight."""
        why = "weight is 0: the labels alone teach"
        return dict.fromkeys(("temperature", "cache"), why) if self.weight == 0 else {}


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
