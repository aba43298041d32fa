"""Sections of a config laid over each other: sections merge, but a mapping in one is a value."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from audionas.core.errors import UserError
from audionas.core.registry import resolve

Path = tuple[str, ...]  # of a key: section, field, ...


def sections_of(kind: type) -> dict[str, type]:
    """The fields of `kind` that are sections themselves, optional ones included, and no mappings of some."""
    return {
        name: found[0]
        for name, hint in get_type_hints(kind).items()
        if get_origin(hint) is not dict
        and (found := [t for t in (hint, *get_args(hint)) if isinstance(t, type) and is_dataclass(t)])
    }


def lists_of(kind: type) -> set[str]:
    """The fields of `kind` that are lists of any length, for which one value is a list of one."""
    return {
        name
        for name, hint in get_type_hints(kind).items()
        if any(get_origin(t) is tuple and get_args(t)[-1] is Ellipsis for t in (hint, *get_args(hint)))
    }


def listed(kind: type, section: Mapping[str, Any]) -> dict[str, Any]:
    """A section of `kind` in which one value, where a list is meant, is a list of one."""
    many, inner = lists_of(kind), sections_of(kind)
    made: dict[str, Any] = {}
    for key, value in section.items():
        if key in inner and isinstance(value, Mapping):
            made[key] = listed(inner[key], value)
        else:
            made[key] = [value] if key in many and not isinstance(value, list | tuple | None) else value
    return made


def values_of(kind: type) -> dict[str, Mapping[str, Any]]:
    """The fields of `kind` that are mappings, with their defaults."""
    hints, found = get_type_hints(kind), dict[str, Mapping[str, Any]]()
    for field in fields(kind):
        if any(get_origin(t) is dict for t in (hints[field.name], *get_args(hints[field.name]))):
            made = {} if field.default_factory is MISSING else field.default_factory()
            found[field.name] = made if isinstance(made, Mapping) else {}
    return found


def merge(
    base: Mapping[str, Any],
    top: Mapping[str, Any],
    kinds: Mapping[str, type],
    named: Collection[str],
    path: Path = (),
) -> dict[str, Any]:
    """The sections of `top` over those of `base`; `kinds` are their classes, and those of sections in `named`
    have a `name` that chooses another.

    A section merges, unless it is one of `named` and brings another name; a mapping in a field of one
    replaces the base's. `path` is that of an override, which leads to one key: through a mapping it changes
    one entry of it, or of its default. None removes a mapping, or an entry of one.
    """
    usual: dict[Path, Mapping[str, Any]] = {
        (s, field): default
        for s in kinds
        for field, default in values_of(_kind(s, kinds, named, base, top)).items()
    }
    return _merge(base, top, _Rules(usual, {path[:n] for n in range(1, len(path))}, named), ())


class _Rules(NamedTuple):
    whole: Mapping[Path, Mapping[str, Any]]  # mappings that are values, with their defaults
    through: Collection[Path]  # what an override's path leads through
    named: Collection[str]


def _kind(section: str, kinds: Mapping[str, type], named: Collection[str], *raws: Mapping[str, Any]) -> type:
    """The class of a section; one chosen by `name` has the last name, or only its base if none is known."""
    given = [raw[section] for raw in raws if isinstance(raw.get(section), Mapping)]
    known = [g["name"] for g in given if section in named and isinstance(g.get("name"), str)]
    with suppress(UserError):  # told when the section is built
        found = resolve(section, known[-1]) if known else kinds[section]
        return found if issubclass(found, kinds[section]) else kinds[section]
    return kinds[section]


def _merge(base: Mapping[str, Any], top: Mapping[str, Any], rules: _Rules, path: Path) -> dict[str, Any]:
    merged = dict(base)
    for key, new in top.items():
        here, old = (*path, key), merged.get(key)
        entry = here in rules.whole and here in rules.through
        if old is None and entry:
            old = rules.whole[here]
        if new is None and (here in rules.whole or path in rules.whole):
            merged.pop(key, None)
        elif isinstance(old, Mapping) and isinstance(new, Mapping):
            renamed = key in rules.named and "name" in new and new["name"] != old.get("name")
            replaced = renamed or (here in rules.whole and not entry)
            merged[key] = dict(new) if replaced else _merge(old, new, rules, here)
        else:
            merged[key] = new
    return merged
