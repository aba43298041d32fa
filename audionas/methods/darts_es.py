"""DARTS-ES: a search ends where its loss bends along alpha (Zela et al., ICLR 2020, arXiv:1909.09656).

Networks that DARTS finds are poor where the largest eigenvalue of the Hessian of the validation loss in alpha
is large: rounding the weights to one option then costs much. Here that eigenvalue is followed, and when it
rises the search ends and goes back to the architecture that it had before. The rest is DARTS.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from audionas.core.arch import ArchSpec
from audionas.core.errors import hold
from audionas.engine.checkpoint import State
from audionas.methods._base import SearchRun
from audionas.methods._bilevel import Bilevel
from audionas.methods._curvature import largest_eigenvalue, rise


@dataclass(kw_only=True)
class DartsEs(Bilevel):
    """The eigenvalue is measured after every `every` epochs, on the first batch of alpha's half, with batch
    statistics. The search ends when the mean over the last `window` values is above `factor` times that of
    `back` values before, and returns to the architecture in the middle of that earlier window. It never
    returns to one of the first `rest` of the epochs, 10 of the paper's 50, and needs 17 epochs to measure
    enough: a shorter search is DARTS.

    The Hessian is that of the validation loss, as in the paper; the official code adds alpha's decay to its
    diagonal, measures once more after the last epoch, and also stops where both means are negative. Its
    variant that continues, with a larger weight decay, is not implemented. Runs on every space.
    """

    paper: ClassVar[str] = "Understanding and Robustifying Differentiable Architecture Search"
    arxiv: ClassVar[str] = "1909.09656"

    every: int = 2
    window: int = 5
    back: int = 4
    factor: float = 1.3
    rest: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        hold(
            (min(self.every, self.window, self.back) >= 1, "every, window and back must be at least 1"),
            (1 <= self.factor < math.inf, f"factor is {self.factor}, expected at least 1"),
            (0 <= self.rest < 1, f"rest is {self.rest}, expected a share of the epochs in [0, 1)"),
            (self.level == "two", "level is one, but the eigenvalue needs a validation loss: level two"),
        )

    def short(self, epochs: int) -> str:
        """The reason, where the eigenvalue cannot be seen to rise from an architecture to go back to."""
        seen = (epochs - 1) // self.every + 1
        back = self.every * (seen - self.window - self.back + self.window // 2)
        enough = seen >= self.window + self.back and back >= self.rest * epochs
        return "" if enough else f"in {epochs} epochs it is darts: no rise can be seen in so few"

    def setup(self, run: SearchRun) -> None:
        """Take a run; nothing has been measured."""
        super().setup(run)
        self._seen: list[dict[str, Any]] = []

    def after_epoch(self) -> None:
        """Measure, and keep the architecture that would be derived now."""
        if self.run.epoch % self.every == 0:
            value, choices = largest_eigenvalue(self), super().derive().choices
            self.run.log("eigenvalue", value)
            kept = {name: list(options) for name, options in choices.items()}
            row = {"epoch": self.run.epoch, "value": value, "choices": kept, "margins": super().margins()}
            self._seen.append(row)

    def _rise(self) -> tuple[float, float, int] | None:
        """The rise of the eigenvalue and the number of the architecture to go back to."""
        found = rise([one["value"] for one in self._seen], self.window, self.back, self.factor)
        number = len(self._seen) - self.window + self.window // 2 - self.back
        if found is None or self._seen[number]["epoch"] < self.rest * self.run.epochs:
            return None
        return (*found, number)

    def stop(self) -> str:
        """The rise, once it is there."""
        if (found := self._rise()) is None:
            return ""
        before, last, number = found
        rose = f"the largest eigenvalue along alpha rose from {before:.3g} to {last:.3g}"
        return f"{rose}; back to epoch {self._seen[number]['epoch'] + 1}"

    def margins(self) -> dict[str, float]:
        """The margins of the architecture that is derived, also of one that the search goes back to."""
        found = self._rise()
        return super().margins() if found is None else dict(self._seen[found[2]]["margins"])

    def derive(self) -> ArchSpec:
        """The architecture before the rise; without one, DARTS' at the end."""
        found = self._rise()
        return super().derive() if found is None else self.spec_of(self._seen[found[2]]["choices"])

    def state(self) -> State:
        """The state, with what was measured."""
        state = super().state()
        state.plain["seen"] = list(self._seen)
        return state

    def restore(self, state: State) -> None:
        """Go back to `state`."""
        super().restore(state)
        self._seen = list(state.plain["seen"])
