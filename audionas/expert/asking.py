"""The plan that a call of `audionas make` asks for, new or resumed; else all that is wrong with the call."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from audionas.core.errors import Faults, UserError
from audionas.core.files import name_fault
from audionas.core.hostile import command
from audionas.data.readers import slug
from audionas.expert import steps
from audionas.expert.clock import fault
from audionas.expert.devices import device as device_of
from audionas.expert.plan import FILE, Plan, load

RATE = 0.5  # false accepts per hour, where none are given
_WHERE = ("name", "out")  # settings that say where the run lies


def asked(
    source: Path | None,
    *,
    word: str,
    device: str,
    minutes: float | None,
    rate: float | None,
    negatives: Sequence[Path],
    changes: Sequence[str],
    again: bool,
) -> tuple[Plan, Path]:
    """The plan and its folder. With `again` it has no decisions yet. Raises UserError with every problem."""
    faults = Faults(*_faults(minutes, rate, negatives, changes))
    if device:
        with faults:
            device_of(device)
    others = [str(each.absolute()) for each in negatives]
    if source is not None and source.name == FILE:
        given = {"word": word, "device": device, "rate": rate, "negatives": others}
        fresh = {key: value for key, value in given.items() if value not in ("", None, [])}
        return _earlier(source, minutes, changes, fresh, again, faults), source.absolute().parent
    faults.problems += _places(source, word)
    if not device:
        faults.problems.append("--for is missing: the device that will run the model")
    if minutes is None:
        faults.problems.append("--minutes is missing: the time that may be used")
    known = source is not None and (source / FILE).is_file()
    example = command("audionas", "make", source / FILE) if known and source else _EXAMPLE
    faults.tell(f"For example: {example}")
    assert minutes is not None
    where = "" if source is None else str(source.absolute())
    plan = Plan(where, word, device, minutes, RATE if rate is None else rate, others, list(changes))
    return _home(plan, again)


_EXAMPLE = "audionas make my_words --for cpu --minutes 10"


def kept(plan: Plan, changes: Sequence[str]) -> list[str]:
    """The settings of the plan that a call does not give."""
    return [each for each in _settings(plan.changes) if each not in changes]


def _faults(
    minutes: float | None, rate: float | None, negatives: Sequence[Path], changes: Sequence[str]
) -> Iterator[str]:
    """The faults of a call, whatever its plan."""
    yield from (
        f"--negatives {each}: no such folder; public ones come by: audionas fetch negatives --list"
        for each in negatives
        if not each.is_dir()
    )
    if minutes is not None and (told := fault(minutes)):
        yield told
    if rate is not None and not 0 < rate < 1e6:
        yield f"--fa-per-hour {rate:g}: expected more than 0 and less than 1,000,000, such as 0.5"
    for each in changes:
        if "=" not in each:
            second = Path(each).exists()
            yield f"{each}: {'a second folder, and make takes one' if second else 'expected KEY=VALUE'}"
        elif each.startswith("name=") and (wrong := name_fault(each.partition("=")[2])):
            yield f"name: {wrong}"


def _places(source: Path | None, word: str) -> Iterator[str]:
    """The faults of the recordings of a new plan."""
    if (source is None) == (not word):
        yield "expected a folder with one folder per word, or --word, and not both"
    if source is not None and source.is_file():
        yield f"{source}: is a file, and no folder with one folder per word"
    elif source is not None and not source.is_dir():
        yield f"{source}: no such folder"
    elif source is not None and (source / FILE).is_file():
        yield f"{source}: is the folder of a run, and holds no recordings; its plan is {source / FILE}"


def _home(plan: Plan, again: bool) -> tuple[Plan, Path]:
    """The folder of a plan, and the plan that is in it already. Raises UserError where that is another."""
    given = dict(change.partition("=")[::2] for change in plan.changes)
    name = given.get("name") or slug(Path(plan.source).name if plan.source else plan.word.lower())
    home = Path(given.get("out") or "exp").absolute() / name
    _require_apart(plan, home)
    if not (home / FILE).exists():
        if there := [phase for phase in ("search", "train") if (home / phase).exists()]:
            raise UserError(
                f"{home}: holds a run of {' and '.join(there)}",
                hint=f"Give this one another name: name={name}_2",
            )
        return plan, home
    before = load(home / FILE)
    differing = [k for k, v in plan.asked.items() if before.asked[k] != v]
    if "changes" in differing and {*_settings(plan.changes)} <= {*_settings(before.changes)}:
        differing.remove("changes")  # more were given with make.yaml since: they are kept
    if again or ("networks" not in before.decisions and differing):
        return plan, home  # it replaces that one, or that one was not planned to the end
    if differing:
        raise UserError(
            [f"{home / FILE}: holds another plan:"]
            + [f"  {key}: {before.asked[key]} there, {plan.asked[key]} now" for key in differing],
            hint=_remedy(plan, home, differing),
        )
    return before, home


def _require_apart(plan: Plan, home: Path) -> None:
    """Raise UserError where recordings lie in the run's folder, which may be replaced, or it in theirs."""
    here = home.resolve()
    for place in (Path(each).resolve() for each in (plan.source, *plan.negatives) if each):
        if here.is_relative_to(place) or place.is_relative_to(here):
            raise UserError(
                f"{home}: the folder of the run, and {place} holds recordings: one lies in the other",
                hint=f"Give the run a folder of its own: name={home.name}_2, or out=...",
            )


