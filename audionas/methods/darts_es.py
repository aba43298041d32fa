"""DARTS-ES: a search ends where its loss bends sharply along alpha (Zela et al., ICLR 2020, arXiv:1909.09656).

Networks that DARTS finds are poor where the largest eigenvalue of the Hessian of the validation loss in alpha
is large: rounding the weights to one option then costs much. Here that eigenvalue is followed, and when it
rises the search ends and goes back to the architecture that it had before. The rest is DARTS.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.engine.checkpoint import State
from audionas.engine.distributed import average
from audionas.methods._base import SearchRun
from audionas.methods._bilevel import Bilevel
from audionas.methods._unrolled import Passes


def hessian(loss: Tensor, of: Sequence[nn.Parameter]) -> Tensor:
    """The second derivatives of a loss, (n, n) for the n entries of `of`, one backward pass a row."""
    slopes = torch.autograd.grad(loss, of, create_graph=True, materialize_grads=True, allow_unused=True)
    rows = [
        torch.autograd.grad(slope, of, retain_graph=True, materialize_grads=True, allow_unused=True)
        for slope in torch.cat([slope.flatten() for slope in slopes])
    ]
    return torch.stack([torch.cat([part.flatten() for part in row]) for row in rows])


def rise(values: Sequence[float], window: int, back: int, factor: float) -> tuple[float, float] | None:
    """The local mean `back` values ago and the last one, if that is more than `factor` times as large.

    Means are over `window` values. A mean that was not positive cannot have risen by a factor.
    """
    if len(values) < window + back:
        return None
    last = sum(values[-window:]) / window
    before = sum(values[-window - back : len(values) - back]) / window
    return (before, last) if 0 < before * factor < last else None


@dataclass(kw_only=True)
class DartsEs(Bilevel):
    """The eigenvalue is measured after every `every` epochs, on the first batch of alpha's half, with batch
    statistics. The search ends when the mean over the last `window` values is above `factor` times that of
    `back` values before, and returns to the architecture in the middle of that earlier window.
    It never returns to one of the first `rest` of the epochs: 10 of the paper's 50.

    The Hessian is that of the validation loss, as in the paper; the official code adds alpha's decay to its
    diagonal, measures once more after the last epoch, and also stops where both means are negative. Its
    variant that goes on with a larger weight decay is not implemented. Runs on every space.
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
        rules = (
            (min(self.every, self.window, self.back) >= 1, "every, window and back must be at least 1"),
            (1 <= self.factor < math.inf, f"factor is {self.factor}, expected at least 1"),
            (0 <= self.rest < 1, f"rest is {self.rest}, expected a share of the epochs in [0, 1)"),
            (self.level == "two", "level is one, but the eigenvalue needs a validation loss: level two"),
        )
        if problems := [text for holds, text in rules if not holds]:
            raise UserError(problems)

    def setup(self, run: SearchRun) -> None:
        """Take a run; nothing has been measured."""
        super().setup(run)
        self._seen: list[dict[str, Any]] = []

    def after_epoch(self) -> None:
        """Measure, and keep the architecture that would be derived now."""
        if self.run.epoch % self.every == 0:
            value = self.eigenvalue()
            self.run.log("eigenvalue", value)
            found = {name: list(options) for name, options in super().derive().choices.items()}
            self._seen.append({"epoch": self.run.epoch, "value": value, "choices": found})

    def eigenvalue(self) -> float:
        """The largest eigenvalue of the Hessian of the validation loss in alpha; nothing changes."""
        batch = next(iter(self.run.valid()), None)
        if batch is None:
            raise UserError("no held-out examples to measure the eigenvalue on", hint="Lower search.split")
        weights = {name: weight.detach() for name, weight in self.run.net.named_parameters()}
        loss, _ = Passes(self.run).run(weights, batch, self.gates("alpha"))
        found = average(hessian(loss, self.parameters())).double()
        if not found.isfinite().all():
            raise UserError(
                "the second derivatives of the loss in alpha are not finite", hint="Lower optim.lr"
            )
        return float(torch.linalg.eigvalsh((found + found.T) / 2)[-1])

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
        kept = self._seen[number]["epoch"] + 1
        return (
            f"the largest eigenvalue along alpha rose from {before:.3g} to {last:.3g}; back to epoch {kept}"
        )

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
