"""The second half of a search: a searcher looks for a front among the networks of a trained supernet."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from torch import Tensor

from audionas.config import Config
from audionas.core.errors import UserError
from audionas.core.pool.pool import Pool
from audionas.core.reporter import Reporter, amount
from audionas.cost.lookup import LatencyTable
from audionas.cost.table import table
from audionas.engine import processes
from audionas.proxies.sieve import Sieve
from audionas.proxies.untrained import PROXIES, Untrained
from audionas.report.advice.blind import blind
from audionas.run.candidates import Archive, Candidates, Costs
from audionas.run.folder import finish, phase, require_there
from audionas.run.supernet import scorer
from audionas.searchers import _fronts
from audionas.searchers._base import DEAR, Problem, Searcher
from audionas.searchers._fronts import Front

FOLDER = "select"
MADE = ("arch.json", "front.json", "front.csv")  # in the run folder


def select(
    conf: Config,
    problem: Problem,
    facts: Mapping[str, Any],
    examples: Callable[[], Tensor],
    *,
    resume: bool,
    overwrite: bool,
) -> Front:
    """Run `conf.searcher`. Writes `exp/<name>/front.json`, `front.csv` and, line by line, the archive.

    `facts` are those of the supernet, `examples` what proxies read (B, C, F, T). An interrupted run resumes:
    the searcher repeats its requests, and the archive answers them. With several processes the first
    searches, with its own workers.
    """
    searcher, reporter = conf.searcher, processes.reporter()
    assert searcher is not None
    facts = {**facts, "searcher": _settings(conf), "limits": limits_of(conf, searcher)}
    with phase(conf, FOLDER, facts, resume=resume, overwrite=overwrite, makes=MADE) as (folder, finished):
        file = conf.folder / "front.json"
        if finished and file.exists():
            reporter.note(f"{folder}: finished earlier; the front is {file}")
        elif processes.first():
            sieve = _sieve(searcher, problem, examples)
            archive = _run(conf, searcher, problem, folder, reporter, sieve)
            front = _fronts.of(archive.rows, searcher.objectives, limits_of(conf, searcher))
            require_there(folder)
            front.save(conf.folder)
            finish(folder, {"scored": front.scored, "members": len(front.members)})
            different = len({problem.space.canonical(one.spec) for one in archive.rows})
            alike = f" ({different} different ones)" if different < front.scored else ""
            many = f"{amount(front.scored, 'network')}{alike}"
            reporter.note(f"front of {len(front.members)} among {many}, written to {file}")
            reporter.table(*_fronts.table(front))
            same = [front.members[0].score.values[name] for name in front.blind]
            if told := blind(front.blind, front.objectives, same, conf.folder):
                reporter.note(f"attention: {told.what}", told.do)
    return _fronts.read(file)


def _settings(conf: Config) -> dict[str, Any]:
    """The searcher's section, without a filter where there is none: earlier versions had none."""
    section: dict[str, Any] = conf.resolved()["searcher"]
    unused = ("filter", "keep") if section["filter"] == "none" else ()
    return {name: value for name, value in section.items() if name not in unused}


def _sieve(searcher: Searcher, problem: Problem, examples: Callable[[], Tensor]) -> Sieve | None:
    """A sieve that measures proxies and filters by them; None where nothing asks for one."""
    if not searcher.proxies and searcher.filter == "none":
        return None
    untrained = Untrained(problem.space, problem.seed, examples)
    parts = [part for name in searcher.proxies for part in PROXIES[name].parts]
    return Sieve(lambda spec: untrained.of(spec, searcher.proxies), parts, searcher.filter, searcher.keep)


def require_possible(conf: Config, problem: Problem) -> None:
    """Raise UserError for settings with which no search can succeed, before a supernet is trained.

    These are limits on parameters or multiply-adds below the cheapest network, a latency table of another
    space, and costs that the space's networks do not have.
    """
    searcher = conf.searcher
    assert searcher is not None
    limits, space = limits_of(conf, searcher), problem.space
    costs = _costs(problem, searcher, limits)
    problems = []
    for what in ("macs", "params"):
        choices = costs.table.extremes(space, what)[0]
        cheapest = space.spec(choices, problem.io, sizes=problem.sizes)
        found = costs.of(cheapest)[what]
        if found > limits.get(what, found):
            problems.append(
                f"limits.{what} is {limits[what]:,.0f}, but the cheapest network has {found:,.0f}"
            )
    if problems:
        raise UserError(problems, hint="Raise the limit, or shrink the space, for example: space.width=0.5")


def _costs(problem: Problem, searcher: Searcher, limits: Mapping[str, float]) -> Costs:
    wanted = [*searcher.objectives, *limits]
    latency = LatencyTable.load(searcher.latency) if "latency_ms" in wanted else None
    return Costs(problem, table(problem.space, problem.io, problem.sizes), latency, wanted)


def limits_of(conf: Config, searcher: Searcher) -> dict[str, float]:
    """The limits of the searcher and of the config."""
    return {**(conf.limits.given if conf.limits is not None else {}), **searcher.limits}


def _run(
    conf: Config,
    searcher: Searcher,
    problem: Problem,
    folder: Path,
    reporter: Reporter,
    sieve: Sieve | None,
) -> Archive:
    archive = Archive(folder / "archive.jsonl", problem)
    limits, general = limits_of(conf, searcher), conf.general
    costs = _costs(problem, searcher, limits)
    budget = searcher.budget(problem.space)
    if archive.rows:
        reporter.note(f"{amount(len(archive.rows), 'network')} were scored before the interruption")
    ticks = reporter.progress(range(budget), "networks scored", budget)
    with ExitStack() as stack:
        pool = None
        if set(DEAR) & set(searcher.objectives):
            pool = stack.enter_context(
                Pool(
                    scorer,
                    {"config": dict(conf.raw), "where": str(Path.cwd())},
                    workers=general.workers,
                    backend=general.backend,
                    threads=general.threads
                    or 1,  # not more with one worker: a difference in one bit can change the rank
                    gpus=general.gpus,
                    address=general.address,
                )
            )
        candidates = Candidates(archive, costs, limits, pool, lambda: next(ticks, 0), sieve)
        searcher.run(problem, candidates.evaluate)
    return archive
