"""P-DARTS: the network deepens while the options thin out (Chen et al., ICCV 2019, arXiv:1904.12760).

A cell found in a shallow network need not be good in the deep one that is trained. The search therefore
has stages: each builds a deeper supernet from scratch, and keeps only the options that were strongest
in the previous stage. Dropout on skips keeps them from winning early, and the derived normal cell
may have only a limited number of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from audionas.core.arch import ArchSpec, Choice
from audionas.core.errors import hold
from audionas.core.rng import torch_rng
from audionas.cost.table import table
from audionas.data.batches import Batch
from audionas.engine.checkpoint import State
from audionas.engine.optim import set_rate
from audionas.methods._base import SearchRun
from audionas.methods._bilevel import Bilevel
from audionas.methods._derive import strongest
from audionas.methods._stages import Stage, skip_dropout, stage, thinned
from audionas.nn.edge import Edge, MixedEdge
from audionas.nn.ops import OPS, OpShape
from audionas.spaces._base import Space

Kept = Mapping[str, tuple[str, ...]]  # the options that are left at each choice


class SkipDropoutEdge(MixedEdge):
    """A mixed edge with elementwise dropout, `extra["skip_dropout"]`, on skips that change no shape."""

    def output(self, option: str, y: Tensor, extra: Mapping[str, float]) -> Tensor:
        """Apply dropout in training, out of place: `y` is the edge's input."""
        rate = extra.get("skip_dropout", 0.0)
        if rate == 0 or self.passes(option):
            return y
        return functional.dropout(y, rate, self.training)

    def passes(self, option: str) -> bool:
        """True for all other options."""
        return OPS[option].kind != "skip" or not self.shape.keeps


