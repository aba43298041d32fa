"""Latency as a sum over an architecture's parts: a table of milliseconds by (choice, option, shape).

The table is a value in a JSON file and names its device; who measured it, and how, does not matter.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import UserError, did_you_mean
from audionas.core.files import read_json, write_json
from audionas.spaces._base import present, space_of

SCHEMA = 1
_KEYS = ("schema", "device", "space", "params", "io", "base_ms", "entries")
_OPTIONAL = ("scale", "about")


class Entry(NamedTuple):
    """One operation at one shape: its milliseconds, and the number of times that each choice uses it.

    `model` names the measured ONNX file, which can be measured again on another device; "" for none.
    """

    option: str
    shape: str
    at: Mapping[str, int]
    ms: float
    model: str = ""


@dataclass(frozen=True)
class LatencyTable:
    """Milliseconds for one example: `base` for the parts common to all networks, and the entries.

    `device` describes the device in words; `about` is for the reader (runtime, threads, date, agreement of
    the sums with whole networks). The table is valid for one space, input and size.
    """

    device: str
    space: str
    params: Mapping[str, Any]
    io: InputSpec
    base: float
    entries: tuple[Entry, ...]
    scale: Mapping[str, int]
    about: Mapping[str, Any]

    def of(self, spec: ArchSpec) -> float:
        """Predicted milliseconds: base plus one entry per option taken.

        Raises UserError that lists the differences for a spec of another space, input or size.
        """
        self.require(spec)
        taken = (self.options[name][option] for name, some in spec.choices.items() for option in some)
        return self.base + sum(taken)

    @cached_property
    def options(self) -> dict[str, dict[str, float]]:
        """Milliseconds by choice, then by option; a choice at several edges has their sum."""
        found: dict[str, dict[str, float]] = {}
        for entry in self.entries:
            for name, count in entry.at.items():
                options = found.setdefault(name, {})
                options[entry.option] = options.get(entry.option, 0.0) + count * entry.ms
        return found

    def require(self, spec: ArchSpec) -> None:
        """Raise UserError unless this table is valid for `spec`."""
        mine = {"space": self.space, **self.params, **self.io._asdict(), **self.scale}
        theirs = {"space": spec.space, **spec.params, **spec.io._asdict(), **spec.scale}
        differing = [key for key in (*mine, *(k for k in theirs if k not in mine))
                     if mine.get(key) != theirs.get(key)]  # fmt: skip
        problems = [
            f"  {key}: {mine.get(key, 'not set')} there, {theirs.get(key, 'not set')} in the architecture"
            for key in differing
        ]
        problems = problems or self._unmeasured(spec)
        if problems:
            raise UserError(
                [f"the latency table of {self.device} does not fit architecture {spec.id}:", *problems],
                hint="Build a table for this space and input: audionas latency build CONF",
            )

    def filled(self, device: str, base: float, times: Mapping[str, float], **about: Any) -> "LatencyTable":
        """This table with another device's milliseconds, by an entry's `model`; entries without one stay.

        Raises UserError for models without a time, and times without a model.
        """
        known = {entry.model for entry in self.entries if entry.model}
        problems = [f"{name}: no time" for name in sorted(known - set(times))]
        problems += [f"{n}: no such model.{did_you_mean(n, known)}" for n in sorted(set(times) - known)]
        entries = tuple(e._replace(ms=float(times[e.model])) if e.model in times else e for e in self.entries)
        problems += _wrong_times(base, entries)
        if problems:
            raise UserError(problems, hint="Give one time in milliseconds per entry's model.")
        return replace(self, device=device, base=base, entries=entries, about=about)

    def save(self, path: Path | str) -> None:
        """Write it as JSON, atomically."""
        plain = {
            "schema": SCHEMA,
            "device": self.device,
            "about": dict(self.about),
            "space": self.space,
            "params": dict(self.params),
            "io": self.io._asdict(),
            "scale": dict(self.scale),
            "base_ms": self.base,
            "entries": [{**e._asdict(), "at": dict(e.at)} for e in self.entries],
        }
        write_json(path, plain)

    @staticmethod
    def load(path: Path | str) -> "LatencyTable":
        """Read `save`'s layout; UserError with every problem for anything else, and for a table with gaps."""
        raw = read_json(path)
        problems = _misshapen(raw)
        if not problems:
            io = InputSpec(**raw["io"])
            entries = tuple(Entry(**entry) for entry in raw["entries"])
            table = LatencyTable(
                device=raw["device"],
                space=raw["space"],
                params=raw["params"],
                io=io,
                base=raw["base_ms"],
                entries=entries,
                scale=raw.get("scale", {}),
                about=raw.get("about", {}),
            )
            problems = _wrong_times(table.base, entries) or table._gaps()
        if problems:
            raise UserError(
                [f"{path}: not a usable latency table:", *(f"  {p}" for p in problems)],
                hint="docs/howto/measure_latency.md describes the file.",
            )
        return table

    def _unmeasured(self, spec: ArchSpec) -> list[str]:
        return [
            f"  {name}: no time for '{option}'.{did_you_mean(option, self.options.get(name, {}))}"
            for name, some in spec.choices.items()
            for option in some
            if option not in self.options.get(name, {})
        ]

    def _gaps(self) -> list[str]:
        """Options of the space without an entry, and entries of choices that the space does not have."""
        try:
            space = space_of(ArchSpec(self.space, self.params, {}, self.io))
        except UserError as error:
            return error.problems
        choices = {choice.name: choice for choice in space.choices()}
        problems = [f"entries: no choice called '{n}'.{did_you_mean(n, choices)}"
                    for n in self.options if n not in choices]  # fmt: skip
        for name, choice in choices.items():
            missing = [o for o in present(choice) if o not in self.options.get(name, {})]
            problems += [f"entries: no time for {', '.join(missing)} at {name}"] if missing else []
        return problems


