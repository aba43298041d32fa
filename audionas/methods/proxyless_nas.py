"""ProxylessNAS: binary gates, one path at a time (Cai et al., ICLR 2019, arXiv:1812.00332).

A relaxed supernet runs every operation, which is too expensive for large tasks. Here the weights are trained
on one path per step, drawn from the probabilities. Alpha learns through binary gates: one operation passes
its output on, and the gradient of each gate shows what its operation would have changed. The expected
cost, from a look-up table, is a differentiable term of alpha's loss.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from audionas.core.errors import UserError
from audionas.data.batches import Batch
from audionas.engine.checkpoint import State
from audionas.engine.optim import set_rate
from audionas.methods._base import Phase, SearchRun
from audionas.methods._bilevel import Bilevel
from audionas.methods._recentre import recentre
from audionas.methods._sample import drawn, gates_of, gumbel, rows, straight_through
from audionas.nn.edge import Gates
from audionas.spaces._base import Bare


@dataclass(kw_only=True)
class ProxylessNas(Bilevel):
    """The weights move first, on one drawn path; alpha follows after every `alpha_every` such steps. During
    the warm-up (40 of the paper's 160 epochs, `warmup: 0.25`) paths are drawn uniformly and alpha rests (in
    the official code for one epoch more).

    `update: full` runs all operations of an edge, the inactive ones without a graph; their outputs are
    kept, while the official code computes them again in the backward pass. `update: two` draws two operations
    per edge, runs both, and shifts both alphas so that the probabilities of the others stay. With a `cost`,
    whose gradient reaches all of them, those move too.

    `cost_form` joins loss and `cost`: `added` as all methods do, `linear` as loss + weight (cost / target
    - 1), which also rewards costs below the target, `mul_log` as loss (log cost / log target) ** weight, as
    the official code for phones with weight 0.3 (its constant factor does not affect Adam). The paper's
    cost is the mean over the networks drawn; here it is the derived network's, as for all methods. The
    weights' label smoothing acts on alpha's loss too. With `level: one` both steps use the same batch. Here
    `none` is an operation that returns zeros; in the official code alpha rests where it was drawn. The
    paper's REINFORCE variant is not implemented. Runs on every space.
    """

    paper: ClassVar[str] = "ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware"
    arxiv: ClassVar[str] = "1812.00332"
    bare: ClassVar[Bare | None] = None  # one option runs at a time
    loses: ClassVar[Mapping[str, str]] = {"order": "its alpha gates run options without a graph"}

    alpha_lr: float = 1e-3
    alpha_betas: tuple[float, float] = (0.0, 0.999)
    alpha_weight_decay: float = 0.0
    warmup: float = 0.25  # 40 of 160 epochs
    alpha_every: int = 5
    update: Literal["full", "two"] = "full"
    cost_form: Literal["added", "linear", "mul_log"] = "added"

    def __post_init__(self) -> None:
        super().__post_init__()
        problems = []
        if self.alpha_every < 1:
            problems.append(f"alpha_every is {self.alpha_every}, expected 1 or more")
        if self.cost_form != "added" and (self.cost is None or self.cost.target is None):
            problems.append(f"cost_form {self.cost_form} needs a cost with a target")
        if problems:
            raise UserError(problems, hint="For example: cost: {name: macs, weight: 0.1, target: 1.5e6}")

    def setup(self, run: SearchRun) -> None:
        """Take a run; no step has been taken, no operation drawn."""
        super().setup(run)
        self._steps = 0
        self._touched: dict[str, tuple[int, ...]] = {}

    def step(self, train: Batch, valid: Batch, progress: float) -> dict[str, Tensor | float]:
        """Take a step of the weights, and of alpha when it is due."""
        set_rate(self.run.weight_optimizer, self.rate(progress))
        metrics = self.weight_step(train)
        self._steps += 1
        if self.warming or self._steps % self.alpha_every:
            return metrics
        return {**metrics, **self.alpha_step(valid, train)}

    def gates(self, phase: Phase) -> Gates:
        """One path for the weights; for alpha, binary gates over all options or over two."""
        logits = rows(self.run)
        if phase == "alpha":
            return self._two(logits) if self.update == "two" else self._full(logits)
        if self.warming:
            logits = torch.zeros_like(logits).masked_fill(logits.isinf(), -math.inf)
        weights = drawn(logits)
        return gates_of(self.run, weights, weights.argmax(-1).tolist())

    def _full(self, logits: Tensor) -> Gates:
        """Gates with the drawn option active; the others run frozen, for the gradient of their gates."""
        weights = straight_through(drawn(logits), logits.softmax(-1))
        return self._frozen(gates_of(self.run, weights), weights.argmax(-1).tolist())

    def _two(self, logits: Tensor) -> Gates:
        """Gates with two options drawn without replacement; one is active, by the softmax over the two."""
        pairs = (logits.detach() + gumbel(*logits.shape)).topk(2).indices
        both = logits.gather(1, pairs)
        weights = straight_through(drawn(both), both.softmax(-1))
        spread = torch.zeros(logits.shape, dtype=both.dtype).scatter(1, pairs, weights)
        first = pairs.gather(1, weights.argmax(-1, keepdim=True))[:, 0].tolist()
        return self._frozen(gates_of(self.run, spread), first, pairs.tolist())

    def _frozen(self, gates: Gates, running: list[int], pairs: list[list[int]] | None = None) -> Gates:
        """Gates in which all of `pairs`, or all options, run; those not drawn run frozen."""
        frozen = {}
        for number, choice in enumerate(self.run.space.choices()):
            known = self.run.left(choice) or range(len(choice.options))  # one option has no second
            active = tuple(i for i in known if pairs is None or i in pairs[number])
            self._touched[choice.name] = active
            others = tuple(i for i in active if i != running[number])
            frozen[choice.name] = gates[choice.name]._replace(active=active, frozen=others)
        return Gates(frozen)

    def after_alpha(self, before: Mapping[str, Tensor]) -> None:
        """Rescale: if two options were touched, the probabilities of the others stay."""
        everywhere = self.cost is not None or self.beta_decay > 0  # their gradient reaches all options
        for name, touched in self._touched.items():
            recentre(before[name], self.run.alphas[name], touched, restore=not everywhere)

    def objective(self, loss: Tensor, gates: Gates) -> tuple[Tensor, dict[str, Tensor | float]]:
        """The loss and the price, joined by `cost_form`."""
        if self.cost_form == "added" or self.cost is None or self.cost.target is None:
            return super().objective(loss, gates)
        cost, target = self.price(self.cost.name), self.cost.target
        if self.cost_form == "linear":
            total = loss + self.cost.weight * (cost / target - 1)
        else:
            total = loss * (cost.log() / math.log(target)) ** self.cost.weight
        return total + self.penalties(gates), {self.cost.name: cost}

    def sharper(self) -> Mapping[str, float]:
        """A higher rate of alpha, and a step of alpha after each one of the weights."""
        often = {"method.alpha_every": 1} if self.alpha_every > 1 else {}
        return {**super().sharper(), **often}

    def state(self) -> State:
        """The state, with the number of steps that the weights have taken."""
        state = super().state()
        state.plain["steps"] = self._steps
        return state

    def restore(self, state: State) -> None:
        """Go back to `state`."""
        super().restore(state)
        self._steps = int(state.plain["steps"])
