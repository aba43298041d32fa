"""DARTS: differentiable architecture search (Liu et al., ICLR 2019, arXiv:1806.09055).

An edge's output is the sum of its candidate operations weighted by the softmax of their logits
alpha (eq. 2). Alpha follows the validation loss, the weights the training loss, in turn (eq. 3-4):
in the first order as if the weights were fixed, in the second with their next step.
The strongest operation of each edge is kept.
"""

from dataclasses import dataclass
from typing import ClassVar

from audionas.methods._bilevel import Bilevel


@dataclass(kw_only=True)
class Darts(Bilevel):
    """Defaults are the paper's, first order: Adam 3e-4, betas (0.5, 0.999), weight decay 1e-3. `order: 2` is
    its second order. Runs on every space.
    """

    paper: ClassVar[str] = "DARTS: Differentiable Architecture Search"
    arxiv: ClassVar[str] = "1806.09055"
