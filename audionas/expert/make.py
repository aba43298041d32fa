"""`audionas make`: from a folder of recordings, or a word, to a model on a device within a given time."""

from collections.abc import Sequence
from pathlib import Path

from audionas.core.errors import UserError
from audionas.core.files import name_fault, read_json, write_text
from audionas.core.hostile import command
from audionas.core.made import claim
from audionas.core.reporter import Reporter
from audionas.data.readers import slug
from audionas.expert import conf, decide, do, planning, script, steps, tell, verbs
from audionas.expert.clock import Clock
from audionas.expert.devices import device as device_of
from audionas.expert.plan import FILE, Plan, load

_OWN = (FILE, script.FILE, do.FILE, do.LOG, conf.FILE)


def make(
    source: Path | None,
    *,
    word: str = "",
    device: str = "",
    minutes: float | None = None,
    rate: float = 0.5,
    negatives: Sequence[Path] = (),
    changes: Sequence[str] = (),
    only_plan: bool = False,
    reporter: Reporter | None = None,
) -> Path:
    """Plan, do the work, and print what came of it; the same call again resumes. Returns the run's folder.

    `source` is a folder with one folder per word, or the `make.yaml` of an earlier plan, which `changes`
    change. Raises UserError for what cannot be used, with all problems of the call.
    """
    reporter = reporter or Reporter(stdout=True)
    if source is not None and source.name == FILE:
        plan, home = _changed(source, minutes, changes), source.absolute().parent
    else:
        plan, home = _home(_asked(source, word, device, minutes, rate, negatives, changes))
    clock, note = Clock(plan.minutes), _noting(home)
    (home / "conf").mkdir(parents=True, exist_ok=True)
    claim(home, _OWN)
    done = do.Done(home)
    clock.resume(done.planned + done.seconds)
    planning.examine(plan, home)
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
        plan.save(home)
    do.run(trials, wanted, plan, home, clock, note)
    if "choice" not in plan.decisions:
        places = {name: home / steps.TRIALS / name / "train" / "done.json" for name in plan.value("networks")}
        plan.decisions["choice"] = decide.choice(
            {name: read_json(place)["valid_accuracy"] for name, place in places.items()}
        )
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


def _asked(
    source: Path | None,
    word: str,
    device: str,
    minutes: float | None,
    rate: float,
    negatives: Sequence[Path],
    changes: Sequence[str],
) -> Plan:
    """The plan of a new call. Raises UserError with every problem of its arguments."""
    problems = []
    if (source is None) == (not word):
        problems.append("expected a folder with one folder per word, or --word, and not both")
    if source is not None and not source.is_dir():
        problems.append(f"{source}: no such folder")
    problems += [f"--negatives {each}: no such folder" for each in negatives if not each.is_dir()]
    if not device:
        problems.append("--for is missing: the device that will run the model")
    if minutes is None:
        problems.append("--minutes is missing: the time that may be used")
    if not 0 < rate < 1e6:
        problems.append(f"--fa-per-hour {rate:g}: expected false accepts per hour, such as 0.5")
    if problems:
        raise UserError(problems, hint="For example: audionas make my_words --for cpu --minutes 10")
    device_of(device)
    assert minutes is not None
    where = "" if source is None else str(source.absolute())
    return Plan(where, word, device, minutes, rate, [str(n.absolute()) for n in negatives], list(changes))


def _home(plan: Plan) -> tuple[Plan, Path]:
    """The folder of a plan, and the plan that is in it already. Raises UserError where that is another."""
    given = dict(change.partition("=")[::2] for change in plan.changes)
    name = given.get("name") or slug(Path(plan.source).name if plan.source else plan.word.lower())
    if fault := name_fault(name):
        raise UserError(f"name: {fault}")
    home = Path(given.get("out") or "exp").absolute() / name
    if not (home / FILE).exists():
        if there := [phase for phase in ("search", "train") if (home / phase).exists()]:
            raise UserError(
                f"{home}: holds a run of {' and '.join(there)}", hint="Give this one another name: name=..."
            )
        return plan, home
    before = load(home / FILE)
    if "networks" not in before.decisions and before.asked != plan.asked:
        return plan, home  # it was not planned to the end
    if before.asked != plan.asked:
        differing = [k for k, v in plan.asked.items() if before.asked[k] != v]
        raise UserError(
            [f"{home / FILE}: holds another plan:"]
            + [f"  {key}: {before.asked[key]} there, {plan.asked[key]} now" for key in differing],
            hint=f"Change that one: {command('audionas', 'make', home / FILE, 'KEY=VALUE')}, or give this "
            "one another name: name=...",
        )
    return before, home


def _changed(file: Path, minutes: float | None, changes: Sequence[str]) -> Plan:
    """The plan in a file, with more settings; a setting of the same key replaces the earlier one."""
    plan, new = load(file), steps.keys(changes)
    if moved := [key for key in new if key in ("name", "out")]:
        raise UserError(f"{file}: {' and '.join(moved)} cannot change; plan again under the other name")
    plan.changes = [c for c in plan.changes if c.partition("=")[0] not in new] + list(changes)
    plan.minutes = plan.minutes if minutes is None else minutes
    return plan
