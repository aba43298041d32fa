"""The base of search methods, and the state that a search changes.

A method's fields are its hyper-parameters and never change; everything that changes during a search
lives in its `run`. The network belongs to the run too: a method supplies edges (`fill`) and gates.
"""

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from torch.optim import Optimizer

from audionas.core.arch import ArchSpec, Choice, InputSpec
from audionas.core.errors import UserError
from audionas.core.strict import Strict
from audionas.cost.table import CostTable, What
from audionas.data.batches import Batch
from audionas.engine.checkpoint import State
from audionas.engine.distributed import average_gradients, mean, own_draws
from audionas.engine.optim import Optim, pack, unpack
from audionas.engine.sync_norm import synced
from audionas.methods._lost import hidden, keep_defaults
from audionas.nn.edge import Edge, EdgeFactory, Gate, Gates, MixedEdge
from audionas.nn.ops import OpShape
from audionas.nn.partial import widened
from audionas.nn.separable.penalties import Penalised, penalised_in, with_terms
from audionas.spaces._base import Bare, Space, present
from audionas.spaces._slim import SlimSpace

Phase = Literal["alpha", "weights"]


class _Parts(NamedTuple):
    net: nn.Module
    weights: list[nn.Parameter]
    penalised: list[Penalised]


@dataclass
class SearchRun:
    """The state and the inputs of a search. `alphas` stay on the CPU.

    `sizes` is the supernet's size in a space of cells, `bare` what it leaves without affine parameters (None:
    what the space says), `k` the part of the channels that its edges search, 1/k. `valid` returns the batches
    of the alpha half, in a fixed order, for methods that score networks when they derive; `train` those of
    the other half, not augmented, for recalibrating batch norms. One-shot methods count their updates of
    the weights (`steps`) and those that each option has received, (options,) by choice. `alive` names the
    options that are left, by choice, where some were dropped (`keep`). `taken` counts the steps
    of the optimisers of `weights` and `alpha`; a search sets it back at every epoch.
    """

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
    sync_norms: bool = False
    sizes: Mapping[str, int] = field(default_factory=dict)
    dropout: float | None = None
    bare: Bare | None = None
    k: int = 1
    valid: Callable[[], Iterable[Batch]] = tuple
    train: Callable[[], Iterable[Batch]] = tuple
    epoch: int = 0
    steps: int = 0
    alphas: dict[str, nn.Parameter] = field(default_factory=dict)
    updates: dict[str, Tensor] = field(default_factory=dict)
    alive: dict[str, tuple[str, ...]] = field(default_factory=dict)
    taken: Counter[Phase] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._looked: _Parts | None = None
        self._fresh()
        self._told: dict[str, tuple[Tensor | float, int]] = {}

    def criterion(self, logits: Tensor, target: Tensor) -> Tensor:
        """The loss of the logits (B, classes) of the last forward pass, with its penalties.

        A target of probabilities, (B, classes), is not smoothed.
        """
        smoothing = 0.0 if target.is_floating_point() else self.label_smoothing
        loss = functional.cross_entropy(logits, target, label_smoothing=smoothing)
        return with_terms(loss, self._parts().penalised)

    @property
    def weights(self) -> list[nn.Parameter]:
        """The parameters of the network, in its order."""
        return self._parts().weights

    def _parts(self) -> "_Parts":
        """The parts of the network that a step needs, found once: it is a tree of thousands of modules."""
        if self._looked is None or self._looked.net is not self.net:
            self._looked = _Parts(self.net, list(self.net.parameters()), penalised_in(self.net))
        return self._looked

    def renew(self, fill: EdgeFactory, sizes: Mapping[str, int]) -> None:
        """Make a fresh supernet of another size, drawn from torch's generator, with a fresh optimiser."""
        self.sizes = sizes
        net = self.space.supernet(fill, self.io, dropout=self.dropout, sizes=sizes, bare=self.bare, k=self.k)
        self.net = net.to(self.device).train(self.net.training)
        self._fresh()

    def _fresh(self) -> None:
        self.weight_optimizer = self.optim.build(self.net.parameters())
        self.count(self.weight_optimizer, "weights")

    def count(self, optimizer: Optimizer, of: Phase) -> None:
        """Count the steps that an optimiser takes from now on in `taken`."""
        optimizer.register_step_post_hook(lambda *_: self.taken.update([of]))

    def widen(self, fill: EdgeFactory, k: int) -> None:
        """Search 1/k of the channels, more than before, with the weights so far (`widened`).

        The optimiser is a fresh one. Raises ValueError where an edge would become narrower.
        """
        old, self.k = self.net.state_dict(), k
        self.renew(fill, self.sizes)
        self.net.load_state_dict(widened(old, self.net.state_dict()))

    def keep(self, left: Mapping[str, Iterable[str]]) -> None:
        """Drop all other options of the choices named: they have no weight, no cost and are never derived.

        Raises UserError where nothing would be left that the choice can have in a network.
        """
        for choice in self.space.choices():
            if choice.name in left:
                wanted = set(left[choice.name])
                if wanted - set(choice.options) or not wanted & set(present(choice)):
                    raise UserError(
                        f"{choice.name} cannot keep {', '.join(sorted(wanted)) or 'nothing'}: "
                        f"expected some of {', '.join(present(choice))}"
                    )
                self.alive[choice.name] = tuple(o for o in choice.options if o in wanted)

    def left(self, choice: Choice) -> tuple[int, ...] | None:
        """The indices of a choice's options that are left; None where none was dropped."""
        options = self.alive.get(choice.name, choice.options)
        if len(options) == len(choice.options):
            return None
        return tuple(i for i, option in enumerate(choice.options) if option in options)

    def living(self, choice: Choice) -> Tensor:
        """The logits of a choice, (options,), -inf for options that were dropped."""
        logits, left = self.alphas[choice.name], self.left(choice)
        if left is None:
            return logits
        gone = torch.ones(len(logits), dtype=torch.bool)
        gone[list(left)] = False
        return logits.masked_fill(gone, -math.inf)

    def log(self, name: str, value: Tensor | float) -> None:
        """Tell a value from any hook: the epoch's row has the mean of those that were told in the epoch."""
        total, count = self._told.get(name, (0.0, 0))
        self._told[name] = (total + (value.detach() if isinstance(value, Tensor) else value), count + 1)

    def told(self) -> dict[str, float]:
        """The means of what hooks have logged since the last call."""
        means = {name: float(total) / count for name, (total, count) in self._told.items()}
        self._told = {}
        return mean(means)

    def logits(self, x: Tensor, gates: Gates, state: Mapping[str, Tensor] | None = None) -> Tensor:
        """The supernet's logits with `gates`, in bfloat16 if mixed precision is on.

        `state` replaces weights and buffers of these names; batch norms then update its buffers. In
        training, each of several processes passes its share of a batch; with `sync_norms`, norms are common.
        """
        shared = self.net.training
        with self._autocast(), own_draws(shared), synced(shared and self.sync_norms):
            if state is None:
                logits: Tensor = self.net(x, gates)
            else:
                logits = functional_call(self.net, dict(state), (x, gates))
        return logits.float() if self.amp else logits

    def _autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.amp)


