"""FairDARTS: a sigmoid per operation and a zero-one loss (Chu et al., ECCV 2020, arXiv:1911.12126).

Softmax makes operations compete, and skips win unfairly. Here each operation has its own sigmoid,
so none wins at another's expense, and a zero-one loss drives every sigmoid to 0 or 1, so that
discretisation changes little. Operations above a threshold are kept: in a cell edges may vanish, in a chain
several operations are summed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor

from audionas.core.arch import ArchSpec, Choice
from audionas.core.errors import UserError
from audionas.cost.table import What
from audionas.data.batches import Batch
from audionas.engine.distributed import averaged
from audionas.methods._bilevel import Bilevel
from audionas.methods._decided import crossing
from audionas.methods._derive import cells, filled, strongest
from audionas.methods._price import price_of
from audionas.nn.edge import Gates
from audionas.spaces._base import Bare, Space, present


def zero_one_loss(weights: Tensor, form: Literal["squared", "absolute"] = "squared") -> Tensor:
    """-mean((s - 0.5)^2), or -mean(|s - 0.5|): least where every sigmoid s is 0 or 1, largest at 0.5.

    At saturation it is -0.25 (squared) or -0.5 (absolute); the squared form's gradient vanishes at 0.5.
    """
    distance = weights - 0.5
    return -(distance.square() if form == "squared" else distance.abs()).mean()


@dataclass(kw_only=True)
class FairDarts(Bilevel):
    """`threshold` is the paper's 0.85 for cells; AutoKWS quotes 0.8 for its chain.

    `rule` selects the edges of cells. `threshold_sparse`: the two strongest edges of a node, each with its
    strongest operation, if that passes. `threshold_edge`: on every edge up to two operations that pass.
    A node without edges is left out and its cell's output is narrower; a cell that would be empty keeps
    its strongest edge, and the architecture's note says so. `darts`: the rule of DARTS.

    Where an edge cannot be absent (chains, NAS-Bench-201), both thresholds keep all operations that pass, as
    many as the choice allows, or else the strongest: a chain cannot lose a link. Runs on every space.

    Where the next layer normalises, all sigmoids of a layer may be divided by ten and the network computes
    the same: only their ratios mean something, but for the zero-one loss, which drives them to 0 and 1. The
    report shows the ratios to a layer's strongest, and the parts of alpha's gradient that the data and that
    loss have. No affine norm follows the sums.
    """

    paper: ClassVar[str] = "Fair DARTS: Eliminating Unfair Advantages in Differentiable Architecture Search"
    arxiv: ClassVar[str] = "1911.12126"
    bare: ClassVar[Bare | None] = "sums"  # sigmoids of a layer have a common factor
    loses: ClassVar[Mapping[str, str]] = {"beta_decay": "it bounds a softmax, and these are sigmoids"}

    alpha_lr: float = 3e-3
    alpha_betas: tuple[float, float] = (0.9, 0.999)
    zero_one_weight: float = 10.0
    zero_one_form: Literal["squared", "absolute"] = "squared"
    threshold: float = 0.85
    rule: Literal["threshold_sparse", "threshold_edge", "darts"] = "threshold_sparse"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.threshold < 1:
            raise UserError(f"threshold is {self.threshold}, expected a sigmoid between 0 and 1")

    def idle(self, space: Space) -> Mapping[str, str]:
        """Threshold and rule where the strongest option stays anyway, the form of a loss that is off."""
        found = dict(super().idle(space))
        if self.zero_one_weight == 0:
            found["zero_one_form"] = "zero_one_weight is 0"
        single = all(choice.least == choice.max_active == 1 for choice in space.choices())
        if single or self.rule == "darts":
            found["threshold"] = "the strongest option stays, whatever its sigmoid is"
        if single:
            found["rule"] = "every choice keeps exactly one option"
        elif all(choice.least for choice in space.choices()) and self.rule == "threshold_edge":
            found["rule"] = "no edge can be absent: both thresholds keep the same"
        return found

    def init_alpha(self, choice: Choice) -> Tensor:
        """Initial zeros: every sigmoid starts at 0.5."""
        return torch.zeros(len(choice.options))

    def relax(self, logits: Tensor) -> Tensor:
        """Apply the sigmoid: no competition among options."""
        return logits.sigmoid()

    def penalty(self, gates: Gates) -> Tensor:
        """The weighted zero-one loss over all options of all choices."""
        weights = torch.cat([gate.weight for gate in gates.values()])
        return self.zero_one_weight * zero_one_loss(weights, self.zero_one_form)

    def exchanges(self, spec: ArchSpec, what: What) -> dict[str, Tensor]:
        """Sigmoids do not compete: an option may enter beside others, and a kept one may leave."""
        found = super().exchanges(spec, what)
        if self.rule == "darts":
            return found
        held = self.probabilities()
        stay = strongest(self.run.space, self.standings())
        for choice in self.run.space.choices():
            if choice.least or self.rule == "threshold_edge" or stay[choice.name]:
                found[choice.name] = self._exchanged(choice, held[choice.name], self._room(choice), what)
        for kind, members in cells(self.run.space).items():
            if f"{kind} cell" in spec.note:  # its only edge leaves as soon as another one passes
                (lone,) = (c.name for c in members if spec.choices[c.name])
                leaving = self._paid(lone, what)[spec.choices[lone][0]]
                found |= {
                    c.name: torch.tensor([*self._paid(c.name, what).values()]) - leaving for c in members
                }
        return found

    def _paid(self, choice: str, what: What) -> dict[str, float]:
        return {o: price_of(self.run.costs, choice, o, what) for o in self.run.costs.options[choice]}

    def _exchanged(self, choice: Choice, p: Mapping[str, float], room: int, what: What) -> Tensor:
        """The change of the cost along each option of an edge, in which at most `room` stay."""
        costs = self._paid(choice.name, what)
        ranked = sorted(present(choice), key=lambda option: -p[option])
        passing = [option for option in ranked if p[option] >= self.threshold]
        kept = passing[:room] or ranked[: choice.least]
        full = len(kept) == room or not passing
        leaves = costs[kept[-1]] if kept and full else 0.0
        waiting = [*passing[room:], *(ranked[1:] if choice.least and len(kept) == 1 else ())]
        comes = costs[waiting[0]] if waiting else 0.0
        change = [costs[o] - (comes if o in kept else leaves) if o in ranked else 0.0 for o in choice.options]
        return torch.tensor(change, dtype=torch.float64)

    def alpha_gradient(self, valid: Batch, train: Batch) -> dict[str, Tensor | float]:
        """Leave the gradient; tell the norms of its two parts, that of the data (and of a cost) and that of
        the zero-one loss: where the second is much larger, sigmoids go where they began to go.
        """
        told = super().alpha_gradient(valid, train)
        alphas = self.parameters()
        pull = self.penalty(self.gates("alpha"))
        pulls = torch.autograd.grad(pull, alphas, materialize_grads=True, allow_unused=True)
        rest = averaged([a.grad - p for a, p in zip(alphas, pulls, strict=True) if a.grad is not None])
        parts = {"gradient_data": rest, "gradient_zero_one": pulls}
        norms = {name: torch.cat([g.flatten() for g in part]).norm() for name, part in parts.items()}
        return {**told, **norms}

    def margins(self) -> dict[str, float]:
        """The ways of sigmoids to the threshold; under the rule of DARTS the margins between them."""
        space, held = self.run.space, self.probabilities()
        found = super().margins()
        if self.rule == "darts":
            return found
        edges = {choice.name for choice in space.choices()} if self._every_edge() else found.keys()
        ways = {
            c.name: crossing((held[c.name][o] for o in present(c)), self.threshold, self._room(c), c.least)
            for c in space.choices()
            if c.name in edges
        }
        return ways if self._every_edge() else {**found, **ways}

    def _every_edge(self) -> bool:
        """True where edges do not compete."""
        return self.rule == "threshold_edge" or not self.run.space.inputs

    def _room(self, choice: Choice) -> int:
        """The most options that may stay at a choice."""
        return choice.max_active if choice.least else {"threshold_edge": 2}.get(self.rule, 1)

    def derive(self) -> ArchSpec:
        """The options above the threshold that `rule` keeps."""
        held, standings = self.probabilities(), self.standings()
        kept = strongest(self.run.space, standings)
        if self.rule == "darts":
            return self.spec_of(kept)
        for choice in self.run.space.choices():
            p = held[choice.name]
            passing = tuple(
                sorted((o for o in present(choice) if p[o] >= self.threshold), key=lambda o: -p[o])
            )
            if choice.least:
                kept[choice.name] = passing[: choice.max_active] or kept[choice.name]
            elif self.rule == "threshold_edge":
                kept[choice.name] = passing[:2]
            else:
                kept[choice.name] = kept[choice.name] and passing[:1]
        choices, empty = filled(self.run.space, kept, standings)
        spec = self.spec_of(choices)
        said = f"no edge reaches {self.threshold:g}, the strongest is kept"
        return replace(spec, note={**spec.note, **{f"{kind} cell": said for kind in empty}})
