"""The work of a plan: its steps in order, each once; an interrupted run resumes, a changed plan redoes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from audionas.core import records
from audionas.core.files import sha256_text, write_json
from audionas.core.records.expert import DoneRecord
from audionas.expert.clock import Clock
from audionas.expert.plan import Plan
from audionas.expert.verbs import Step

FILE, LOG = "done.json", "make.log"
Told = Callable[[str], object]


class Done:
    """The progress in a run's folder: for each step the digest of all that it depends on, the seconds
    that it took, and whether it has ended; `planned` are the seconds of planning.
    """

    def __init__(self, home: Path) -> None:
        self.file, self.planned = home / FILE, 0.0
        self.steps: dict[str, dict[str, Any]] = {}
        if self.file.exists():
            found = records.plain(DoneRecord, self.file, f"Delete it: {FILE} is written anew.")
            self.planned, self.steps = found["planned"], found["steps"]

    def save(self) -> None:
        """Write `done.json`."""
        write_json(self.file, {"planned": self.planned, "steps": self.steps})

    def again(self) -> None:
        """Begin anew: no second counts, and each step that has begun has results to replace."""
        self.planned = 0.0
        for row in self.steps.values():
            row |= {"digest": "", "seconds": 0.0, "done": False, "fresh": True}
        self.save()

    def holds(self, step: Step, digest: str) -> bool:
        """True where the step has ended with nothing changed since."""
        row = self.steps.get(step.name, {})
        return bool(row.get("done")) and row["digest"] == digest

    def begin(self, step: Step, digest: str) -> bool:
        """Enter the step as begun. True where it begins anew, `fresh` where it has results to replace."""
        before = self.steps.get(step.name)
        if before is not None and before["digest"] == digest:
            return False
        self.steps[step.name] = {"digest": digest, "seconds": 0.0, "done": False, "fresh": before is not None}
        self.save()
        return True

    @property
    def seconds(self) -> float:
        """The seconds of all steps."""
        return float(sum(row["seconds"] for row in self.steps.values()))

    def used(self, digests: Mapping[str, str]) -> float:
        """The seconds of planning and of all steps, so far as they need not be done again."""
        rows = ((name, self.steps[name]) for name in digests if name in self.steps)
        kept = [row["seconds"] for name, row in rows if row["digest"] == digests[name]]
        return float(self.planned + sum(kept))


def left(steps: Sequence[Step], wanted: Mapping[str, str], home: Path) -> float:
    """The planned seconds of the steps that are not done."""
    done = Done(home)
    return sum(step.seconds for step in steps if not done.holds(step, wanted[step.name]))


def digests(steps: Sequence[Step]) -> dict[str, str]:
    """For each step the digest of its command, its config and the steps that it reads."""
    found: dict[str, str] = {}
    for step in steps:
        parts = [*step.words, step.reads, *(found[name] for name in step.after)]
        found[step.name] = sha256_text("\0".join(parts))
    return found


def run(
    steps: Sequence[Step], wanted: Mapping[str, str], plan: Plan, home: Path, clock: Clock, tell: Told
) -> None:
    """Do the steps that are not done with the digests `wanted`.

    What they print goes to `make.log`; `tell` hears what begins and what is cut short. A training ends early
    where the clock says so; the plan keeps its last epoch in `stops`.
    """
    done = Done(home)
    for number, step in enumerate(steps):
        if done.holds(step, wanted[step.name]):
            continue
        if done.begin(step, wanted[step.name]):
            plan.stops.pop(step.name, None)
            plan.save(home)
        after = [each for each in steps[number + 1 :] if not done.holds(each, wanted[each.name])]
        tell(step.name)
        end = clock.end(step.seconds, sum(each.seconds for each in after), step.share) - step.tail
        whole = step.tail + sum(each.seconds for each in after if not each.pace)
        _do(step, Watch(step, plan, home, clock, done, end, whole, tell))


class Watch:
    """The guard that a training asks after each epoch whether it ends there. Progress is on disk by then.

    It ends by the second `end`, and earlier where epochs take longer than planned: the `whole` seconds of
    what follows and cannot be cut then take longer by the same factor.
    """

    def __init__(
        self,
        step: Step,
        plan: Plan,
        home: Path,
        clock: Clock,
        done: Done,
        end: float,
        whole: float,
        tell: Told,
    ) -> None:
        self.step, self.plan, self.home, self.clock, self.done = step, plan, home, clock, done
        self.end, self.whole, self.tell, self.row = end, whole, tell, done.steps[step.name]
        self.earlier, self.began = self.row["seconds"], clock.spent
        self.first: tuple[int, float] | None = None
        self.last: tuple[int, float] | None = None
        self.pace = step.pace

    def __call__(self, epochs: int) -> bool:
        """True where the training ends after so many epochs."""
        self.keep(fresh=False)
        if self.step.name in self.plan.stops:
            return epochs >= self.plan.stops[self.step.name]
        if self.last is not None:
            self.pace = (self.clock.spent - self.last[1]) / (epochs - self.last[0])
        self.last = epochs, self.clock.spent
        self.first = self.first or self.last
        if not self.step.pace or self.clock.spent + self.pace <= self.end - (self.slow - 1) * self.whole:
            return False
        self.plan.stops[self.step.name] = epochs
        self.plan.save(self.home)
        return True

    @property
    def slow(self) -> float:
        """How many times as long as planned the epochs took so far; 1 where they were quicker."""
        if self.first is None or self.last is None or self.last[0] == self.first[0]:
            return 1.0
        pace = (self.last[1] - self.first[1]) / (self.last[0] - self.first[0])
        return max(1.0, pace / self.step.pace)

    def keep(self, **facts: Any) -> None:
        """Write the seconds so far, and other facts of the step, to disk."""
        self.row |= {"seconds": self.earlier + self.clock.spent - self.began, **facts}
        self.done.save()


@contextmanager
def logged(home: Path) -> Iterator[None]:
    """Send what is printed to `make.log`."""
    with (
        (home / LOG).open("a", encoding="utf-8", errors="backslashreplace") as log,
        redirect_stdout(log),
        redirect_stderr(log),
    ):
        yield


def _do(step: Step, watch: Watch) -> None:
    """Do a step. One whose earlier results are of other settings begins anew."""
    with logged(watch.home):
        step.call(watch.row["fresh"], watch if step.trains else None)
    watch.keep(done=True, fresh=False)
    if step.name in watch.plan.stops:
        watch.tell(f"{step.name}: stopped after epoch {watch.plan.stops[step.name]}, since its time was up")
