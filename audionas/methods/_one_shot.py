"""The frame of one-shot methods: a supernet whose networks are trained in turn, then scored."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.data.batches import Batch
from audionas.engine.checkpoint import State
from audionas.engine.optim import set_rate
from audionas.methods._base import Method, Phase, SearchRun, accuracy
from audionas.methods._derive import different
from audionas.methods._score import Scoring, gates_of, score
from audionas.nn.edge import Edge, Gates
from audionas.nn.mixed.sliced import Sliced

Route = Mapping[str, tuple[str, ...]]  # the options of a network by choice, as in an ArchSpec
Loss = Callable[[Tensor, Tensor], Tensor]  # of logits (B, classes) and labels (B,)


@dataclass(kw_only=True)
class OneShot(Method):
    """An update draws `paths`, adds up their gradients and moves the weights once.

    The networks drawn depend on the seed and the number of updates alone, so that every process of
    a parallel run draws the same. `shared_gradients` sets the gradient of layers outside choices, which every
    path uses: the `sum` over paths, as for choices, or the `mean`. `run.updates` counts the updates of each
    option.

    A trained supernet is searched by a searcher (the config's section `searcher`); `derive`, which
    comparisons use, returns the most accurate of `draws` random networks. `scoring` sets how both score.
    """

    family: ClassVar[str] = "one-shot"
    quick: ClassVar[bool] = False
    searched: ClassVar[tuple[str, ...]] = ("draws",)

    shared_gradients: Literal["sum", "mean"] = "sum"
    scoring: Scoring = field(default_factory=Scoring)
    draws: int = 100

    def __post_init__(self) -> None:
        """Refuse impossible settings; subclasses call it before their own checks."""
        if self.draws < 1:
            raise UserError(f"draws is {self.draws}, expected at least 1")

    def setup(self, run: SearchRun) -> None:
        """Take a run; every option has received 0 updates."""
        super().setup(run)
        run.updates = {c.name: torch.zeros(len(c.options), dtype=torch.long) for c in run.space.choices()}

    @abstractmethod
    def paths(self) -> Sequence[Route]:
        """The networks of the next update, a function of the run's seed and of `run.steps`."""

    def step(self, train: Batch, valid: Batch, progress: float) -> dict[str, Tensor | float]:
        """Update the weights once; the other half is left for scoring."""
        set_rate(self.run.weight_optimizer, self.rate(progress))
        metrics = self.weight_step(train)
        self.run.steps += 1
        return metrics

    def weight_gradient(self, train: Batch) -> dict[str, Tensor | float]:
        """Add up the gradients of all paths of an update."""
        paths, loss = self.paths(), self.losses()
        batches = self.minibatches(train, len(paths))
        told = [self.pass_through(path, batch, loss) for path, batch in zip(paths, batches, strict=True)]
        self._share(len(paths))
        return {name: sum(one[name] for one in told) / len(told) for name in told[0]}

    def minibatches(self, train: Batch, paths: int) -> Sequence[Batch]:
        """The batch that each path of an update sees: all of it."""
        return [train] * paths

    def losses(self) -> Loss:
        """A function of logits and labels that is called once for each path of an update, in their order."""
        return self.run.criterion

    def pass_through(self, path: Route, train: Batch, criterion: Loss) -> dict[str, Tensor]:
        """Run forward and backward through one network, and count its options."""
        spec = self.spec_of(path)
        logits = self.run.logits(train.x, gates_of(self.run, spec))
        loss = criterion(logits, train.target)
        loss.backward()  # type: ignore[no-untyped-call]
        for choice in self.run.space.choices():
            for option in spec.choices[choice.name]:
                self.run.updates[choice.name][choice.options.index(option)] += 1
        return {"loss": loss.detach(), "accuracy": accuracy(logits, train.target)}

    def _share(self, paths: int) -> None:
        if self.shared_gradients == "mean" and paths > 1:
            for parameter in shared(self.run.net):
                if parameter.grad is not None:
                    parameter.grad /= paths

    def gates(self, phase: Phase) -> Gates:
        """The gates of the first path of the next update."""
        return gates_of(self.run, self.spec_of(self.paths()[0]))

    def probabilities(self) -> dict[str, dict[str, float]]:
        """Uniform probabilities, always: nothing is learnt about architectures."""
        return {c.name: dict.fromkeys(c.options, 1 / len(c.options)) for c in self.run.space.choices()}

    def tell(self) -> dict[str, float]:
        """The fewest and the most updates that an option has received."""
        counts = [count for name in self.run.updates for count in self._counts(name)]
        return {"updates_least": min(counts), "updates_most": max(counts)}

    def _counts(self, name: str) -> list[int]:
        found: list[int] = self.run.updates[name].tolist()
        return found

    def score(self, spec: ArchSpec) -> dict[str, float]:
        """Accuracy, macro-F1 and loss with the supernet's weights."""
        return score(self.run, spec, self.scoring)

    def derive(self) -> ArchSpec:
        """The most accurate of `draws` random networks; among equals the one with the least loss."""
        rng, space = numpy_rng(self.run.seed, "one-shot", "draws"), self.run.space
        specs = different(space, (space.sample(rng, self.run.io) for _ in range(self.draws)))
        told = {spec.id: self.score(spec) for spec in specs}
        best = max(specs, key=lambda spec: (told[spec.id]["accuracy"], -told[spec.id]["loss"]))
        return self.spec_of(best.choices)

    def state(self) -> State:
        """Weights, their optimiser, the counters."""
        state = super().state()
        state.tensors["updates"] = {**self.run.updates, "": torch.tensor(self.run.steps)}
        return state

    def restore(self, state: State) -> None:
        """Go back to `state`."""
        super().restore(state)
        counters = dict(state.tensors["updates"])
        self.run.steps = int(counters.pop(""))
        self.run.updates = {name: count.clone() for name, count in counters.items()}


def shared(net: nn.Module) -> Iterable[nn.Parameter]:
    """The parameters that every path uses: those outside edges, and outside parts that a choice takes."""
    chosen: list[nn.Module] = [part for part in net.modules() if isinstance(part, Edge)]
    if isinstance(net, Sliced):
        chosen += [net.get_submodule(part) for part in net.kinds]
    inside = {id(p) for part in chosen for p in part.parameters()}
    return [parameter for parameter in net.parameters() if id(parameter) not in inside]
