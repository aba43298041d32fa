"""SDARTS: the weights learn for a neighbourhood of alpha (Chen and Hsieh, ICML 2020, arXiv:2002.05283).

DARTS trains its weights for one point, the softmax p of alpha, and then rounds p to a network far from it.
Here each weight step minimises L_train(w, p') at p' near p, |p' - p| <= eps in each entry, so that the loss
is smooth along alpha: p' is drawn, or is the worst that an adversary finds. The alpha step is DARTS'.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import one_hot
from torch.nn.utils.rnn import pad_sequence

from audionas.core.errors import hold
from audionas.data.batches import Batch
from audionas.engine.distributed import average
from audionas.methods._bilevel import Bilevel, resting
from audionas.methods._lost import replaces
from audionas.methods._sample import with_rows
from audionas.nn.edge import Gates

STEPS = 7  # of the adversary
Hold = Callable[[Tensor], Tensor]  # rows into the neighbourhood of p


@dataclass(kw_only=True)
class Sdarts(Bilevel):
    """In epoch e of E eps is `radius[0] + (radius[1] - radius[0]) e / E`; with `radius: [0, 0]` it is DARTS.

    `smoothing: random` draws p + U(-eps, eps). `adversarial` starts there, takes 7 steps of 2 eps / 7 along
    the sign of the training loss' gradient, with the network in evaluation mode, and goes back to p if the
    loss fell. After each move entries are clipped to [0, 1] and divided by their sum, as in the official
    code, so that p' may end farther than eps from p; where all are clipped to 0, the largest becomes 1.
    Dropped options stay at 0, edge weights as they are; `order: 2` looks ahead at p. Runs on every space.
    """

    paper: ClassVar[str] = (
        "Stabilizing Differentiable Architecture Search via Perturbation-based Regularization"
    )
    arxiv: ClassVar[str] = "2002.05283"

    smoothing: Literal["random", "adversarial"] = "random"
    radius: tuple[float, float] = (0.03, 0.3)

    def __post_init__(self) -> None:
        super().__post_init__()
        own = [h for h in ("relax", "sample", "gates") if replaces(type(self), Bilevel, h)]
        hold(
            (all(0 <= r <= 1 for r in self.radius), f"radius {list(self.radius)}: expected two in [0, 1]"),
            (self.level == "two", "level is one, but the weights' step needs a pass of its own: level two"),
            (not own, f"{type(self).__name__} has its own {', '.join(own)}: its weights are no softmax"),
        )

    def weight_gates(self, train: Batch) -> Gates:
        """The gates at p'."""
        clean, (first, last) = super().weight_gates(train), self.radius
        eps = first + (last - first) * self.run.epoch / self.run.epochs
        if eps == 0:
            return clean
        p = pad_sequence([gate.weight for gate in clean.values()], batch_first=True)
        active = [range(len(g.weight)) if g.active is None else g.active for g in clean.values()]
        live = torch.tensor([[o in left for o in range(p.shape[1])] for left in active], device=p.device)
        hold = partial(near, p, eps=eps, live=live)
        moved = hold(p + eps * (2 * torch.rand(p.shape) - 1).to(p.device))
        if self.smoothing == "random":
            return with_rows(clean, moved)
        return self._worst(train, clean, moved, hold, 2 * eps / STEPS)

    def _worst(self, train: Batch, clean: Gates, moved: Tensor, hold: Hold, step: float) -> Gates:
        """The adversary's gates, from `moved`; `clean` where the loss has fallen."""

        def loss(gates: Gates) -> Tensor:
            return self.run.criterion(self.run.logits(train.x, gates), train.target)

        self.run.net.eval()
        with resting(self.run.weights):
            for _ in range(STEPS):
                moved = moved.detach().requires_grad_()
                (slope,) = torch.autograd.grad(loss(with_rows(clean, moved)), moved)
                moved = hold(moved.detach() + step * average(slope).sign())
            found = with_rows(clean, moved)
            fell = bool(average(loss(clean)) > average(loss(found)))
        self.run.net.train()
        return clean if fell else found


def near(p: Tensor, moved: Tensor, *, eps: float, live: Tensor) -> Tensor:
    """Rows `moved`, held within eps of `p` and in [0, 1], then divided by their sums; 0 where not `live`."""
    held = torch.minimum(torch.maximum(moved, p - eps), p + eps).clamp(0, 1) * live
    total = held.sum(-1, keepdim=True)
    largest = one_hot(moved.masked_fill(~live, -math.inf).argmax(-1), p.shape[-1]).to(p.dtype)
    return torch.where(total > 0, held / total.clamp_min(torch.finfo(p.dtype).tiny), largest)
