"""What a searcher is: it asks for the scores of architectures, and what it asks next follows from them.

A searcher knows neither networks nor data. `evaluate` scores what it asks for, keeps every score, and on
resumption answers from what is kept: running a searcher again with the same scores asks the same again.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, get_args

from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import UserError, did_you_mean
from audionas.core.strict import Strict
from audionas.spaces._base import Space

Direction = Literal["max", "min"]
DEAR = ("accuracy", "macro_f1", "loss")  # by the supernet
CHEAP = (  # without running it
    "macs",
    "params",
    "weight_bytes",
    "peak_bytes",
    "state_bytes",
    "hop_macs",
    "latency_ms",
)
BATCH = 100  # architectures asked for at a time where nothing is learnt in between


class Score(NamedTuple):
    """What is known of an architecture: bytes, milliseconds, accuracies between 0 and 1.

    `violation` is 0.0 where every limit holds (`Searcher.violation`); above a limit only the cheap values
    are there, as the dear ones are not worth computing.
    """

    values: Mapping[str, float]
    violation: float = 0.0


class Problem(NamedTuple):
    """Where to search; `sizes` is the networks' size in a space of cells."""

    space: Space
    io: InputSpec
    sizes: Mapping[str, int]
    seed: int


Evaluate = Callable[[Sequence[ArchSpec]], list[Score]]  # in order, one score an architecture


@dataclass(frozen=True, kw_only=True)
class Searcher(Strict, ABC):
    """`objectives` by name, the first is the one of searchers that know only one; `limits` are at most.

    `latency` is the file of the table that `latency_ms` is read from. No searcher asks for an architecture
    twice.
    """

    paper: ClassVar[str] = ""
    arxiv: ClassVar[str] = ""

    objectives: dict[str, Direction] = field(default_factory=lambda: {"accuracy": "max", "macs": "min"})
    limits: dict[str, float] = field(default_factory=dict)
    latency: str = ""

    def __post_init__(self) -> None:
        """Refuse unknown names and impossible values, all of them at once."""
        if problems := self.problems():
            raise UserError(problems, hint="For example: objectives: {accuracy: max, macs: min}")

    @abstractmethod
    def run(self, problem: Problem, evaluate: Evaluate) -> None:
        """Search; a function of the problem and of the scores."""

    @abstractmethod
    def budget(self, space: Space) -> int:
        """The most architectures that a run asks for, those above a limit included."""

    def problems(self) -> list[str]:
        """What is wrong with the fields; subclasses add theirs."""
        known = (*DEAR, *CHEAP)
        found = [] if self.objectives else ["objectives: empty, at least one is needed"]
        for name, direction in self.objectives.items():
            if name not in known:
                found.append(f"objectives: no objective '{name}'.{did_you_mean(name, known)}")
            if direction not in get_args(Direction):
                found.append(f"objectives.{name} is {direction!r}, expected max or min")
        for name, most in self.limits.items():
            if name in DEAR:
                found.append(f"limits: {name} cannot be limited, only {', '.join(CHEAP)} can")
            elif name not in CHEAP:
                found.append(f"limits: no cost '{name}'.{did_you_mean(name, CHEAP)}")
            if not (_is_number(most) and 0 < most < math.inf):
                found.append(f"limits.{name} is {most!r}, expected a positive number")
        if "latency_ms" in (*self.objectives, *self.limits) and not self.latency:
            found.append("latency: empty, but latency_ms needs a table (audionas latency build CONF)")
        return found

    def violation(self, values: Mapping[str, float]) -> float:
        """By how much costs exceed the limits: the sum of the exceeding shares, 0.0 where all hold."""
        return sum(max(0.0, values[name] / most - 1.0) for name, most in self.limits.items())

    def at_least_one(self, *names: str) -> list[str]:
        """Problems of fields that are counts."""
        wrong = [n for n in names if type(getattr(self, n)) is not int or getattr(self, n) < 1]
        return [f"{name} is {getattr(self, name)!r}, expected a whole number of at least 1" for name in wrong]

    def shares(self, *names: str) -> list[str]:
        """Problems of fields that are shares or probabilities."""
        wrong = [n for n in names if not (_is_number(getattr(self, n)) and 0 <= getattr(self, n) <= 1)]
        return [f"{name} is {getattr(self, name)!r}, expected a number from 0 to 1" for name in wrong]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
