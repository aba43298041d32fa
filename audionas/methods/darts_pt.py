"""DARTS-PT: an option is worth what the supernet loses without it (Wang et al., ICLR 2021, arXiv:2108.04392).

Alpha says little about an option's part in the supernet. In the last epochs choices are decided in random
order: each option's weight in turn becomes 0, and that is kept without which accuracy is lowest.
"""

from dataclasses import dataclass
from typing import ClassVar

from audionas.core.arch import ArchSpec
from audionas.core.errors import hold
from audionas.engine.checkpoint import State
from audionas.methods._base import Phase, SearchRun
from audionas.methods._bilevel import Bilevel
from audionas.methods._decided import by_shares
from audionas.methods._perturb import Criterion, cut, decide, kept, mean_gates, order
from audionas.methods._stages import whole
from audionas.nn.edge import Gates


@dataclass(kw_only=True)
class DartsPt(Bilevel):
    """`tune` is the share of the epochs, at least one, before each of which choices are decided, evenly: on
    NAS-Bench-201 the paper has 25 after 100. There the weights have a fresh momentum and a tenth of the
    schedule's rate, begun anew; alpha goes on. All of alpha's half is scored, with each batch's statistics;
    the loss decides among equals. Where nodes keep few inputs they follow: each is removed alone,
    and those stay without which the score is lowest.

    Every method that mixes options derives its network so with `derive: {rule: perturbation}` in its section,
    beside which `tune` and `criterion` stand. Runs on every space.
    """

    paper: ClassVar[str] = "Rethinking Architecture Selection in Differentiable NAS"
    arxiv: ClassVar[str] = "2108.04392"

    tune: float = 0.2
    criterion: Criterion = "accuracy"

    def __post_init__(self) -> None:
        super().__post_init__()
        hold(
            (0 < self.tune < 1, f"tune is {self.tune}, expected a share in (0, 1)"),
            (self.level == "two", "level is one, but options are scored on a half of their own: level two"),
        )

    def setup(self, run: SearchRun) -> None:
        """Take a run, and draw the order."""
        super().setup(run)
        self._order, self._decided, self._absent = order(run), 0, list[str]()

    @property
    def _first(self) -> int:
        return self.run.epochs - max(1, whole(self.tune, self.run.epochs))

    def on_epoch(self, epoch: int) -> None:
        """Decide what is due, up to all of it in the last epoch."""
        super().on_epoch(epoch)
        run, done = self.run, epoch + 1 - self._first
        if done > 0 and not self._decided:
            run.weight_optimizer = run.optim.build(run.net.parameters())
            run.count(run.weight_optimizer, "weights")
        while self._decided < -(-len(self._order) * done // (run.epochs - self._first)):
            gates = mean_gates(self, self._absent)
            self._absent += decide(run, gates, self._order[self._decided], self.criterion)
            self._decided += 1

    def gates(self, phase: Phase) -> Gates:
        """The gates of a step, without the edges that have gone."""
        return cut(super().gates(phase), self._absent)

    def rate(self, progress: float) -> float:
        """The weights' learning rate: while tuning, a tenth of the schedule's."""
        if self.run.epoch < self._first:
            return self.run.optim.rate(progress, self._first)
        return self.run.optim.rate(progress - self._first, self.run.epochs - self._first) / 10

    def scores(self) -> dict[str, dict[str, float]]:
        """The scores; those of edges that have gone are below all others."""
        found = super().scores()
        return found | {name: {o: p - 2 for o, p in found[name].items()} for name in self._absent}

    @property
    def _done(self) -> bool:
        return self._decided == len(self._order)

    def margins(self) -> dict[str, float]:
        """The margins between inputs, once all is decided."""
        if self._done:
            return by_shares(self.run.space, self.probabilities(), self.scores())
        return super().margins()

    def derive(self) -> ArchSpec:
        """The options that were kept, once all is decided; before that the method's own network."""
        if self._done:
            return self.spec_of(kept(self.run, self._absent))
        return super().derive()

    def state(self) -> State:
        """The state, with the decisions."""
        state = super().state()
        state.plain |= {"decided": self._decided, "absent": list(self._absent)}
        return state

    def restore(self, state: State) -> None:
        """Go back to `state`."""
        super().restore(state)
        self._decided, self._absent = state.plain["decided"], list(state.plain["absent"])
