"""The frame of all differentiable methods: alphas, two optimisers, and the hooks that methods override."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from audionas.core.arch import ArchSpec, Choice
from audionas.core.errors import UserError
from audionas.core.rng import torch_rng
from audionas.cost.lookup import LatencyTable
from audionas.cost.objective import CostPenalty
from audionas.cost.table import What
from audionas.data.batches import Batch
from audionas.engine.checkpoint import State
from audionas.engine.distributed import average_gradients
from audionas.engine.optim import pack, set_rate, unpack
from audionas.methods import _edge_weights
from audionas.methods._base import Method, Phase, SearchRun, accuracy, require_reachable
from audionas.methods._beta_decay import smooth_maximum
from audionas.methods._decided import by_shares
from audionas.methods._derive import strongest
from audionas.methods._idle import idle
from audionas.methods._lost import replaces
from audionas.methods._price import chances, exchanged, slope_of, value
from audionas.methods._stages import whole
from audionas.methods._unrolled import unrolled_gradient
from audionas.nn.edge import Gate, Gates
from audionas.spaces._base import Bare, Space


@dataclass(kw_only=True)
class Bilevel(Method):
    """Alternates an Adam step on alpha (valid batch) and a weight step (train batch).

    DARTS, eq. 3-4, with xi = 0 unless `order` is 2. The alpha step requests alpha's gradient alone from
    autograd, so the weights' gradients are neither computed nor left behind. With `level: one` both follow
    the same loss on one batch of all training data, in one backward pass. Alpha rests during `warmup`, a
    share of the search in whole epochs, rounded down; `alpha_clip` bounds the gradient. `cost` adds
    a penalty on the cost of the network that would be derived (`price`).

    `order: 2` looks one step of SGD ahead, at the current rate and momentum. `eps` is the length of its
    finite difference. The paper's 0.01 is not exact: where rectifiers switch within that length, it can be
    as far off as the first order. `eps: null` differentiates twice instead, which is exact and slower.

    `k` is one over the share of channels that edges search; the others go by (`pc_darts` says where an edge
    cannot be split). `edge_normalization` weighs the edges into a node of a cell by a softmax over
    `beta/<node>`. `beta_decay` is the strength, at the end of the search, of Beta-DARTS' regulariser. A
    method that would lose a setting refuses it. The weights' rate falls with every step; in official codes
    it falls after every epoch.
    """

    family: ClassVar[str] = "differentiable"
    bare: ClassVar[Bare | None] = "ends"  # None where one option runs at a time: GDAS, ProxylessNAS, ...
    weights_first: ClassVar[bool] = False  # GDAS moves the weights before alpha
    replaced: ClassVar[Mapping[str, str]] = {
        "warmup_epochs": "Write warmup, the share of the search's epochs: for 15 of 50 epochs warmup=0.3"
    }
    loses: ClassVar[Mapping[str, str]] = {}  # settings above that a method would lose, with the reason

    alpha_lr: float = 3e-4
    alpha_betas: tuple[float, float] = (0.5, 0.999)
    alpha_weight_decay: float = 1e-3
    alpha_clip: float | None = None
    warmup: float = 0.0
    level: Literal["two", "one"] = "two"
    cost: CostPenalty | None = None
    order: Literal[1, 2] = 1
    eps: float | None = 0.01
    k: int = 1
    edge_normalization: bool = False
    beta_decay: float = 0.0

    def __post_init__(self) -> None:
        """Refuse impossible settings; subclasses call it before their own checks."""
        problems = []
        if len(type(self).__bases__) > 1 and "__dataclass_fields__" not in vars(type(self)):
            problems.append(f"{type(self).__name__} joins methods: it needs @dataclass(kw_only=True)")
        if not 0 < self.alpha_lr < math.inf or not 0 <= self.alpha_weight_decay < math.inf:
            problems.append("alpha_lr must be positive and alpha_weight_decay not negative, both finite")
        if not all(0 <= beta < 1 for beta in self.alpha_betas):
            problems.append(f"alpha_betas are {list(self.alpha_betas)}, expected two numbers in [0, 1)")
        if self.alpha_clip is not None and not self.alpha_clip > 0:
            problems.append(f"alpha_clip is {self.alpha_clip}, expected a positive norm")
        if not 0 <= self.warmup < 1:
            problems.append(
                f"warmup is {self.warmup:g}, expected a share of the search, at least 0 and below 1"
            )
        if self.eps is not None and not 0 < self.eps < math.inf:
            problems.append(f"eps is {self.eps}, expected a positive length, or null to differentiate twice")
        if self.order == 2 and self.level == "one":
            problems.append("order 2 needs level two: with one level no training step follows the alpha step")
        if self.k < 1:
            problems.append(f"k is {self.k}, expected 1 or more: 1/k of the channels are searched")
        if not 0 <= self.beta_decay < math.inf:
            problems.append(f"beta_decay is {self.beta_decay}, expected 0 or a positive number")
        if problems := [*problems, *self._lost()]:
            raise UserError(problems)

    def _lost(self) -> list[str]:
        """The settings that this method would lose, with the reason."""
        uses = {
            "order": self.order == 2,
            "edge_normalization": self.edge_normalization,
            "beta_decay": self.beta_decay > 0,
        }
        why = dict(self.loses)
        if replaces(type(self), Bilevel, "gates"):
            why.setdefault(
                "edge_normalization", "its gates are its own, and would leave the edges' weights out"
            )
        if replaces(type(self), Bilevel, "alpha_gradient"):
            why.setdefault("order", "its gradient of alpha is its own")
        return [f"{name} has no place in {type(self).__name__}: {why[name]}" for name in why if uses[name]]

    @property
    def halves(self) -> bool:
        """One-level methods train on everything."""
        return self.level == "two"

    def idle(self, space: Space) -> Mapping[str, str]:
        """Settings for another order, for channels that no edge splits, for edges that do not compete."""
        return idle(space, self.order, self.k)

    def setup(self, run: SearchRun) -> None:
        """Make the architecture parameters and their Adam."""
        super().setup(run)
        if self.order == 2 and not isinstance(run.weight_optimizer, torch.optim.SGD):
            raise UserError(
                f"method.order is 2, which looks a step of sgd ahead, not of {run.optim.name}",
                hint="Set search.optim.name=sgd, or method.order=1",
            )
        if run.k != self.k:
            raise ValueError(f"the supernet has k={run.k}: build it and its run with k=method.k, {self.k}")
        if self.cost is not None and self.cost.table:
            run.costs = run.costs.with_latency(_latency(run, self.cost.table))
        if self.cost is not None and self.cost.target is not None:
            require_reachable(run, self.cost.name, self.cost.target, "method.cost.target")
        run.alphas = {name: nn.Parameter(logits) for name, logits in self.init_alphas().items()}
        self._optimizer = torch.optim.Adam(
            run.alphas.values(),
            lr=self.alpha_lr,
            betas=self.alpha_betas,
            weight_decay=self.alpha_weight_decay,
        )
        run.count(self._optimizer, "alpha")

    @property
    def warming(self) -> bool:
        """Whether alpha rests in this epoch, which belongs to the warm-up."""
        return self.run.epoch < whole(self.warmup, self.run.epochs)

    def init_alphas(self) -> dict[str, Tensor]:
        """Logits (options,) by choice name; a method adds its own parameters under other names."""
        alphas = {choice.name: self.init_alpha(choice) for choice in self.run.space.choices()}
        return {**alphas, **(_edge_weights.begun(self.run) if self.edge_normalization else {})}

    def init_alpha(self, choice: Choice) -> Tensor:
        """Initial logits, 1e-3 N(0, 1), (options,)."""
        rng = torch_rng(self.run.seed, "alpha", choice.name)
        return 1e-3 * torch.randn(len(choice.options), generator=rng)

    def relax(self, logits: Tensor) -> Tensor:
        """Turn logits into weights over a choice's options: softmax. An option at -inf was dropped."""
        return logits.softmax(-1)

    def sample(self, logits: Tensor) -> Tensor:
        """Turn logits into the weights of one step: those of `relax`, unless a method draws them."""
        return self.relax(logits)

    def gates(self, phase: Phase) -> Gates:
        """One gate per choice, differentiable in alpha; a method that samples draws anew at every call."""
        run = self.run
        gates = {
            choice.name: Gate(self.sample(run.living(choice)).to(run.device), run.left(choice))
            for choice in run.space.choices()
        }
        found = Gates(gates, self.extra())
        return _edge_weights.scaled(run, found) if self.edge_normalization else found

    def extra(self) -> Mapping[str, float]:
        """Schedule scalars for the method's edges."""
        return {}

    def penalty(self, gates: Gates) -> Tensor:
        """A term of the alpha step's loss besides the cost penalty; zero by default."""
        return torch.zeros((), device=self.run.device)

    def step(self, train: Batch, valid: Batch, progress: float) -> dict[str, Tensor | float]:
        """Update alpha, then the weights, as in DARTS; both at once if `level` is one."""
        set_rate(self.run.weight_optimizer, self.rate(progress))
        if self.level == "one":
            return self.joint_step(train, alpha=not self.warming)
        first = self.weight_step(train) if self.weights_first else {}
        metrics = {} if self.warming else self.alpha_step(valid, train)
        return {**metrics, **(first or self.weight_step(train))}

    def alpha_step(self, valid: Batch, train: Batch) -> dict[str, Tensor | float]:
        """Take an Adam step on `alpha_gradient`, then call `after_alpha`."""
        before = {name: alpha.detach().clone() for name, alpha in self.run.alphas.items()}
        metrics = self.alpha_gradient(valid, train)
        self._move_alphas(before)
        return metrics

    def alpha_gradient(self, valid: Batch, train: Batch) -> dict[str, Tensor | float]:
        """Leave the gradient of the validation loss in `alpha.grad`, of the first or second order; return
        metrics. In the first order `on_validation` is given those of the weights in `watched`, in one pass.
        """
        if self.order == 2:
            return unrolled_gradient(self, valid, train, eps=self.eps)
        gates, watched = self.gates("alpha"), self.watched()
        with resting(self.run.weights, but=watched.values()):
            logits = self.run.logits(valid.x, gates)
        loss = self.run.criterion(logits, valid.target)
        total, metrics = self.objective(loss, gates)
        alphas = self.parameters()
        found = list(_gradients(total, [*alphas, *watched.values()]))
        self.take(found[: len(alphas)])
        if watched:
            self.on_validation(dict(zip(watched, found[len(alphas) :], strict=True)))
        return {"valid_loss": loss, "valid_accuracy": accuracy(logits, valid.target), **metrics}

    def watched(self) -> Mapping[str, nn.Parameter]:
        """The weights whose validation gradient an alpha step also computes, by name; none by default."""
        return {}

    def on_validation(self, gradients: Mapping[str, Tensor]) -> None:
        """Look at the validation gradients of the weights in `watched`, zero where a weight did not act."""

    def joint_step(self, train: Batch, *, alpha: bool = True) -> dict[str, Tensor | float]:
        """Run one backward pass for alphas and weights, then a step of both (SNAS, DropNAS)."""
        if not alpha:
            return self.weight_step(train)
        before = {name: a.detach().clone() for name, a in self.run.alphas.items()}
        self.run.weight_optimizer.zero_grad(set_to_none=True)
        self._optimizer.zero_grad(set_to_none=False)
        gates = self.gates("alpha")
        logits = self.run.logits(train.x, gates)
        loss = self.run.criterion(logits, train.target)
        total, metrics = self.objective(loss, gates)
        total.backward()  # type: ignore[no-untyped-call]
        self._move_weights()
        self._move_alphas(before)
        return {"loss": loss, "accuracy": accuracy(logits, train.target), **metrics}

    def objective(self, loss: Tensor, gates: Gates) -> tuple[Tensor, dict[str, Tensor | float]]:
        """The loss that alpha minimises: by default the task's loss plus `terms`."""
        extra, metrics = self.terms(gates)
        return loss + extra, metrics

    def terms(self, gates: Gates) -> tuple[Tensor, dict[str, Tensor | float]]:
        """The terms that the alpha step adds to the task's loss: penalties of the method and of the cost."""
        extra = self.penalties(gates)
        if self.cost is None:
            return extra, {}
        price = self.price(self.cost.name)
        return extra + self.cost.penalty(price), {self.cost.name: price}

    def penalties(self, gates: Gates) -> Tensor:
        """The method's own penalty, and `beta_decay`, which grows linearly from 0 over the search."""
        extra = self.penalty(gates)
        if self.beta_decay == 0:
            return extra
        strength = self.beta_decay * self.run.epoch / self.run.epochs
        return extra + strength * smooth_maximum(self.run).to(extra.device)

    def price(self, what: What) -> Tensor:
        """The cost of the network that would be derived now, a scalar with the gradient of `slopes`."""
        spec = self.derive()
        total = torch.tensor(value(self.run.costs, self.run.space, spec, what))
        for name, slope in self.slopes(spec, what).items():
            alpha = self.run.alphas[name]
            total = total + (slope.to(alpha.dtype) * (alpha - alpha.detach())).sum()
        return total.to(self.run.device)

    def slopes(self, spec: ArchSpec, what: What) -> dict[str, Tensor]:
        """The price's gradient along each architecture parameter, by name, given the derived network.

        Along an option that is not kept it has the sign of the change of the price when that option enters.
        """
        stay, shares = self.stays(), self.probabilities()
        found = {
            name: stay[name] * slope_of(shares[name].values()) * change
            for name, change in self.exchanges(spec, what).items()
        }
        if self.edge_normalization:
            found |= _edge_weights.slopes(self.run, self.standings(), what)
        return found

    def stays(self) -> dict[str, float]:
        """The probability that an edge stays, by choice."""
        return chances(self.run.space, self.standings())

    def exchanges(self, spec: ArchSpec, what: What) -> dict[str, Tensor]:
        """The change of the cost when an option enters in place of another, (options,) by choice."""
        space = self.run.space
        return exchanged(self.run.costs, space, spec.choices, self.standings(), what, inputs=space.inputs)

    def parameters(self) -> list[nn.Parameter]:
        """All architecture parameters, in a fixed order."""
        return list(self.run.alphas.values())

    def take(self, gradients: Iterable[Tensor]) -> None:
        """Store gradients of `parameters` where the optimiser finds them."""
        for parameter, gradient in zip(self.parameters(), gradients, strict=True):
            parameter.grad = gradient

    def after_alpha(self, before: Mapping[str, Tensor]) -> None:
        """Restore or recentre values after the optimiser's step, given those before it."""

    def _move_alphas(self, before: Mapping[str, Tensor]) -> None:
        average_gradients(self.parameters())
        if self.alpha_clip is not None:
            nn.utils.clip_grad_norm_(self.parameters(), self.alpha_clip)
        self._optimizer.step()
        with torch.no_grad():
            self.after_alpha(before)

    def probabilities(self) -> dict[str, dict[str, float]]:
        """The relaxed weights of each option."""
        with torch.no_grad():
            return {
                c.name: dict(zip(c.options, self.relax(self.run.living(c)).tolist(), strict=True))
                for c in self.run.space.choices()
            }

    def scores(self) -> dict[str, dict[str, float]]:
        """The scores that compare options when the architecture is derived, across a node's edges too."""
        held = self.probabilities()
        return _edge_weights.weighed(self.run, held) if self.edge_normalization else held

    def standings(self) -> dict[str, dict[str, float]]:
        """The scores, -inf for options that were dropped."""
        alive = self.run.alive
        return {
            name: {o: p if o in alive.get(name, options) else -math.inf for o, p in options.items()}
            for name, options in self.scores().items()
        }

    def margins(self) -> dict[str, float]:
        """The margins between the strongest options, and where nodes keep few inputs between edges."""
        return by_shares(self.run.space, self.probabilities(), self.scores())

    def sharper(self) -> Mapping[str, float]:
        """Ten times the rate of alpha, where that is 0.1 at most."""
        return {"method.alpha_lr": 10 * self.alpha_lr} if self.alpha_lr <= 0.01 else {}

    def derive(self) -> ArchSpec:
        """The strongest option of each choice; in cells with few inputs, only at a node's strongest edges."""
        return self.spec_of(strongest(self.run.space, self.standings()))

    def state(self) -> State:
        """Weights, alphas and both optimisers."""
        state = super().state()
        state.tensors["alphas"] = {name: alpha.data for name, alpha in self.run.alphas.items()}
        state.tensors["alpha_optimizer"] = pack(self._optimizer)
        return state

    def restore(self, state: State) -> None:
        """Go back to `state`."""
        super().restore(state)
        for name, alpha in self.run.alphas.items():
            alpha.data.copy_(state.tensors["alphas"][name])
        unpack(self._optimizer, state.tensors["alpha_optimizer"])


def _latency(run: SearchRun, file: str) -> LatencyTable:
    """The table in a file; UserError where it is not for the run's space, input and size."""
    table = LatencyTable.load(file)
    for choices in run.costs.extremes(run.space, "macs"):
        table.require(run.space.spec(choices, run.io, sizes=run.sizes))
    return table


def _gradients(total: Tensor, parameters: list[nn.Parameter]) -> Iterable[Tensor]:
    """The gradients, zero where `total` does not depend on a parameter (all, if every edge drew `none`)."""
    if not total.requires_grad:
        return [torch.zeros_like(parameter) for parameter in parameters]
    return torch.autograd.grad(total, parameters, materialize_grads=True, allow_unused=True)


@contextmanager
def resting(every: Iterable[nn.Parameter], *, but: Collection[nn.Parameter] = ()) -> Iterator[None]:
    """Compute without gradients for these weights, inside the block, and keep nothing for them.

    Those in `but` do not rest.
    """
    awake = {id(weight) for weight in but}
    weights = [w for w in every if w.requires_grad and id(w) not in awake]
    try:
        for weight in weights:
            weight.requires_grad_(False)
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)
