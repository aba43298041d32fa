"""The scores that a searcher asks for: costs first, then the supernet within limits, all stored in a file."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from audionas.core import records
from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.files import add_line, write_text
from audionas.core.pool.pool import Pool
from audionas.core.records.run import ArchiveRecord
from audionas.cost.arena import arena
from audionas.cost.arena_table import ArenaTable
from audionas.cost.limits import ARENAS, excess, measured
from audionas.cost.lookup import LatencyTable
from audionas.cost.table import CostTable
from audionas.proxies.sieve import Sieve
from audionas.searchers._base import DEAR, PROXIES, Problem, Score
from audionas.searchers._front import Scored


class Archive:
    """Every scored architecture in order of request, one line each, on disk as soon as it is scored."""

    def __init__(self, file: Path, problem: Problem) -> None:
        self.file = file
        rows = records.rows(ArchiveRecord, file, "Start the search again with --overwrite.")
        self.rows = [_scored(problem, row) for row in rows]
        if file.exists():  # without a line cut off by an interruption
            write_text(file, "".join(json.dumps(row) + "\n" for row in rows))

    def add(self, spec: ArchSpec, score: Score) -> None:
        """Add one architecture and its score."""
        row = {
            "number": len(self.rows),
            "arch": spec.id,
            "choices": {name: list(options) for name, options in spec.choices.items()},
            "values": dict(score.values),
            "violation": score.violation,
        }
        add_line(self.file, json.dumps(row))
        self.rows.append(Scored(spec, score))


def _scored(problem: Problem, row: Mapping[str, Any]) -> Scored:
    spec = problem.space.spec(row["choices"], problem.io, sizes=problem.sizes)
    return Scored(spec, Score(row["values"], row["violation"]))


class Costs:
    """The requested costs of a network that are known without running it, by name."""

    def __init__(
        self, problem: Problem, table: CostTable, latency: LatencyTable | None, wanted: Sequence[str]
    ) -> None:
        self.problem, self.table, self.latency = problem, table, latency
        self.arenas = ArenaTable(problem.space, problem.io, problem.sizes)
        later = (*DEAR, *PROXIES)
        self.wanted = [name for name in dict.fromkeys(("macs", "params", *wanted)) if name not in later]

    def of(self, spec: ArchSpec) -> dict[str, float]:
        """Compute the costs: in milliseconds for sums, in up to a second or two for peak memory."""
        rest = [name for name in self.wanted if name not in ("macs", "params", "latency_ms", *ARENAS)]
        found: dict[str, float] = {what: self.table.of(spec, what) for what in ("macs", "params")}
        if rest:
            with torch.device("meta"), torch.random.fork_rng(devices=[]):
                found |= measured(self.problem.space.build(spec), spec.io, rest)
        if arenas := [name for name in self.wanted if name in ARENAS]:
            with torch.random.fork_rng(devices=[]):
                program = self.arenas.of(spec)
            found |= {name: arena(program, ARENAS[name]) for name in arenas}
        if self.latency is not None:
            found["latency_ms"] = self.latency.of(spec)
        return found


class Candidates:
    """`evaluate` for a searcher: answers from the archive as far as it goes, then computes scores.

    `told` is called once per architecture, in order. Networks above a limit never reach the supernet, and of
    those that are the same network (`Space.canonical`) only the first does: the others share its scores.
    A `sieve` adds proxies to the costs of those within the limits, and may refuse some as if above a limit.
    """

    def __init__(
        self,
        archive: Archive,
        costs: Costs,
        limits: Mapping[str, float],
        pool: Pool | None,
        told: Callable[[], object],
        sieve: Sieve | None = None,
    ) -> None:
        self.archive, self.costs, self.limits, self.pool, self.told = archive, costs, limits, pool, told
        self.sieve = sieve
        self.asked = 0
        self.dear: dict[str, Mapping[str, float]] = {}  # by canonical form
        for spec, score in archive.rows:
            form = costs.problem.space.canonical(spec)
            if not score.violation:
                own = {name: value for name, value in score.values.items() if name in DEAR}
                self.dear.setdefault(form, own)
            if sieve is not None and not excess(score.values, limits):
                sieve.remember(form, score.values, score.violation)

    def evaluate(self, specs: Sequence[ArchSpec]) -> list[Score]:
        """Scores in the order of `specs`.

        Raises UserError where the archive holds networks other than those that the searcher asks for.
        """
        known = self.archive.rows[self.asked : self.asked + len(specs)]
        for number, (row, spec) in enumerate(zip(known, specs, strict=False), self.asked + 1):
            self.told()
            if row.spec.id != spec.id:
                raise UserError(
                    f"{self.archive.file}:{number}: {row.spec.id}, but the searcher asks for {spec.id}",
                    hint="Different code started this search: start it again with --overwrite.",
                )
        self.asked += len(specs)
        return [row.score for row in known] + list(self._score(specs[len(known) :]))

    def _score(self, specs: Sequence[ArchSpec]) -> Iterator[Score]:
        costs = [self.costs.of(spec) for spec in specs]
        over = [sum(excess(cost, self.limits).values()) for cost in costs]
        forms = [self.costs.problem.space.canonical(spec) for spec in specs]
        if self.sieve is not None:
            within = [one for one in zip(forms, specs, costs, over, strict=True) if not one[3]]
            self.sieve.judge({form: (spec, cost) for form, spec, cost, _ in within})
            for n, form in enumerate(forms):
                if not over[n]:
                    costs[n] = {**costs[n], **self.sieve.own(form)}
                    over[n] = self.sieve.behind[form]
        fresh: dict[str, dict[str, list[str]]] = {}
        for spec, form, violation in zip(specs, forms, over, strict=True):
            if not violation and form not in self.dear:
                fresh.setdefault(form, {name: list(options) for name, options in spec.choices.items()})
        found = self.pool.map(list(fresh.values())) if self.pool is not None else [{}] * len(fresh)
        dear = zip(fresh, found, strict=True)
        for spec, form, cost, violation in zip(specs, forms, costs, over, strict=True):
            if not violation and form not in self.dear:
                self.dear.update([next(dear)])  # forms are new in the order of `fresh`
            score = Score(cost if violation else {**cost, **self.dear[form]}, violation)
            self.archive.add(spec, score)
            self.told()
            yield score
