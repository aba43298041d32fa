"""DrNAS: a choice's weights come from a Dirichlet distribution (Chen et al., ICLR 2021, arXiv:2006.10355).

Each step draws the weights of a choice from Dir(b), b = elu(alpha) + 1, and alpha follows the expected
validation loss through the draw. Where b is small, draws lie near the corners of the simplex, where networks
are; a regulariser keeps b near 1. A second stage searches fewer options with more of the channels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Dirichlet, kl_divergence

from audionas.core.errors import hold
from audionas.data.batches import Batch
from audionas.engine.optim import set_rate
from audionas.methods._bilevel import Bilevel
from audionas.methods._sample import concentration, dirichlet
from audionas.methods._stages import stage, thinned
from audionas.nn.edge import Gates
from audionas.nn.partial import narrows


@dataclass(kw_only=True)
class DrNas(Bilevel):
    """Halfway, each choice keeps the share `keep` of its options by alpha, and 1/`last_k` of the channels are
    searched instead of 1/`k`; all of them where that would split an edge that k did not. `last_k: 4` and
    `keep: 1` leave all as it is. In the first `rest` of each half, 10 of 50 epochs, alpha rests. Defaults
    are those for NAS-Bench-201; for cells k is 6, then 4 (alpha_lr 6e-4). alpha and its Adam go on, the
    weights have one schedule and a fresh momentum. A search of one epoch has the first half only.

    `alpha_weight_decay` is the paper's regulariser (L2); `kl` is the strength of the other, the sum over
    choices of KL(Dir(b) || Dir(1)): the paper has 1e-3 with a decay of 0. Options and edges are compared by
    the softmax of alpha, as in the code. That widens with copies drawn by chance, and keeps momentum; here
    copies are in order, and what reads them is divided, so that the function stays. Runs on every space.
    """

    paper: ClassVar[str] = "DrNAS: Dirichlet Neural Architecture Search"
    arxiv: ClassVar[str] = "2006.10355"
    loses: ClassVar[Mapping[str, str]] = {"beta_decay": "its weights are no softmax; see kl"}

    k: int = 4
    last_k: int = 2
    keep: float = 0.5
    rest: float = 0.2
    kl: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        hold(
            (
                1 <= self.last_k <= max(self.k, DrNas.last_k),
                f"last_k is {self.last_k}, expected 1 to k, {self.k}",
            ),
            (0 < self.keep <= 1, f"keep is {self.keep}, expected a share in (0, 1]"),
            (0 <= self.rest < 1, f"rest is {self.rest}, expected a share of a stage in [0, 1)"),
            (0 <= self.kl < float("inf"), f"kl is {self.kl}, expected 0 or a positive number"),
        )

    def sample(self, logits: Tensor) -> Tensor:
        """A draw from Dir(elu(logits) + 1) over the options that are left, differentiable in the logits."""
        return dirichlet(logits)

    def penalty(self, gates: Gates) -> Tensor:
        """`kl` times the sum over choices of KL(Dir(b) || Dir(1)), over the options that are left."""
        logits = [self.run.living(choice) for choice in self.run.space.choices()]
        held = [concentration(row[row.isfinite()]) for row in logits] if self.kl else []
        far = [kl_divergence(Dirichlet(b), Dirichlet(torch.ones_like(b))) for b in held]
        return super().penalty(gates) + self.kl * sum(far, torch.zeros(())).to(self.run.device)

    def on_epoch(self, epoch: int) -> None:
        """Begin the second stage at its first epoch."""
        super().on_epoch(epoch)
        run, share = self.run, self.probabilities()
        if epoch >= stage(1, 2, run.epochs, self.rest).first and not run.alive:
            choices = run.space.choices()
            run.keep({c.name: thinned(c, c.options, share[c.name], self.keep) for c in choices})
            last = min(self.last_k, self.k)  # its default must not refuse a smaller k
            if (k := 1 if narrows(run.net, last) else last) < run.k:
                run.widen(self.fill, k)
            run.log("k", k)

    def step(self, train: Batch, valid: Batch, progress: float) -> dict[str, Tensor | float]:
        """Update as in DARTS, but only the weights at the beginning of a stage."""
        now = stage(2 * self.run.epoch // self.run.epochs, 2, self.run.epochs, self.rest)
        if self.run.epoch - now.first >= now.rests:
            return super().step(train, valid, progress)
        set_rate(self.run.weight_optimizer, self.rate(progress))
        return self.weight_step(train)
