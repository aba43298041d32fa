"""PARSEC: a distribution over networks, learnt by Monte-Carlo (Casale et al., arXiv:1902.05116).

Each edge has a categorical prior over its operations. A step draws a few networks from it, weighs each
by how well it explains a batch, and makes those with high weights more probable: empirical Bayes with
importance sampling. The weights follow the same weighted mean on their own batches. One network
runs at a time, so the memory is that of one.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from audionas.core.arch import Choice
from audionas.core.errors import UserError
from audionas.data.batches import Batch
from audionas.engine.distributed import average
from audionas.methods._base import Phase, accuracy
from audionas.methods._bilevel import Bilevel
from audionas.methods._sample import gates_of, gumbel, rows
from audionas.nn.edge import Gates
from audionas.spaces._base import Bare


@dataclass(kw_only=True)
class Parsec(Bilevel):
    """`samples` networks per step, each weighed by exp(-`tempering` * its mean cross-entropy).

    The exact likelihood of a batch of B examples has `tempering: B`; at usual batch sizes one network
    then takes all the weight. With 1 the weights are nearly equal. The paper's number of samples, learning
    rate and treatment of this could not be confirmed: `samples`, `tempering`, `alpha_lr`, no weight
    decay and the uniform initial prior are our choices.

    With a `cost`, the penalty is on the cost of the most probable network. Every edge draws an operation,
    which may be `none` if that is one of the options; a cell's inputs are derived as in DARTS. Runs on
    every space.
    """

    paper: ClassVar[str] = "Probabilistic Neural Architecture Search"
    arxiv: ClassVar[str] = "1902.05116"
    bare: ClassVar[Bare | None] = None  # one option runs at a time

    alpha_lr: float = 0.01
    alpha_weight_decay: float = 0.0
    samples: int = 8
    tempering: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        problems = []
        if self.samples < 2:
            problems.append(
                f"samples is {self.samples}: a lone network has all the weight; expected 2 or more"
            )
        if not 0 < self.tempering < math.inf:
            problems.append(f"tempering is {self.tempering}, expected a positive number")
        if self.level == "one":
            problems.append("level is one, but prior and weights learn by different rules, which need two")
        if problems:
            raise UserError(problems)

    def init_alpha(self, choice: Choice) -> Tensor:
        """Initial zeros: a uniform prior."""
        return torch.zeros(len(choice.options))

    def gates(self, phase: Phase) -> Gates:
        """The gates of one network drawn from the prior."""
        return next(self._networks(self._drawn(1)))

    def alpha_gradient(self, valid: Batch, train: Batch) -> dict[str, Tensor | float]:
        """Leave the gradient of -log p(valid | prior): -sum_k share_k grad log p(network k)."""
        drawn = self._drawn(self.samples)
        with torch.no_grad():
            told = average(torch.stack([self._outcome(gates, valid) for gates in self._networks(drawn)]))
        losses, right = told.unbind(1)
        shares = importance(losses, self.tempering)
        surprise = -(shares.cpu() * self._log_prior(drawn)).sum()
        extra, metrics = self.terms(super().gates("alpha"))
        self.take(
            torch.autograd.grad(
                surprise + extra, self.parameters(), materialize_grads=True, allow_unused=True
            )
        )
        return {"valid_loss": shares @ losses, "valid_accuracy": shares @ right, **metrics}

    def weight_gradient(self, train: Batch) -> dict[str, Tensor | float]:
        """Add sum_k share_k grad loss_k over newly drawn networks, one forward and backward pass at a time.

        The shares of the networks so far sum to 1 after each network, so that none is run twice.
        """
        weights = list(self.run.net.parameters())
        total = torch.full((), -math.inf, device=self.run.device)  # log of the sum of exp(-tempering * loss)
        mean = torch.zeros(2, device=self.run.device)
        for gates in self._networks(self._drawn(self.samples)):
            outcome = self._outcome(gates, train)
            loss, told = outcome[0], average(outcome)  # a network is weighed by the examples of all processes
            after = torch.logaddexp(total, -self.tempering * told[0])
            keep, share = torch.exp(total - after), torch.exp(-self.tempering * told[0] - after)
            for gradient in (w.grad for w in weights if w.grad is not None):
                gradient.mul_(keep)
            torch.autograd.backward(share * loss)
            mean, total = keep * mean + share * told, after
        return {"loss": mean[0], "accuracy": mean[1]}

    def _drawn(self, count: int) -> Tensor:
        """The option of each choice in networks drawn from the prior, (count, choices), on the CPU."""
        logits = rows(self.run).detach()
        return (logits + gumbel(count, *logits.shape)).argmax(-1)

    def _networks(self, drawn: Tensor) -> Iterator[Gates]:
        """The gates of each drawn network: only its options, each with weight 1."""
        most = max(len(choice.options) for choice in self.run.space.choices())
        for picked in drawn:
            yield gates_of(self.run, one_hot(picked, most).float(), picked.tolist())

    def _log_prior(self, drawn: Tensor) -> Tensor:
        """The value of log p(network | prior) for each network, (count,), differentiable."""
        table = rows(self.run).log_softmax(-1).expand(len(drawn), -1, -1)
        return table.gather(2, drawn[:, :, None]).sum((1, 2))

    def _outcome(self, gates: Gates, batch: Batch) -> Tensor:
        """(loss, accuracy) of one network."""
        logits = self.run.logits(batch.x, gates)
        return torch.stack([self.run.criterion(logits, batch.target), accuracy(logits, batch.target)])


def importance(losses: Tensor, tempering: float) -> Tensor:
    """The share of each network, (count,): softmax of -tempering * loss."""
    return (-tempering * losses).softmax(0)
