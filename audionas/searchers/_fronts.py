"""A front as files: `front.json` with complete architectures, and `front.csv` for spreadsheets."""

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audionas.core import records
from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.files import write_json, write_text
from audionas.core.records.run import FrontRecord
from audionas.core.reporter import amount
from audionas.searchers._base import DEAR, Direction, Score
from audionas.searchers._front import Scored, extent, front, hypervolumes, knee, points
from audionas.spaces._base import space_of
from audionas.zoo.find import told

SCHEMA = 1


@dataclass(frozen=True)
class Front:
    """Architectures that no other scored one dominates, ordered by the first objective.

    They are numbered from 1; `knee` is the number of the compromise. `volumes` are (networks scored,
    hypervolume) wherever it grew, as a share of the box between the best and the worst values: the worst
    value of each objective is the reference point. Architectures that are the same network
    (`Space.canonical`) have one member, and `alike` says how many were scored for each member. `blind` names
    the objectives of accuracy that are equal for all networks within the limits: they told none from another.
    """

    objectives: Mapping[str, Direction]
    limits: Mapping[str, float]
    scored: int
    knee: int
    members: tuple[Scored, ...]
    volumes: tuple[tuple[int, float], ...]
    alike: tuple[int, ...]
    blind: tuple[str, ...] = ()

    def save(self, folder: Path) -> None:
        """Write both files."""
        members = [
            {
                "number": n,
                "alike": alike,
                "values": dict(m.score.values),
                "arch": json.loads(m.spec.to_json()),
            }
            for n, (m, alike) in enumerate(zip(self.members, self.alike, strict=True), 1)
        ]
        write_json(
            folder / "front.json",
            {
                "schema": SCHEMA,
                "objectives": dict(self.objectives),
                "limits": dict(self.limits),
                "scored": self.scored,
                "knee": self.knee,
                "members": members,
                "hypervolume": [list(pair) for pair in self.volumes],
                **({"blind": list(self.blind)} if self.blind else {}),
            },
        )
        write_text(folder / "front.csv", self.csv())

    def csv(self) -> str:
        """The front as CSV: number, id, every value, the architecture in one line."""
        names = list(dict.fromkeys(name for m in self.members for name in m.score.values))
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["number", "arch", *names, "alike", "network"])
        for number, (m, alike) in enumerate(zip(self.members, self.alike, strict=True), 1):
            rows.writerow([number, m.spec.id, *(m.score.values[name] for name in names), alike, told(m.spec)])
        return text.getvalue()

    def member(self, number: int) -> Scored:
        """The member with this number; the first is 1."""
        return self.members[number - 1]

    def best(self, limits: Mapping[str, float]) -> int:
        """The number of the best network by the first objective within further limits; or UserError."""
        first, direction = next(iter(self.objectives.items()))
        sign = 1 if direction == "max" else -1
        fit = [
            n
            for n, m in enumerate(self.members, 1)
            if all(m.score.values[name] <= most for name, most in limits.items())
        ]
        if not fit:
            least = ((name, min(m.score.values[name] for m in self.members)) for name in limits)
            smallest = ", ".join(f"{name} {shown(value)}" for name, value in least)
            raise UserError(
                f"no network on the front satisfies {_told(limits)}; the smallest values are: {smallest}",
                hint="Raise the limit, or search again with it: searcher.limits={macs: 1e6}",
            )
        return max(fit, key=lambda n: sign * self.member(n).score.values[first])


def of(scored: Sequence[Scored], objectives: Mapping[str, Direction], limits: Mapping[str, float]) -> Front:
    """The front of all scored networks, in the order of requests; UserError if none satisfies the limits."""
    members, alike = _different(front(scored, objectives), scored)
    if not members:
        raise UserError(
            f"none of {amount(len(scored), 'network')} satisfies {_told(limits)}",
            hint="Raise the limits, or search a narrower space, for example: space.width=0.5",
        )
    values = points([one.score for one in scored], objectives)
    return Front(
        objectives=dict(objectives),
        limits=dict(limits),
        scored=len(scored),
        knee=knee(points([m.score for m in members], objectives)) + 1,
        members=members,
        volumes=_volumes(values),
        alike=alike,
        blind=_blind(values, list(objectives)),
    )


def _blind(values: np.ndarray, objectives: Sequence[str]) -> tuple[str, ...]:
    within = values[np.isfinite(values).all(1)]
    if len(within) < 2:
        return ()
    constant = (within == within[0]).all(0)
    return tuple(name for name, same in zip(objectives, constant, strict=True) if same and name in DEAR)


def _different(
    members: Sequence[Scored], scored: Sequence[Scored]
) -> tuple[tuple[Scored, ...], tuple[int, ...]]:
    """The first member of each network, and the number of its architectures among all that were scored."""
    if not members:
        return (), ()
    space = space_of(members[0].spec)
    counts = Counter(space.canonical(one.spec) for one in scored)
    first: dict[str, Scored] = {}
    for member in members:
        first.setdefault(space.canonical(member.spec), member)
    return tuple(first.values()), tuple(counts[form] for form in first)


def _volumes(values: np.ndarray) -> tuple[tuple[int, float], ...]:
    best, worst = extent(values)
    wide = worst > best  # a constant objective has no volume
    if not wide.any():
        return ()
    finite = np.where(np.isfinite(values), values, np.inf)[:, wide]
    found = hypervolumes(finite, worst[wide], best[wide])
    grown = np.flatnonzero(np.diff(found, prepend=0.0) > 0)
    return tuple((int(i) + 1, float(found[i])) for i in grown)


def read(file: Path) -> Front:
    """The front in a file; UserError for another kind of file."""
    raw = records.plain(FrontRecord, file, "It is not a front; a search with a searcher writes one.")
    members = tuple(
        Scored(ArchSpec.from_json(json.dumps(m["arch"]), str(file)), Score(m["values"]))
        for m in raw["members"]
    )
    return Front(
        objectives=raw["objectives"],
        limits=raw["limits"],
        scored=raw["scored"],
        knee=raw["knee"],
        members=members,
        volumes=tuple((int(n), float(v)) for n, v in raw["hypervolume"]),
        alike=tuple(m.get("alike", 1) for m in raw["members"]),  # earlier files have none
        blind=tuple(raw.get("blind", ())),
    )


def table(front: Front) -> tuple[list[str], list[list[str]]]:
    """Head and rows for the terminal; the knee is starred."""
    names = list(dict.fromkeys([*front.objectives, *front.limits, "macs", "params"]))
    several = max(front.alike) > 1
    rows = [
        [f"{n}{'*' if n == front.knee else ''}", *(shown(m.score.values[x]) for x in names)]
        + [f"{alike}"] * several
        + [told(m.spec)]
        for n, (m, alike) in enumerate(zip(front.members, front.alike, strict=True), 1)
    ]
    return ["", *names, *["alike"] * several, "architecture"], rows


def shown(value: float) -> str:
    """A whole number in full, any other number in six digits."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.6g}"


def _told(limits: Mapping[str, float]) -> str:
    return ", ".join(f"{name} <= {shown(most)}" for name, most in limits.items()) or "its limits"
