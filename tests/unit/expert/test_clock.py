"""The clock keeps to the given time, whatever the machine does; it is a made one here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from audionas.core.errors import UserError
from audionas.expert import do
from audionas.expert.clock import OVER, SHARES, SLACK, START, Clock, epochs
from audionas.expert.plan import Plan
from audionas.expert.verbs import Step, Until


class Machine:
    """A clock that work moves: an epoch takes `slow` times the planned seconds, and with `all_slow` what
    follows the training too.
    """

    def __init__(self, slow: float, *, all_slow: bool = False) -> None:
        self.slow, self.time, self.all_slow = slow, 1000.0, all_slow

    def now(self) -> float:
        """The time in seconds."""
        return self.time

    def step(self, name: str, share: str, count: int, pace: float, after: tuple[str, ...] = ()) -> Step:
        """A training of so many epochs, or without epochs other work of `pace` seconds."""

        def call(overwrite: bool, until: Until | None) -> None:
            if until is None:
                self.time += (self.slow if self.all_slow and share == "rest" else 1.0) * pace
            for epoch in range(count):
                if epoch and until is not None and until(epoch):
                    return
                self.time += self.slow * pace

        words = ("train", name) if count else ("other", name)
        return Step(name, words, call, after, "", share, (count or 1) * pace, pace if count else 0.0)


def planned(machine: Machine, minutes: float, paces: tuple[float, ...]) -> Iterator[Step]:
    """The steps of a plan of so many networks, with the epochs that their shares give."""
    seconds = 60 * minutes
    yield machine.step("prep", "data", 0, SHARES["data"] * seconds)
    for pace in paces:
        count = epochs(SHARES["search"] * seconds / len(paces), pace, 1000)
        yield machine.step(f"try {pace}", "search", count, pace, ("prep",))
    count = epochs(SHARES["training"] * seconds, paces[0], 1000)
    yield machine.step("train", "training", count, paces[0], ("prep",))
    yield machine.step("rest", "rest", 0, SHARES["rest"] * seconds, ("train",))


def plan(minutes: float) -> Plan:
    """A plan that says nothing but its minutes."""
    return Plan("words", "", "cpu", minutes, 0.5, [], [])


@pytest.mark.parametrize("slow", [0.5, 1.0, 1.05, 1.3, 2.0, 3.0])
@pytest.mark.parametrize("minutes", [5])
def test_the_time_is_exceeded_by_a_tenth_at_most(tmp_path: Path, slow: float, minutes: int) -> None:
    machine, made = Machine(slow), plan(minutes)
    clock = Clock(minutes, now=machine.now)
    steps = list(planned(machine, minutes, (0.5, 1.0, 2.0)))
    do.run(steps, do.digests(steps), made, tmp_path, clock, lambda line: None)
    epoch = 2.0 * slow  # no training is cut within one
    assert clock.spent <= (1 + OVER) * clock.given + epoch
    assert bool(made.stops) == (slow > 1.1)


@pytest.mark.parametrize("slow", [1.2, 2.0, 3.0])
def test_a_machine_that_became_slow_keeps_the_time_for_what_follows_the_training(
    tmp_path: Path, slow: float
) -> None:
    machine, made = Machine(slow, all_slow=True), plan(10)
    clock = Clock(10, now=machine.now)
    steps = list(planned(machine, 10, (0.5, 1.0)))
    do.run(steps, do.digests(steps), made, tmp_path, clock, lambda line: None)
    assert clock.spent <= (1 + OVER) * clock.given + 2 * slow  # no training is cut within an epoch
    assert made.stops["train"] > 1


def test_a_slow_machine_shortens_trials_alike(tmp_path: Path) -> None:
    machine, made = Machine(2.0), plan(10)
    steps = list(planned(machine, 10, (0.5, 1.0)))
    do.run(steps, do.digests(steps), made, tmp_path, Clock(10, now=machine.now), lambda line: None)
    shares = [made.stops[f"try {pace}"] * pace for pace in (0.5, 1.0)]
    assert shares[0] == pytest.approx(shares[1], rel=0.05)


@pytest.mark.parametrize("slow", [1.0, 1.3, 2.0])
def test_a_search_keeps_the_time_of_what_follows_its_epochs(tmp_path: Path, slow: float) -> None:
    machine, made = Machine(slow), plan(10)
    step = machine.step("search", "search", 20, 10.0)._replace(words=("search",), seconds=240.0, tail=40.0)
    clock = Clock(10, now=machine.now)
    do.run([step], do.digests([step]), made, tmp_path, clock, lambda line: None)
    assert clock.spent + 40.0 <= SLACK * 240.0 + START
    assert bool(made.stops) == (slow > 1.2)


def test_a_stop_is_kept_and_said(tmp_path: Path) -> None:
    machine, made, said = Machine(3.0), plan(5), []
    steps = list(planned(machine, 5, (1.0,)))
    do.run(steps, do.digests(steps), made, tmp_path, Clock(5, now=machine.now), said.append)
    assert any("stopped after epoch" in line for line in said)
    assert f"train: {made.stops['train']}" in (tmp_path / "make.yaml").read_text(encoding="utf-8")


def test_search_and_training_bear_what_planning_took_too_long() -> None:
    machine = Machine(1.0)
    clock = Clock(10, now=machine.now)
    machine.time += 60  # the share of the data
    assert clock.share("search") + clock.share("training") == pytest.approx(0.75 * 600)
    machine.time += 75
    assert clock.share("search") + clock.share("training") == pytest.approx(0.75 * 600 - 75)
    clock.rest = 90 + 100  # a hundred more than its share
    assert clock.share("search") + clock.share("training") == pytest.approx(0.75 * 600 - 175)
    machine.time += 6000
    assert clock.share("search") == 0


def test_epochs_fill_their_time_within_bounds() -> None:
    assert [epochs(10, 3, 100), epochs(1, 3, 100), epochs(1000, 3, 100)] == [3, 1, 100]


@pytest.mark.parametrize("minutes", [0.1, 0, -1, float("nan"), float("inf")])
def test_minutes_that_are_none_are_refused(minutes: float) -> None:
    with pytest.raises(UserError, match="--minutes"):
        Clock(minutes)
