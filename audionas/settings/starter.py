"""`audionas config new`: a commented config to begin with, from a recipe that is known to work."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from audionas.config import NAMED, SECTIONS, built, dump, load
from audionas.core.errors import Faults, UserError, did_you_mean
from audionas.core.files import shipped
from audionas.core.hostile import command
from audionas.core.merge import sections_of
from audionas.core.registry import resolve
from audionas.cost.profile import PROFILES
from audionas.engine.conf import General
from audionas.settings.words import line

_WIDE = 110


class Task(NamedTuple):
    """The purpose of a config, in words, and the recipe's config from which it begins."""

    told: str
    recipe: str


TASKS = {
    "keywords": Task("several words, one per clip", "mini/conf/mini.yaml"),
    "wake_word": Task("one word in hours of sound, on a device that listens", "wake_word/conf/searched.yaml"),
    "scenes": Task("acoustic scenes on small devices", "dcase_low_complexity/conf/asc_mobilenet.yaml"),
    "images": Task("images, as the methods were made for", "cifar/conf/darts_cell_small.yaml"),
}


def starter(task: str, profile: str = "", limits: Mapping[str, float] | None = None, device: str = "") -> str:
    """A commented config for a task, within what the runtime of `profile` computes and within `limits`.

    The first line names `device`, for which these are.

    Raises UserError for an unknown task or profile, and where the profile has none of the task's networks.
    """
    faults = Faults()
    with faults:
        require_task(task)
    if profile not in ("", "none", *PROFILES):
        with faults:
            raise UserError(
                f"profile {profile}: unknown.{did_you_mean(profile, PROFILES)}",
                hint=f"Profiles: {', '.join(PROFILES)}.",
            )
    faults.tell()
    raw = dict(load(shipped("recipes") / TASKS[task].recipe).raw)
    raw.pop("name", None)
    if profile:
        raw["profile"] = profile
        if PROFILES.get(profile) is not None and PROFILES[profile].front_end:
            raw.pop("features", None)  # the device's own
    if limits:
        raw["limits"] = {**raw.get("limits", {}), **limits}
    values = built({**raw, "name": "new"}).resolved()  # raises where the profile refuses the space
    raw = {key: _typed(value, values[key]) for key, value in raw.items()}
    first = f"{task}: {TASKS[task].told}" + (f"; for {device or profile}" if device or profile else "")
    return "\n".join([*_head(first), *_commented(raw)]) + "\n"


def require_task(task: str) -> None:
    """Raise UserError for an unknown task."""
    if task not in TASKS:
        raise UserError(
            f"task {task}: unknown.{did_you_mean(task, TASKS)}", hint=f"Tasks: {', '.join(TASKS)}."
        )


def _head(first: str) -> list[str]:
    """The comment on top: what to do with the file."""
    return [
        f"# {first}.",
        "# audionas check FILE; audionas search FILE; audionas train FILE",
        "# All other keys and their defaults: audionas config keys SECTION",
    ]


def _commented(raw: Mapping[str, Any]) -> Iterator[str]:
    """Keys and sections as YAML, each key under a line that says what it is."""
    yield from _keys(General, "", {key: value for key, value in raw.items() if key not in SECTIONS}, 0)
    for section, kind in SECTIONS.items():
        if isinstance(value := raw.get(section), Mapping):
            rest = dict(value)
            yield f"{section}:"
            if section in NAMED:
                name = str(rest.pop("name"))
                yield from _key(
                    f"Which {section}: {command('audionas', 'list', section + 's')}.", {"name": name}, 2
                )
                kind = resolve(section, name)
            yield from _keys(kind, section, rest, 2)


def _keys(kind: type, path: str, values: Mapping[str, Any], indent: int) -> Iterator[str]:
    """The keys of a class; a line that is about several of them in a row stands once."""
    inner, said = sections_of(kind), ""
    for name, value in values.items():
        key = f"{path}.{name}".strip(".")
        told = line(kind, key)
        if name in inner and isinstance(value, Mapping):
            yield from _key(told, {}, indent)
            yield f"{' ' * indent}{name}:"
            yield from _keys(inner[name], key, value, indent + 2)
        else:
            yield from _key("" if told == said else told, {name: value}, indent)
        said = told


def _key(about: str, value: Mapping[str, Any], indent: int) -> Iterator[str]:
    """A key with the line about it above."""
    lead = " " * indent + "# "
    yield from textwrap.wrap(about, _WIDE, initial_indent=lead, subsequent_indent=lead)
    if value:
        yield textwrap.indent(dump(value).rstrip("\n"), " " * indent)


def _typed(value: Any, read: Any) -> Any:
    """A value of a file as it was read: 1e-3, a text in YAML 1.1, is a number."""
    if isinstance(value, Mapping) and isinstance(read, Mapping):
        return {key: _typed(one, read.get(key, one)) for key, one in value.items()}
    return read
