"""Beta-DARTS: a regulariser that keeps the weights of options apart (Ye et al., CVPR 2022, arXiv:2203.01665).

Weight decay acts on logits, and how it moves the softmax depends on where they are. Beta-decay acts on the
softmax itself: alpha's loss is L_val + lambda_e mean over edges of logsumexp(alpha). The gradient of the term
is the softmax, so that a strong option is held back in proportion to its weight. The rest is DARTS.
"""

from dataclasses import dataclass
from typing import ClassVar

from audionas.methods._bilevel import Bilevel


@dataclass(kw_only=True)
class BetaDarts(Bilevel):
    """In epoch e of E the strength lambda_e is `beta_decay` e / E: 0 in the first epoch, almost `beta_decay`
    in the last. The official code has 50 e / 100 in searches of 100 epochs, and keeps Adam's decay of 1e-3.
    Its second order leaves the term out; here it acts in both.

    With `beta_decay: 0` it is DARTS. Every method whose weights are a softmax has the same setting, and this
    one has theirs: `k: 4` searches a part of the channels. Runs on every space.
    """

    paper: ClassVar[str] = "Beta-DARTS: Beta-Decay Regularization for Differentiable Architecture Search"
    arxiv: ClassVar[str] = "2203.01665"

    beta_decay: float = 50.0
