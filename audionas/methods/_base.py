"""What a search method is, and the frame of all bi-level differentiable ones.

A method's fields are its hyper-parameters and never change; everything that changes during a search
lives in its `run`. The network belongs to the run too: a method supplies edges (`fill`) and gates.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from audionas.core.arch import ArchSpec, Choice, InputSpec
from audionas.core.errors import UserError
from audionas.core.rng import torch_rng
from audionas.core.strict import Strict
from audionas.cost.objective import CostPenalty
from audionas.cost.table import CostTable
from audionas.data.batches import Batch
from audionas.engine.checkpoint import State
from audionas.engine.optim import Optim, pack, set_rate, unpack
from audionas.nn.edge import Edge, Gate, Gates, MixedEdge
from audionas.nn.ops import OPS, OpShape
from audionas.spaces._base import Space


@dataclass
class SearchRun:
    """All that changes during a search, and what it works on. `alphas` stay on the CPU."""

    space: Space
    io: InputSpec
    net: nn.Module
    costs: CostTable
    optim: Optim
    epochs: int
    seed: int
    device: torch.device
    label_smoothing: float = 0.0
    amp: bool = False
    epoch: int = 0
    alphas: dict[str, nn.Parameter] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.weight_optimizer = self.optim.build(self.net.parameters())
        self.criterion = nn.CrossEntropyLoss(label_smoothing=self.label_smoothing)

    def logits(self, x: Tensor, gates: Gates) -> Tensor:
        """The supernet under `gates`, in bfloat16 where mixed precision is on."""
        with self._autocast():
            logits: Tensor = self.net(x, gates)
        return logits.float() if self.amp else logits

    def _autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.amp)


@dataclass(kw_only=True)
class Method(Strict, ABC):
    """A search method. `trains` is False for those that need no supernet (the random baseline)."""

    family: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    arxiv: ClassVar[str] = ""
    trains: ClassVar[bool] = True

    def fill(self, choice: Choice, shape: OpShape) -> Edge:
        """The edge that stands at a choice in this method's supernet."""
        return MixedEdge(choice, shape)

    def setup(self, run: SearchRun) -> None:
        """Take over a run: everything that changes lives there."""
        self.run = run

    def on_epoch(self, epoch: int) -> None:
        """Before an epoch: temperatures, warm-up."""
        self.run.epoch = epoch

    @abstractmethod
    def step(self, train: Batch, valid: Batch, progress: float) -> Mapping[str, Tensor | float]:
        """One update of everything; returns metrics to average over the epoch."""

    @abstractmethod
    def probabilities(self) -> dict[str, dict[str, float]]:
        """How strongly each option of each choice is held; logged every epoch."""

    @abstractmethod
    def derive(self) -> ArchSpec:
        """The architecture that the search has found."""

    def state(self) -> State:
        """The weights and their optimiser; subclasses add theirs."""
        run = self.run
        return State({"weights": dict(run.net.state_dict()), "weight_optimizer": pack(run.weight_optimizer)})

    def restore(self, state: State) -> None:
        """Go back to `state`."""
        self.run.net.load_state_dict(state.tensors["weights"])
        unpack(self.run.weight_optimizer, state.tensors["weight_optimizer"])


