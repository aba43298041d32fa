"""SNAS: stochastic architectures by the concrete distribution (Xie et al., ICLR 2019, arXiv:1812.09926).

The loss of DARTS' mean of operations is not the mean loss of the networks it represents. Here each batch
draws a soft one-hot vector per edge, softmax((log alpha + Gumbel) / temperature), the same in all
cells of a kind. Weights and alpha follow one loss on all training data; as the temperature falls,
the draws become networks.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from audionas.core.arch import ArchSpec, Choice
from audionas.core.errors import UserError
from audionas.core.rng import torch_rng
from audionas.cost.table import What
from audionas.methods._base import Phase
from audionas.methods._bilevel import Bilevel
from audionas.methods._decided import gap
from audionas.methods._derive import filled
from audionas.methods._price import exchanged
from audionas.methods._sample import anneal, concrete, gates_of, rows
from audionas.nn.edge import Gates
from audionas.spaces._base import Space, present


@dataclass(kw_only=True)
class Snas(Bilevel):
    """`cost` applies to the network that would be derived; in the paper to the drawn weights. `alpha_clip` is
    the official code's.

    `temperature` falls linearly from the first value, in the first epoch, to the second, in the last;
    the official code does so over 150 epochs whatever the search's length, and only with a flag:
    `anneal: false` stays at the first value, which is its default.

    `inputs: all` keeps each edge's strongest option; an edge whose strongest option is `none` is left out, so
    that a node may have any number of inputs. If that cuts every path through a cell, its strongest
    edge that starts at an input of the cell stays; the official code would train a cell of zeros.
    `inputs: two` derives as DARTS does. Runs on every space.
    """

    paper: ClassVar[str] = "SNAS: Stochastic Neural Architecture Search"
    arxiv: ClassVar[str] = "1812.09926"

    level: Literal["two", "one"] = "one"
    alpha_clip: float | None = 10.0
    temperature: tuple[float, float] = (1.0, 0.03)
    anneal: bool = True
    inputs: Literal["all", "two"] = "all"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(0 < t < math.inf for t in self.temperature):
            raise UserError(f"temperature is {list(self.temperature)}, expected two positive numbers")

    def idle(self, space: Space) -> Mapping[str, str]:
        """The number of inputs where nodes keep them all."""
        none = {} if space.inputs else {"inputs": "every choice keeps an option"}
        return {**super().idle(space), **none}

    def init_alpha(self, choice: Choice) -> Tensor:
        """Initial log alpha with mean 1 and deviation 0.01."""
        rng = torch_rng(self.run.seed, "alpha", choice.name)
        return 1 + 0.01 * torch.randn(len(choice.options), generator=rng)

    def gates(self, phase: Phase) -> Gates:
        """One concrete sample per choice; all options run."""
        first, last = self.temperature
        heat = anneal(first, last, self.run.epoch, self.run.epochs) if self.anneal else first
        return gates_of(self.run, concrete(rows(self.run), heat))

    def margins(self) -> dict[str, float]:
        """Where every edge stays, `none` is one of its options."""
        if self.inputs == "two":
            return super().margins()
        held = self.scores()
        return {name: gap(shares.values()) for name, shares in held.items() if len(shares) > 1}

    def derive(self) -> ArchSpec:
        """The strongest option of each edge, `none` included, unless `inputs` is two."""
        if self.inputs == "two":
            return super().derive()
        space, scores = self.run.space, self.standings()
        kept = {c.name: _decided(c, scores[c.name]) for c in space.choices()}
        return self.spec_of(filled(space, kept, scores)[0])

    def exchanges(self, spec: ArchSpec, what: What) -> dict[str, Tensor]:
        """An edge that is absent displaces none when it enters, and one whose `none` wins leaves."""
        if self.inputs == "two":
            return super().exchanges(spec, what)
        return exchanged(self.run.costs, self.run.space, spec.choices, self.standings(), what, inputs=0)


def _decided(choice: Choice, scores: Mapping[str, float]) -> tuple[str, ...]:
    """The strongest option; empty if that is `none` and the edge may be absent."""
    best = max(choice.options, key=scores.__getitem__)
    return (best,) if best in present(choice) else ()
