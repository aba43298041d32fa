"""The base of searchers: they request the scores of architectures and choose the next ones by them.

A searcher knows neither networks nor data. `evaluate` scores the architectures, keeps every score, and after
a resume answers from the kept ones: a searcher that runs again with the same scores makes the same requests.
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
VIABLE = "average_viable_recall"  # of a wake word; needs data.ambient too
DEAR = ("accuracy", "macro_f1", "loss", VIABLE)  # need the supernet
CHEAP = (  # do not need it
    "macs",
    "params",
    "weight_bytes",
    "peak_bytes",
    "state_bytes",
    "hop_macs",
    "arena_esp32",
    "arena_esp32s3",
    "latency_ms",
)
PROXIES = ("synflow", "naswot", "swap")  # read off untrained networks (audionas/proxies)
Filter = Literal["none", "synflow", "naswot", "swap", "az_nas", "params", "macs"]
BATCH = 100  # architectures requested at a time if nothing is learnt in between


class Score(NamedTuple):
    """The known values of an architecture: bytes, milliseconds, accuracies between 0 and 1.

    `violation` is 0.0 if all limits are satisfied (`Searcher.violation`) and the filter keeps the network;
    above a limit only the cheap values are present, as the dear ones are not worth computing.
    """

    values: Mapping[str, float]
    violation: float = 0.0


class Problem(NamedTuple):
    """The search problem; `sizes` is the networks' size in a space of cells."""

    space: Space
    io: InputSpec
    sizes: Mapping[str, int]
    seed: int


Evaluate = Callable[[Sequence[ArchSpec]], list[Score]]  # in order, one score per architecture


@dataclass(frozen=True, kw_only=True)
class Searcher(Strict, ABC):
    """A searcher. `objectives` are by name (searchers with one objective use the first); `limits` are upper.

    `latency` is the file of the table that `latency_ms` is read from. No searcher requests an architecture
    twice.

    `filter` names a proxy, or a cost, that judges networks before the supernet scores them: those below the
    best `keep` of all that were requested so far count as above a limit. `keep` is the share that is kept.
    """

    paper: ClassVar[str] = ""
    arxiv: ClassVar[str] = ""

    objectives: dict[str, Direction] = field(default_factory=lambda: {"accuracy": "max", "macs": "min"})
    limits: dict[str, float] = field(default_factory=dict)
    latency: str = ""
    filter: Filter = "none"
    keep: float = 0.5

    def __post_init__(self) -> None:
        """Refuse unknown names and impossible values, all of them at once."""
        if problems := self.problems():
            raise UserError(problems, hint="For example: objectives: {accuracy: max, macs: min}")

    @abstractmethod
    def run(self, problem: Problem, evaluate: Evaluate) -> None:
        """Search, as a function of the problem and the scores."""

    @abstractmethod
    def budget(self, space: Space) -> int:
        """The most architectures that a run requests, those above a limit included."""

    def problems(self) -> list[str]:
        """The problems of the fields; subclasses add theirs."""
        known = (*DEAR, *CHEAP, *PROXIES)
        found = [] if self.objectives else ["objectives: empty, at least one is needed"]
        for name, direction in self.objectives.items():
            if name == "az_nas":
                found.append("objectives: az_nas only ranks networks of a pool. Write filter: az_nas")
            elif name not in known:
                found.append(f"objectives: no objective '{name}'.{did_you_mean(name, known)}")
            if direction not in get_args(Direction):
                found.append(f"objectives.{name} is {direction!r}, expected max or min")
        for name, most in self.limits.items():
            if name in (*DEAR, *PROXIES):
                found.append(f"limits: {name} cannot be limited, only {', '.join(CHEAP)} can")
            elif name not in CHEAP:
                found.append(f"limits: no cost '{name}'.{did_you_mean(name, CHEAP)}")
            if not (_is_number(most) and 0 < most < math.inf):
                found.append(f"limits.{name} is {most!r}, expected a positive number")
        if "latency_ms" in (*self.objectives, *self.limits) and not self.latency:
            found.append("latency: empty, but latency_ms needs a table (audionas latency build CONF)")
        if self.filter not in get_args(Filter):
            found.append(f"filter: no filter '{self.filter}'.{did_you_mean(self.filter, get_args(Filter))}")
        if not (_is_number(self.keep) and 0 < self.keep < 1):
            found.append(f"keep is {self.keep!r}, expected a share between 0 and 1")
        return found

    @property
    def proxies(self) -> tuple[str, ...]:
        """The proxies that objectives and filter read."""
        measured = (*PROXIES, "az_nas")
        return tuple(dict.fromkeys(n for n in (*self.objectives, self.filter) if n in measured))

    def void(self) -> Mapping[str, str]:
        """A table of latencies, or a share of a filter, that nothing reads; subclasses add theirs."""
        used = "latency_ms" in (*self.objectives, *self.limits)
        void = {} if used else {"latency": "latency_ms is no objective and no limit"}
        return void | ({"keep": "filter is none"} if self.filter == "none" else {})

    def violation(self, values: Mapping[str, float]) -> float:
        """The excess of costs over the limits: the sum of the excess shares, 0.0 if all are satisfied."""
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
