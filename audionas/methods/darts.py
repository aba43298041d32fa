"""DARTS: differentiable architecture search (Liu et al., ICLR 2019, arXiv:1806.09055).

An edge's output is the sum of its candidate operations weighted by the softmax of their logits
alpha (eq. 2). Alpha follows the validation loss, the weights the training loss, in turn (eq. 3-4):
in the first order as if the weights were fixed, in the second with their next step.
The strongest operation of each edge is kept.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from audionas.core.errors import UserError
from audionas.data.batches import Batch
from audionas.methods._base import SearchRun
from audionas.methods._bilevel import Bilevel
from audionas.methods._unrolled import unrolled_gradient
from audionas.spaces._base import Space


@dataclass(kw_only=True)
class Darts(Bilevel):
    """Defaults are the paper's, first order: Adam 3e-4, betas (0.5, 0.999), weight decay 1e-3.

    `order: 2` looks one step of SGD ahead, at the current rate and momentum. `eps` is the length of its
    finite difference. The paper's 0.01 is not exact: where rectifiers switch within that length, it can be
    as far off as the first order. `eps: null` differentiates twice instead, which is exact and slower. Runs
    on every space.
    """

    paper: ClassVar[str] = "DARTS: Differentiable Architecture Search"
    arxiv: ClassVar[str] = "1806.09055"

    order: Literal[1, 2] = 1
    eps: float | None = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        problems = []
        if self.eps is not None and not 0 < self.eps < math.inf:
            problems.append(f"eps is {self.eps}, expected a positive length, or null to differentiate twice")
        if self.order == 2 and self.level == "one":
            problems.append("order 2 needs level two: with one level no training step follows the alpha step")
        if problems:
            raise UserError(problems)

    def idle(self, space: Space) -> Mapping[str, str]:
        """The length of a finite difference that the first order does not take."""
        return {"eps": "order is 1, which takes no finite difference"} if self.order == 1 else {}

    def setup(self, run: SearchRun) -> None:
        """Refuse second order with any optimiser but SGD."""
        super().setup(run)
        if self.order == 2 and not isinstance(run.weight_optimizer, torch.optim.SGD):
            raise UserError(
                f"method.order is 2, which looks a step of sgd ahead, not of {run.optim.name}",
                hint="Set search.optim.name=sgd, or method.order=1",
            )

    def alpha_gradient(self, valid: Batch, train: Batch) -> dict[str, Tensor | float]:
        """Leave the first-order gradient, or the second-order one at the weights' next step."""
        if self.order == 1:
            return super().alpha_gradient(valid, train)
        return unrolled_gradient(self, valid, train, eps=self.eps)