@dataclass(kw_only=True)
class Bilevel(Method):
    """Alternates an Adam step on alpha (valid batch) and a weight step (train batch), first order.

    DARTS, eq. 3-4 with xi = 0. The alpha step asks autograd for alpha's gradient alone, so the
    weights' gradients are neither computed nor left behind. `warmup_epochs` holds alpha still at
    first. `cost` adds a penalty on the expected cost of the relaxed network.
    """

    family: ClassVar[str] = "differentiable"

    alpha_lr: float = 3e-4
    alpha_betas: tuple[float, float] = (0.5, 0.999)
    alpha_weight_decay: float = 1e-3
    warmup_epochs: int = 0
    cost: CostPenalty | None = None

    def __post_init__(self) -> None:
        """Refuse what no search could run with; subclasses call it before checks of their own."""
        problems = []
        if not 0 < self.alpha_lr < math.inf or not 0 <= self.alpha_weight_decay < math.inf:
            problems.append("alpha_lr must be positive and alpha_weight_decay not negative, both finite")
        if not all(0 <= beta < 1 for beta in self.alpha_betas):
            problems.append(f"alpha_betas are {list(self.alpha_betas)}, expected two numbers in [0, 1)")
        if self.warmup_epochs < 0:
            problems.append(f"warmup_epochs is {self.warmup_epochs}, expected 0 or more")
        if problems:
            raise UserError(problems)

    def setup(self, run: SearchRun) -> None:
        """Make alpha, one vector of logits a choice name, and its Adam."""
        super().setup(run)
        if self.cost is not None and self.cost.target is not None:
            require_reachable(run, self.cost.name, self.cost.target, "method.cost.target")
        run.alphas = {c.name: nn.Parameter(self.init_alpha(c)) for c in run.space.choices()}
        self._optimizer = torch.optim.Adam(
            run.alphas.values(),
            lr=self.alpha_lr,
            betas=self.alpha_betas,
            weight_decay=self.alpha_weight_decay,
        )

    def init_alpha(self, choice: Choice) -> Tensor:
        """1e-3 N(0, 1) logits, (options,)."""
        rng = torch_rng(self.run.seed, "alpha", choice.name)
        return 1e-3 * torch.randn(len(choice.options), generator=rng)

    def relax(self, logits: Tensor) -> Tensor:
        """Logits to weights over a choice's options: softmax."""
        return logits.softmax(-1)

    def gates(self) -> Gates:
        """One gate a choice, on the run's device; differentiable in alpha."""
        device = self.run.device
        gates = {name: Gate(self.relax(alpha).to(device)) for name, alpha in self.run.alphas.items()}
        return Gates(gates, self.extra())

    def extra(self) -> Mapping[str, float]:
        """Schedule scalars for the method's edges."""
        return {}

    def penalty(self, gates: Gates) -> Tensor:
        """What is added to the alpha step's loss beyond the cost penalty; zero unless a method has one."""
        return torch.zeros((), device=self.run.device)

    def step(self, train: Batch, valid: Batch, progress: float) -> dict[str, Tensor | float]:
        """Alpha first, then weights, as DARTS does."""
        metrics: dict[str, Tensor | float] = {}
        if self.run.epoch >= self.warmup_epochs:
            metrics.update(self._alpha_step(valid))
        metrics.update(self._weight_step(train, progress))
        return metrics

    def _alpha_step(self, batch: Batch) -> dict[str, Tensor | float]:
        run, gates = self.run, self.gates()
        logits = run.logits(batch.x, gates)
        loss = run.criterion(logits, batch.target)
        total = loss + self.penalty(gates)
        metrics: dict[str, Tensor | float] = {
            "valid_loss": loss,
            "valid_accuracy": _accuracy(logits, batch.target),
        }
        if self.cost is not None:
            expected = run.costs.expected(gates, self.cost.name)
            total = total + self.cost.penalty(expected)
            metrics[self.cost.name] = expected
        alphas = list(run.alphas.values())
        for alpha, gradient in zip(alphas, torch.autograd.grad(total, alphas), strict=True):
            alpha.grad = gradient
        self._optimizer.step()
        return metrics

    def _weight_step(self, batch: Batch, progress: float) -> dict[str, Tensor | float]:
        run = self.run
        with torch.no_grad():
            gates = self.gates()
        logits = run.logits(batch.x, gates)
        loss = run.criterion(logits, batch.target)
        run.weight_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if run.optim.clip is not None:
            nn.utils.clip_grad_norm_(run.net.parameters(), run.optim.clip)
        set_rate(run.weight_optimizer, run.optim.rate(progress, run.epochs))
        run.weight_optimizer.step()
        return {"loss": loss, "accuracy": _accuracy(logits, batch.target)}

    def probabilities(self) -> dict[str, dict[str, float]]:
        """The relaxed weights of each option."""
        with torch.no_grad():
            return {
                c.name: dict(zip(c.options, self.relax(self.run.alphas[c.name]).tolist(), strict=True))
                for c in self.run.space.choices()
            }

    def derive(self) -> ArchSpec:
        """The strongest option of each choice; `none` is never kept."""
        return self.spec_of({name: [strongest(p)] for name, p in self.probabilities().items()})

    def spec_of(self, choices: Mapping[str, Iterable[str]]) -> ArchSpec:
        """An architecture of the run's space."""
        return self.run.space.spec(choices, self.run.io)

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


def require_reachable(run: SearchRun, what: Literal["macs", "params"], most: float, key: str) -> None:
    """Raise UserError when even the cheapest network of the space costs more than `most`."""
    cheapest = run.costs.of(run.space.spec(run.costs.extremes(what)[0], run.io), what)
    if cheapest > most:
        raise UserError(
            f"{key} is {most:,.0f} {what}, but the cheapest network of {run.space.name} has {cheapest:,}",
            hint=f"Raise {key}, or narrow the space, for example: space.width=0.5",
        )


def strongest(probabilities: Mapping[str, float]) -> str:
    """The option with the largest probability, `none` aside; the first among equals."""
    return max((o for o in probabilities if o != "none"), key=lambda option: probabilities[option])


def skip_share(spec: ArchSpec, space: Space) -> float:
    """Share of the choices that may skip whose kept options are all skips: the sign of a collapse."""
    may = [c for c in space.choices() if any(OPS[o].kind == "skip" for o in c.options)]
    skipped = [c for c in may if all(OPS[o].kind == "skip" for o in spec.choices[c.name])]
    return len(skipped) / len(may) if may else 0.0


def _accuracy(logits: Tensor, target: Tensor) -> Tensor:
    return (logits.detach().argmax(1) == target).float().mean()