def _misshapen(raw: Any) -> list[str]:
    """The faults in the form of a file."""
    if not isinstance(raw, dict):
        return [f"expected an object, found {type(raw).__name__}"]
    problems = [f"{key}: missing" for key in _KEYS if key not in raw]
    problems += [
        f"{k}: unknown key.{did_you_mean(k, (*_KEYS, *_OPTIONAL))}"
        for k in raw
        if k not in (*_KEYS, *_OPTIONAL)
    ]
    if raw.get("schema", SCHEMA) != SCHEMA:
        problems.append(f"schema: {raw['schema']}, this version reads schema {SCHEMA}")
    problems += [f"{k}: expected text" for k in ("device", "space") if not isinstance(raw.get(k, ""), str)]
    objects = ("params", "io", "scale", "about")
    problems += [f"{k}: expected an object" for k in objects if not isinstance(raw.get(k, {}), dict)]
    io = raw.get("io")
    if isinstance(io, dict) and (set(io) != set(InputSpec._fields) or not all(map(_count, io.values()))):
        problems.append(f"io: expected whole numbers for {', '.join(InputSpec._fields)}")
    entries = raw.get("entries", [])
    if not isinstance(entries, list):
        return [*problems, "entries: expected a list"]
    return problems + [p for number, entry in enumerate(entries) for p in _bad_entry(number, entry)]


def _bad_entry(number: int, entry: Any) -> list[str]:
    where = f"entries.{number}"
    needed = ("option", "shape", "at", "ms")
    if not isinstance(entry, dict) or not set(needed) <= set(entry) <= set(Entry._fields):
        return [f"{where}: expected {', '.join(Entry._fields)}"]
    words = [k for k in ("option", "shape", "model") if not isinstance(entry.get(k, ""), str)]
    at = entry["at"]
    if words or not isinstance(at, dict) or not all(map(_count, at.values())):
        return [f"{where}: option, shape and model are text, at counts places by choice"]
    return []


def _wrong_times(base: Any, entries: Iterable[Entry]) -> list[str]:
    """Times that are not numbers, or are below zero; the base may be below zero."""
    problems = [] if _number(base) else [f"base_ms: {base!r}, expected milliseconds"]
    return problems + [
        f"entries: {e.option} at {e.shape}: {e.ms!r}, expected milliseconds"
        for e in entries
        if not _number(e.ms) or e.ms < 0
    ]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def _count(value: Any) -> bool:
    return type(value) is int and value > 0
