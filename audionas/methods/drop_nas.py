"""DropNAS: operations are dropped at random in groups (Hong et al., IJCAI 2020, arXiv:2201.11679).

Operations that are trained together adapt to each other, and one that learns early keeps winning. Here
each step drops some at random, separately among those with weights and those without, so that each must
also work without the others. Alphas and weights follow one loss; the probability of dropped operations does
not change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, Literal

import torch
from torch import Tensor

from audionas.core.errors import UserError
from audionas.methods._base import Phase, SearchRun
from audionas.methods._bilevel import Bilevel
from audionas.methods._recentre import recentre
from audionas.nn.edge import Gate, Gates
from audionas.nn.ops import FREE, OPS
from audionas.spaces._base import Space


class Groups:
    """The options of all choices side by side, in two groups per choice: with weights and without.

    Each option of a group of n is dropped with probability q = drop ** (1 / n), independently, and a group
    is drawn again until one of its options survives; so an option is absent with (q - q^n) / (1 - q^n).
    """

    def __init__(self, choices: Mapping[str, tuple[str, ...]], drop: float, drop_free: float) -> None:
        kinds = {name: [OPS[option].kind in FREE for option in options] for name, options in choices.items()}
        self.sizes = [len(flags) for flags in kinds.values()]
        places = [(name, free) for name, flags in kinds.items() for free in flags]
        known = list(dict.fromkeys(places))
        self.of = torch.tensor([known.index(place) for place in places])
        rates = [(drop_free if free else drop) ** (1 / kinds[name].count(free)) for name, free in places]
        self.rates = torch.tensor(rates)
        self.count = len(known)

    def draw(self) -> list[tuple[int, ...]]:
        """The kept options of each choice, as indices; drawn on the CPU from torch's generator."""
        kept = torch.rand(len(self.rates)) >= self.rates
        while not (alive := self.alive(kept)).all():
            again = ~alive[self.of]
            kept[again] = torch.rand(len(self.rates))[again] >= self.rates[again]
        flags = iter(kept.tolist())
        return [tuple(i for i, stays in enumerate(islice(flags, n)) if stays) for n in self.sizes]

    def alive(self, kept: Tensor) -> Tensor:
        """True for groups that have a survivor."""
        return torch.bincount(self.of[kept], minlength=self.count) > 0


@dataclass(kw_only=True)
class DropNas(Bilevel):
    """`drop` is the probability that a whole group of operations with weights would be dropped; `drop_free`
    that of the others (the official code has both). A group of one is never dropped, so a space in which
    every group is one operation (`darts_cell` with preset s2) is refused: it would be DARTS with one level.

    Decay is partial: dropped operations decay neither in weight nor in alpha, within the single step of each
    optimiser. The official code takes a second step for decay, which applies momentum twice, on the loss
    rate * |w|^2, whose gradient is twice that of torch's weight decay at the same rate: for its decay set
    `alpha_weight_decay` and `search.optim.weight_decay` to twice its rates. `rank: alpha`
    compares edges by raw alpha as the official code does, `softmax` by probability: logits of different edges
    have no common scale. Nothing is dropped during warm-up. Runs on every space.
    """

    paper: ClassVar[str] = "DropNAS: Grouped Operation Dropout for Differentiable Architecture Search"
    arxiv: ClassVar[str] = "2201.11679"
    loses: ClassVar[Mapping[str, str]] = {
        "order": "what is dropped differs from pass to pass",
        "beta_decay": "dropped options do not move",
    }

    level: Literal["two", "one"] = "one"
    drop: float = 3e-5
    drop_free: float = 3e-5
    rank: Literal["softmax", "alpha"] = "softmax"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (0 <= self.drop < 1 and 0 <= self.drop_free < 1):
            raise UserError(f"drop {self.drop} and drop_free {self.drop_free} must lie in [0, 1)")

    def refuses(self, space: Space) -> str:
        """The reason to refuse a space in which no group has two operations."""
        if self._groups_of(space):
            return super().refuses(space)
        return "each group is one operation, which is never dropped: it would be darts with level one"

    def idle(self, space: Space) -> Mapping[str, str]:
        """The probability of a group that no choice has with two operations."""
        known = self._groups_of(space)
        none = "no choice has two operations of that group"
        groups = {"drop": False, "drop_free": True}
        ranks = {} if space.inputs else {"rank": "no edges compete, which alone it ranks"}
        return {
            **super().idle(space),
            **{n: none for n, free in groups.items() if free not in known},
            **ranks,
        }

    def _groups_of(self, space: Space) -> set[bool]:
        """The groups that have two operations somewhere: True is that of operations without weights."""
        flags = [[OPS[option].kind in FREE for option in choice.options] for choice in space.choices()]
        return {free for free in (False, True) if any(kinds.count(free) > 1 for kinds in flags)}

    def setup(self, run: SearchRun) -> None:
        """Turn off Adam's own decay, which would affect dropped options: `penalty` applies it instead."""
        super().setup(run)
        self._optimizer.param_groups[0]["weight_decay"] = 0.0
        rates = {False: self.drop, True: self.drop_free}
        self._drops = any(rates[free] > 0 for free in self._groups_of(run.space))
        self._left: dict[str, tuple[int, ...]] = {}
        self._kept: dict[str, tuple[int, ...]] = {}

    def gates(self, phase: Phase) -> Gates:
        """Softmax over the options that a fresh draw keeps; without dropping, nothing is drawn."""
        choices = self.run.space.choices()
        kept = left = {c.name: self.run.left(c) or tuple(range(len(c.options))) for c in choices}
        if self._drops and not self.warming:
            if left != self._left:
                options = {c.name: tuple(c.options[i] for i in left[c.name]) for c in choices}
                self._left, self._groups = left, Groups(options, self.drop, self.drop_free)
            drawn = zip(left, self._groups.draw(), strict=True)
            kept = {name: tuple(left[name][i] for i in places) for name, places in drawn}
        if phase == "alpha":
            self._kept = kept  # until the end of this step
        return Gates({name: self._gate(self.run.alphas[name], active) for name, active in kept.items()})

    def _gate(self, alpha: Tensor, active: tuple[int, ...]) -> Gate:
        dropped = torch.ones(len(alpha), dtype=torch.bool)
        dropped[list(active)] = False
        weight = alpha.masked_fill(dropped, -torch.inf).softmax(0)
        return Gate(weight.to(self.run.device), active)

    def penalty(self, gates: Gates) -> Tensor:
        """L2 decay of the kept alphas only."""
        kept = [self.run.alphas[name][list(active)] for name, active in self._kept.items()]
        return (self.alpha_weight_decay / 2 * torch.cat(kept).square().sum()).to(self.run.device)

    def after_alpha(self, before: Mapping[str, Tensor]) -> None:
        """Alpha-adjust: keep the probabilities of dropped options."""
        for name, active in self._kept.items():
            recentre(before[name], self.run.alphas[name], active)

    def scores(self) -> dict[str, dict[str, float]]:
        """Probabilities, or raw alphas."""
        if self.rank == "softmax":
            return self.probabilities()
        choices = self.run.space.choices()
        return {c.name: dict(zip(c.options, self.run.alphas[c.name].tolist(), strict=True)) for c in choices}
