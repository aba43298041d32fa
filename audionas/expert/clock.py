"""The clock of a run of `make`: who may spend how much of the given time, and when a training has to stop.

Only time in which it worked counts: an interrupted run resumes with the seconds that it had used.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from audionas.core.errors import UserError

SHARES: Mapping[str, float] = {"data": 0.10, "search": 0.40, "training": 0.35, "rest": 0.15}
TIMED = 20.0  # seconds of timed steps, part of the data's share
OVER = 0.10  # the most by which the given time may be exceeded, as a share of it
SLACK, START = 1.15, 5.0  # times the planned seconds that a trial may take, and seconds to start it
FEWEST, MOST = 0.5, 1e6  # minutes that can be given


def fault(minutes: float) -> str:
    """Why so many minutes cannot be given; "" where they can."""
    if FEWEST <= minutes <= MOST:
        return ""
    return f"--minutes {minutes:g}: expected {FEWEST:g} to {MOST:,.0f}, such as 60"


@dataclass
class Clock:
    """Seconds `used` of `minutes`; `now` tells the time in seconds, from any beginning. `rest` are seconds to
    keep for what follows the training, where that is more than its share.
    """

    minutes: float
    used: float = 0.0
    now: Callable[[], float] = time.monotonic
    rest: float = 0.0
    began: float = field(init=False)

    def __post_init__(self) -> None:
        if told := fault(self.minutes):
            raise UserError(told)
        self.began = self.now() - self.used

    @property
    def given(self) -> float:
        """All seconds."""
        return 60 * self.minutes

    @property
    def spent(self) -> float:
        """The seconds used so far."""
        return self.now() - self.began

    def share(self, name: str) -> float:
        """The seconds of a share; search and training bear what the data took, and the rest takes, beyond."""
        late = max(0.0, self.spent - SHARES["data"] * self.given)
        late += max(0.0, self.rest - SHARES["rest"] * self.given)
        both = SHARES["search"] + SHARES["training"]
        return max(0.0, SHARES[name] * (self.given - late / both))

    def resume(self, used: float) -> None:
        """Count from `used` seconds."""
        self.began = self.now() - used

    def end(self, seconds: float, later: float, share: str) -> float:
        """The second by which a step must end for which `seconds` are planned, and `later` seconds after it.

        A trial takes a share of its own, so that a slow machine shortens all of them alike.
        """
        most = (1 + OVER) * self.given - later
        return min(most, self.spent + SLACK * seconds + START) if share == "search" else most


def epochs(seconds: float, pace: float, most: int) -> int:
    """The epochs of `pace` seconds that fit into `seconds`: at least one, at most `most`."""
    return max(1, min(most, int(seconds / pace)))