@dataclass(kw_only=True)
class Method(Strict, ABC):
    """A search method.

    `bare` is what its supernets leave without affine parameters; None: what the space says. A method whose
    weights mix options needs `ends` at least, or the norm that ends an option could undo alpha.
    `trains` is False for methods that need no supernet (the random baseline), `quick` for those whose
    `derive` scores networks and is therefore called once, at the end. `alike` names the method whose search a
    searcher alone sets apart, so that a comparison leaves one of them out. `slims` is True for methods whose
    edges run one option at a time as they are: only these search widths (`SlimSpace`).
    """

    family: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    arxiv: ClassVar[str] = ""
    trains: ClassVar[bool] = True
    quick: ClassVar[bool] = True
    slims: ClassVar[bool] = False
    bare: ClassVar[Bare | None] = None
    searched: ClassVar[tuple[str, ...]] = ()  # fields of `derive`, in whose place a searcher searches
    alike: ClassVar[str] = ""
    k = 1  # one over the share of channels that edges search; a field of methods that can search fewer

    def __init_subclass__(cls, **rest: Any) -> None:
        """Refuse to lay one method over another where a hook of the second would be lost."""
        super().__init_subclass__(**rest)
        if len(cls.__bases__) > 1 and ABC not in cls.__bases__:
            keep_defaults(cls)
        if lost := hidden(cls):
            joined = " and ".join(base.__name__ for base in cls.__bases__)
            raise UserError(
                f"{cls.__name__} joins {joined}, and would lose {', '.join(lost)}",
                hint="Define these in the new class, with what each of them does.",
            )

    @property
    def halves(self) -> bool:
        """True where training data are split into a half for the weights and one for alpha."""
        return True

    def refuses(self, space: Space) -> str:
        """The reason why this method does not apply to a space; empty if it applies."""
        return ""

    def bars(self, space: Space) -> str:
        """The reason not to run on a space, whatever is set: widths that it cannot choose, or `refuses`."""
        if not self.slims and (isinstance(space, SlimSpace) or any(c.sized for c in space.choices())):
            return "its networks have widths of their own, and this method computes all options at one width"
        return self.refuses(space)

    def idle(self, space: Space) -> Mapping[str, str]:
        """The fields that change nothing on a space, beside the others' values, with the reason."""
        return {}

    def why_not(self, space: Space) -> str:
        """The reason not to run on a space: it is barred, or a field was set that changes nothing there."""
        if why := self.bars(space):
            return why
        usual = {f.name: f.default for f in fields(self)}
        return "; ".join(
            f"{name} changes nothing, since {why}"
            for name, why in self.idle(space).items()
            if getattr(self, name) != usual[name]
        )

    def short(self, epochs: int) -> str:
        """The reason why so few epochs make another search; empty where they are enough."""
        return ""

    def require(self, space: Space) -> None:
        """Raise UserError with the reason if the method does not apply to the space as it is set."""
        if why := self.why_not(space):
            raise UserError(
                f"method {_name(self)} does not run on space {space.name}: {why}",
                hint="See: audionas list methods, audionas list spaces",
            )

    def fill(self, choice: Choice, shape: OpShape) -> Edge:
        """The edge for a choice in this method's supernet."""
        return MixedEdge(choice, shape)

    def setup(self, run: SearchRun) -> None:
        """Take a run, which holds all changing state."""
        self.require(run.space)
        self.run = run

    def on_epoch(self, epoch: int) -> None:
        """Prepare for an epoch: temperatures, warm-up."""
        self.run.epoch = epoch

    def after_epoch(self) -> None:
        """Look back at an epoch after its last step: measure, keep an architecture."""

    def stop(self) -> str:
        """The reason to end the search now, asked after each epoch; empty to go on.

        It is a function of what `state` holds, and the same in all processes.
        """
        return ""

    @abstractmethod
    def step(self, train: Batch, valid: Batch, progress: float) -> Mapping[str, Tensor | float]:
        """Update everything once; return metrics to average over the epoch."""

    def gates(self, phase: Phase) -> Gates:
        """One gate per choice, on the run's device, for a step of the alphas or of the weights.

        Options have equal weights by default; a method that samples draws anew at every call.
        """
        counts = {choice.name: len(choice.options) for choice in self.run.space.choices()}
        return Gates({n: Gate(torch.full((k,), 1 / k, device=self.run.device)) for n, k in counts.items()})

    def weight_gates(self, train: Batch) -> Gates:
        """The gates of a weight step, without a gradient; a method may look at the batch (adversaries)."""
        with torch.no_grad():
            return self.gates("weights")

    def rate(self, progress: float) -> float:
        """The weights' learning rate at a (fractional) epoch."""
        return self.run.optim.rate(progress, self.run.epochs)

    def weight_step(self, train: Batch) -> dict[str, Tensor | float]:
        """Take a step of the weights' optimiser on `weight_gradient`."""
        self.run.weight_optimizer.zero_grad(set_to_none=True)  # unsampled weights must not even decay
        metrics = self.weight_gradient(train)
        self._move_weights()
        return metrics

    def weight_gradient(self, train: Batch) -> dict[str, Tensor | float]:
        """Add the gradient of the training loss to the weights' `grad`; returns metrics."""
        logits = self.run.logits(train.x, self.weight_gates(train))
        loss = self.run.criterion(logits, train.target)
        loss.backward()  # type: ignore[no-untyped-call]
        return {"loss": loss, "accuracy": accuracy(logits, train.target)}

    def _move_weights(self) -> None:
        average_gradients(self.run.weights)
        if self.run.optim.clip is not None:
            nn.utils.clip_grad_norm_(self.run.weights, self.run.optim.clip)
        self.run.weight_optimizer.step()

    @abstractmethod
    def probabilities(self) -> dict[str, dict[str, float]]:
        """The strength of each option of each choice; logged every epoch."""

    def tell(self) -> Mapping[str, float]:
        """Values for the log of an epoch besides the means of its steps; none by default."""
        return {}

    def margins(self) -> dict[str, float]:
        """By how much each choice was taken, 0 or more, by name; none where no architecture is learnt."""
        return {}

    def sharper(self) -> Mapping[str, float]:
        """The overrides, besides more epochs, after which an undecided search decides more."""
        return {}

    @abstractmethod
    def derive(self) -> ArchSpec:
        """The architecture found by the search."""

    def spec_of(self, choices: Mapping[str, Iterable[str]]) -> ArchSpec:
        """An architecture of the run's space at the supernet's size."""
        run = self.run
        return run.space.spec(run.space.repair(choices), run.io, sizes=run.sizes)

    def state(self) -> State:
        """The weights and their optimiser; subclasses add theirs."""
        run = self.run
        state = State({"weights": dict(run.net.state_dict()), "weight_optimizer": pack(run.weight_optimizer)})
        if run.alive:
            state.plain["kept"] = {name: list(options) for name, options in run.alive.items()}
        if run.k != self.k:
            state.plain["k"] = run.k
        return state

    def restore(self, state: State) -> None:
        """Go back to `state`."""
        run = self.run
        run.alive = {name: tuple(options) for name, options in state.plain.get("kept", {}).items()}
        if run.k != (k := state.plain.get("k", self.k)):
            run.k = k
            run.renew(self.fill, run.sizes)
        run.net.load_state_dict(state.tensors["weights"])
        unpack(run.weight_optimizer, state.tensors["weight_optimizer"])


def accuracy(logits: Tensor, target: Tensor) -> Tensor:
    """The share of correct answers, on the device."""
    return (logits.detach().argmax(1) == target).float().mean()


def require_reachable(run: SearchRun, what: What, most: float, key: str) -> None:
    """Raise UserError when even the cheapest network of the space costs more than `most`."""
    choices = run.costs.extremes(run.space, what)[0]
    cheapest = run.costs.of(run.space.spec(choices, run.io, sizes=run.sizes), what)
    if cheapest > most:
        raise UserError(
            f"{key} is {most:,.10g} {what}, but the cheapest network of {run.space.name} has {cheapest:,}",
            hint=f"Raise {key}, or narrow the space, for example: space.width=0.5",
        )


def _name(method: Method) -> str:
    module = type(method).__module__
    package, _, stem = module.rpartition(".")
    return stem if package == "audionas.methods" else f"{module}:{type(method).__name__}"
