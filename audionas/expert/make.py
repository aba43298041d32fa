"""`audionas make`: from a folder of recordings, or a word, to a model on a device within a given time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree

from audionas.core.errors import UserError
from audionas.core.files import read_json, write_text
from audionas.core.made import claim
from audionas.core.reporter import Reporter
from audionas.expert import asking, budget, conf, decide, do, planning, script, since, steps, tell, verbs
from audionas.expert.clock import Clock
from audionas.expert.plan import FILE, Plan

_OWN = (FILE, script.FILE, do.FILE, do.LOG, conf.FILE)


def make(
    source: Path | None,
    *,
    word: str = "",
    device: str = "",
    minutes: float | None = None,
    rate: float | None = None,
    negatives: Sequence[Path] = (),
    changes: Sequence[str] = (),
    only_plan: bool = False,
    again: bool = False,
    reporter: Reporter | None = None,
) -> Path:
    """Plan, do the work, and print what came of it; the same call again resumes. Returns the run's folder.

    `source` is a folder with one folder per word, or the `make.yaml` of an earlier plan, which `changes`
    change. With `again` all is planned anew, and replaces what is there. Raises UserError for what cannot be
    used, with all problems of the call.
    """
    reporter = reporter or Reporter(stdout=True)
    plan, home = asking.asked(
        source,
        word=word,
        device=device,
        minutes=minutes,
        rate=rate,
        negatives=negatives,
        changes=changes,
        again=again,
    )
    clock, note = Clock(plan.minutes), _noting(home)
    _require_same(plan, home, note)
    if source is not None and source.name != FILE and (more := asking.kept(plan, changes)):
        note(f"kept from {FILE}: {' '.join(more)}")
    with none_left(home):
        (home / "conf").mkdir(parents=True, exist_ok=True)
        claim(home, _OWN)
        done = do.Done(home)
        clock.resume(0.0 if again else done.planned + done.seconds)
        planning.examine(plan, home, rated=rate is not None)
        if again:
            done.again()
        if "networks" not in plan.decisions:
            planning.plan(plan, home, clock, note)
            done = do.Done(home)
            done.planned = clock.spent - done.seconds
            done.save()
    every, wanted = _steps(plan, home)
    clock.resume(do.Done(home).used(wanted))
    reporter.note(*tell.plan(plan, clock, do.left(every, wanted, home)))
    if not only_plan:
        _work(plan, home, clock, note)
        reporter.note(*tell.result(plan, home, clock))
    return home


def _work(plan: Plan, home: Path, clock: Clock, note: do.Told) -> None:
    """Do all steps; choose the network when the trials are done."""
    every, wanted = _steps(plan, home)
    trials = [step for step in every if step.share in ("data", "search")]
    if len(plan.value("networks")) > 1 and do.left(trials, wanted, home):
        plan.decisions.pop("choice", None)  # the trials will tell another
        plan.decisions.pop("epochs", None)
        plan.save(home)
    do.run(trials, wanted, plan, home, clock, note)
    if "choice" not in plan.decisions:
        places = {name: home / steps.TRIALS / name / "train" / "done.json" for name in plan.value("networks")}
        figures = {name: read_json(place) for name, place in places.items()}
        kept = plan.value("kept") if "kept" in plan.decisions else "accuracy"
        plan.decisions["choice"] = decide.choice(figures, kept)
        budget.replanned(plan, do.Done(home), clock)
        plan.save(home)
    every, wanted = _steps(plan, home)
    clock.resume(do.Done(home).used(wanted))
    do.run(every, wanted, plan, home, clock, note)
    _steps(plan, home)  # with the epochs at which trainings were stopped


def _steps(plan: Plan, home: Path) -> tuple[list[verbs.Step], dict[str, str]]:
    """The steps of a plan, and their digests wherever its folder lies; writes its config and its script."""
    write_text(home / conf.FILE, conf.text(plan))
    moved = steps.steps(plan, Path(), home.name)
    script.write(home, plan, moved)
    return steps.steps(plan, home.parent, home.name), do.digests(moved)


def _noting(home: Path) -> do.Told:
    """Tell what begins, on standard error."""
    reporter = Reporter()
    return lambda line: reporter.note(f"{home.name}: {line}")


def _require_same(plan: Plan, home: Path, note: do.Told) -> None:
    """Raise UserError where the recordings are no longer those of the plan; one without end begins anew."""
    if not (told := since.changed(plan)):
        return
    if "networks" in plan.decisions:
        raise since.error(plan, home, told)
    note(f"the folder changed since: {told}; planned again")
    plan.decisions.clear()


@contextmanager
def none_left(home: Path) -> Iterator[None]:
    """Where the call is refused, remove the run's folder, if it has just made it, and those made for it."""
    new = [each for each in (home, *home.parents) if not each.exists()]
    try:
        yield
    except UserError:
        if home in new:
            rmtree(home, ignore_errors=True)
        for above in new[1:]:
            with suppress(OSError):  # another run may have come into it
                above.rmdir()
        raise
