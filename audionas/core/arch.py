"""An architecture as a plain value: named choices, each with the option taken. No torch here.

In the field's terms: a choice is a choice block or an edge's decision, an option a candidate
operation, a spec a genotype.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from audionas.core.errors import UserError
from audionas.core.files import parsed, sha256_text, write_text

SCHEMA = 1
_MOST = (65_536, 65_536, 1_000_000, 1_000_000)  # of a file's io: more is refused before it is allocated
_MOST_SCALE = 100_000


class InputSpec(NamedTuple):
    """The shapes of a network's input and output: (channels, freq, frames) in, `classes` scores out."""

    channels: int
    freq: int
    frames: int
    classes: int

    @staticmethod
    def parse(text: str, classes: int) -> "InputSpec":
        """Read `CxFxT`, for example `1x40x98`."""
        match = re.fullmatch(r"(\d+)x(\d+)x(\d+)", text)
        if not match or any(int(n) < 1 for n in match.groups()) or classes < 1:
            raise UserError(
                f"--input {text} --classes {classes}: expected CxFxT and classes, all at least 1",
                hint="For example: --input 1x40x98 --classes 12",
            )
        channels, freq, frames = (int(n) for n in match.groups())
        return InputSpec(channels, freq, frames, classes)


@dataclass(frozen=True)
class Choice:
    """A named decision. Two edges share an architecture parameter by sharing a choice's name.

    `node` groups the choices that compete as inputs of one node ("" in chains); `max_active` says
    how many options may survive derivation (FairDARTS sums several), `least` how many must: with 0
    the edge may be absent, and a spec then has an empty tuple there. The options of a choice that is
    `sized` are no operations but sizes of the network, as its widths: one of them is taken, never a mixture.
    """

    name: str
    options: tuple[str, ...]
    node: str = ""
    max_active: int = 1
    least: int = 1
    sized: bool = False


@dataclass(frozen=True)
class ArchSpec:
    """All choices made. Equal ids mean equal networks of one size.

    `scale` says how large a network of cells is built (`layers`, `channels`), so that a cell that is
    searched small and trained large keeps its id. Like `io` and `note`, it is not part of the id.
    """

    space: str
    params: Mapping[str, Any]
    choices: Mapping[str, tuple[str, ...]]
    io: InputSpec
    note: Mapping[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA
    scale: Mapping[str, int] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """First 12 hex digits of the SHA-256 over space, parameters and choices."""
        identity = {k: v for k, v in self._plain().items() if k in ("space", "params", "choices", "schema")}
        return sha256_text(json.dumps(identity, sort_keys=True, separators=(",", ":")))[:12]

    def to_json(self) -> str:
        """Indented JSON with the id in front; a lone option is written as a string."""
        return json.dumps({"id": self.id, **self._plain()}, indent=2, ensure_ascii=False) + "\n"

    def save(self, path: Path | str) -> None:
        """Write `to_json` atomically."""
        write_text(path, self.to_json())

    @staticmethod
    def from_json(text: str, source: str = "architecture") -> "ArchSpec":
        """Parse `to_json`; raises UserError naming `source` for anything else."""
        try:
            raw = parsed(text)
            choices = {k: (v,) if isinstance(v, str) else tuple(v) for k, v in raw["choices"].items()}
            io = InputSpec(**raw["io"])
            spec = ArchSpec(
                raw["space"],
                raw["params"],
                choices,
                io,
                raw.get("note", {}),
                raw["schema"],
                raw.get("scale", {}),
            )
            wrong = spec._misshapen()
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            wrong = f"{type(error).__name__}: {error}"
        if wrong:
            raise UserError(f"{source}: not an architecture file ({wrong})")
        if spec.schema != SCHEMA:
            raise UserError(f"{source}: schema {spec.schema}, this version reads schema {SCHEMA}")
        if "id" in raw and raw["id"] != spec.id:
            raise UserError(
                f"{source}: its id is {raw['id']}, but its choices give {spec.id}",
                hint='The file was edited by hand: delete its "id" line to accept the change.',
            )
        return spec

    def diff(self, other: "ArchSpec") -> dict[str, tuple[Any, Any]]:
        """Choices and parameters in which two specs differ, as (mine, theirs)."""
        mine, theirs = {**self.params, **self.choices}, {**other.params, **other.choices}
        keys = sorted({*mine, *theirs})
        return {k: (mine.get(k), theirs.get(k)) for k in keys if mine.get(k) != theirs.get(k)}

    def _misshapen(self) -> str:
        """The first part of a spec read from a file that has a wrong type; "" if there is none."""
        if not isinstance(self.space, str):
            return f"space is {self.space!r}"
        if not all(isinstance(part, dict) for part in (self.params, self.note, self.scale)):
            return "params, note and scale must be objects"
        strange = [o for options in self.choices.values() for o in options if not isinstance(o, str)]
        sizes = [n for n in self.scale.values() if type(n) is not int or not 1 <= n <= _MOST_SCALE]
        sizes += [
            n for n, most in zip(self.io, _MOST, strict=True) if type(n) is not int or not 1 <= n <= most
        ]
        if strange or sizes:
            return f"unexpected {(strange + sizes)[0]!r}"
        return ""

    def _plain(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "space": self.space,
            "params": dict(self.params),
            "choices": {k: v[0] if len(v) == 1 else list(v) for k, v in self.choices.items()},
            "io": self.io._asdict(),
            **({"scale": dict(self.scale)} if self.scale else {}),
            "note": dict(self.note),
        }