def _remedy(plan: Plan, home: Path, differing: Sequence[str]) -> str:
    """The commands that resume the plan that is there, change it, or replace it."""
    beside = f"give this one another name: name={home.name}_2"
    if {*differing} <= {"minutes", "changes"}:
        words = ["--minutes", f"{plan.minutes:g}"] if "minutes" in differing else []
        change = command("audionas", "make", home / FILE, *words, *_settings(plan.changes))
        return f"Resume: {command('audionas', 'make', home / FILE)}; change it: {change}; or {beside}"
    words = ["--word", plan.word] if plan.word else [plan.source]
    words += ["--for", plan.device, "--minutes", f"{plan.minutes:g}"]
    words += [word for each in plan.negatives for word in ("--negatives", each)]
    words += ["--fa-per-hour", f"{plan.rate:g}"] if "rate" in differing or plan.rate != RATE else []
    anew = command("audionas", "make", *words, *plan.changes, "--again")
    return f"Plan again, which replaces that model: {anew}; or {beside}"


def _earlier(
    file: Path,
    minutes: float | None,
    changes: Sequence[str],
    fresh: Mapping[str, Any],
    again: bool,
    faults: Faults,
) -> Plan:
    """The plan in a file, with more settings; a setting of the same key replaces the earlier one.

    With `again` it is asked anew, with the `fresh` words of the user.
    """
    if moved := [key for key in steps.keys(changes) if key in _WHERE]:
        faults.problems.append(
            f"{file}: {' and '.join(moved)} cannot change; plan again under the other name"
        )
    if "word" in fresh:
        faults.problems.append("--word: the plan names its word; give --word without make.yaml for another")
    options = [_OPTIONS[key] for key in fresh if key in _OPTIONS]
    if options and not again:
        told = f"{', '.join(options)}: {file} has decided with another value; only a new plan can"
        faults.problems.append(told)
    with faults:
        plan = load(file)
    faults.tell("Plan again with the same words and --again." if options else "")
    new = steps.keys(changes)
    plan.changes = [c for c in plan.changes if c.partition("=")[0] not in new] + list(changes)
    plan.minutes = plan.minutes if minutes is None else minutes
    if not again:
        return plan
    return Plan(**{**plan.asked, **fresh})


_OPTIONS = {"device": "--for", "rate": "--fa-per-hour", "negatives": "--negatives"}


def _settings(changes: Sequence[str]) -> list[str]:
    """Settings without those that say where the run lies."""
    return [each for each in changes if each.partition("=")[0] not in _WHERE]