@dataclass(kw_only=True)
class PDarts(Bilevel):
    """`depths` lists the supernet's layers in each stage and replaces the search's own number.

    A stage is an equal part of the search's epochs with its own learning-rate schedule. Each has a new
    network and new alphas; the first `rest` of it, in whole epochs, trains weights alone. After each stage
    but the last, `keep` is the share of a choice's options that is left, rounded up: 8, 5, 3. `skip_dropout`
    is the rate at the start of each stage. It falls linearly while alpha rests, jumps back, then decays
    exponentially, as in the official code, which has stages of 25 epochs; other lengths are scaled to it.
    A search with fewer epochs than stages has the last stages only, of an epoch each.

    While the normal cell (in NAS-Bench-201 the cell) has more than `max_skips` skips, the weakest is
    removed and the cell derived again; it stays only if its edge has no other option left. An edge
    that may be absent keeps at least one option besides `none`. `cost` counts networks of the last depth
    in all stages. Chains are refused: they cannot be deepened.
    """

    paper: ClassVar[str] = (
        "Progressive Differentiable Architecture Search: Bridging the Depth Gap between Search and Evaluation"
    )
    arxiv: ClassVar[str] = "1904.12760"

    alpha_lr: float = 6e-4
    alpha_clip: float | None = 5.0
    depths: tuple[int, ...] = (5, 11, 17)
    keep: tuple[float, ...] = (0.625, 0.375)
    skip_dropout: tuple[float, ...] = (0.0, 0.4, 0.7)
    rest: float = 0.4
    max_skips: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        stages, falling = len(self.depths), sorted(self.keep, reverse=True)
        hold(
            (stages and min(self.depths) >= 1, f"depths {list(self.depths)}: expected layers, at least 1"),
            (
                len(self.keep) == stages - 1 and all(0 < k <= 1 for k in self.keep),
                f"keep {list(self.keep)}: expected {stages - 1} shares above 0, one fewer than depths",
            ),
            (list(self.keep) == falling, f"keep {list(self.keep)}: dropped options do not come back"),
            (
                len(self.skip_dropout) == stages and all(0 <= p < 1 for p in self.skip_dropout),
                f"skip_dropout {list(self.skip_dropout)}: expected {stages} rates in [0, 1), one per depth",
            ),
            (0 <= self.rest < 1, f"rest is {self.rest}, expected a share of a stage in [0, 1)"),
            (self.max_skips >= 0, f"max_skips is {self.max_skips}, expected 0 or more"),
        )

    def refuses(self, space: Space) -> str:
        """The reason to refuse chains."""
        return "" if "layers" in space.sizes else "it deepens the network, and a chain has one depth"

    def idle(self, space: Space) -> Mapping[str, str]:
        """Settings for skips, where there are none."""
        skips = any(OPS[option].kind == "skip" for choice in space.choices() for option in choice.options)
        off = () if skips else ("skip_dropout", "max_skips")
        return {**super().idle(space), **dict.fromkeys(off, "no option is a skip")}

    def fill(self, choice: Choice, shape: OpShape) -> Edge:
        """An edge whose skip drops out, with every option."""
        return SkipDropoutEdge(choice, shape)

    def setup(self, run: SearchRun) -> None:
        """Begin the first stage that the search has."""
        self.require(run.space)
        self.run = run
        if self.cost is not None:
            run.costs = table(run.space, run.io, {**run.sizes, "layers": self.depths[-1]})
        self._begin(self._first, {choice.name: choice.options for choice in run.space.choices()})

    def _begin(self, number: int, kept: Kept) -> None:
        """Make a network of the stage's depth with the options that are left, and fresh alphas."""
        self._stage = number

        def fill(choice: Choice, shape: OpShape) -> Edge:
            return SkipDropoutEdge(choice, shape, kept[choice.name])

        self.run.renew(fill, {**self.run.sizes, "layers": self.depths[number]})
        super().setup(self.run)
        self.run.keep(kept)

    def init_alpha(self, choice: Choice) -> Tensor:
        """Initial logits, 1e-3 N(0, 1), (options,), anew in each stage; those of dropped options are idle."""
        rng = torch_rng(self.run.seed, "alpha", self._stage, choice.name)
        return 1e-3 * torch.randn(len(choice.options), generator=rng)

    def on_epoch(self, epoch: int) -> None:
        """Begin the next stage at its first epoch."""
        super().on_epoch(epoch)
        if self._first + epoch * self._count // self.run.epochs > self._stage:
            held, share = self.probabilities(), self.keep[self._stage]
            kept = {
                choice.name: thinned(choice, self.run.alive[choice.name], held[choice.name], share)
                for choice in self.run.space.choices()
            }
            self._begin(self._stage + 1, kept)

    @property
    def _count(self) -> int:
        """The stages that the search has epochs for."""
        return min(len(self.depths), self.run.epochs)

    @property
    def _first(self) -> int:
        return len(self.depths) - self._count

    @property
    def _now(self) -> Stage:
        return stage(self._stage - self._first, self._count, self.run.epochs, self.rest)

    def rate(self, progress: float) -> float:
        """The learning rate; its schedule starts over in each stage."""
        return self.run.optim.rate(progress - self._now.first, self._now.length)

    def step(self, train: Batch, valid: Batch, progress: float) -> dict[str, Tensor | float]:
        """Update as in DARTS, but only the weights at the beginning of a stage."""
        if self.run.epoch - self._now.first >= self._now.rests:
            return super().step(train, valid, progress)
        set_rate(self.run.weight_optimizer, self.rate(progress))
        return self.weight_step(train)

    def extra(self) -> Mapping[str, float]:
        """The dropout on skips in this epoch."""
        return {"skip_dropout": skip_dropout(self.skip_dropout[self._stage], self.run.epoch, self._now)}

    def derive(self) -> ArchSpec:
        """The strongest options, then again without the weakest skip while the normal cell has too many."""
        scores = self.standings()
        while True:
            found = strongest(self.run.space, scores)
            skips = [
                (scores[choice.name][option], choice.name, option)
                for choice in self.run.space.watched()
                for option in found[choice.name]
                if OPS[option].kind == "skip"
            ]
            weakest = min((skip for skip in skips if skip[0] > 0), default=None)
            if len(skips) <= self.max_skips or weakest is None:
                return self.spec_of(found)
            scores[weakest[1]][weakest[2]] = 0.0  # still above dropped options

    def state(self) -> State:
        """The state, with the stage."""
        state = super().state()
        state.plain["stage"] = self._stage
        return state

    def restore(self, state: State) -> None:
        """Build the stage's network, then restore its weights from `state`."""
        self._begin(state.plain["stage"], {name: tuple(o) for name, o in state.plain["kept"].items()})
        super().restore(state)
