"""Sections of a config laid over each other: sections merge, but a mapping in one is a value."""

from collections.abc import Collection, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

Path = tuple[str, ...]  # of a key: section, field, ...


def sections_of(kind: type) -> dict[str, type]:
    """The fields of `kind` that are sections themselves, optional ones included."""
    return {
        name: found[0]
        for name, hint in get_type_hints(kind).items()
        if (found := [t for t in (hint, *get_args(hint)) if isinstance(t, type) and is_dataclass(t)])
    }


def values_of(kind: type) -> dict[str, Mapping[str, Any]]:
    """The fields of `kind` that are mappings, with their defaults."""
    hints, found = get_type_hints(kind), dict[str, Mapping[str, Any]]()
    for field in fields(kind):
        if any(get_origin(t) is dict for t in (hints[field.name], *get_args(hints[field.name]))):
            made = {} if field.default_factory is MISSING else field.default_factory()
            found[field.name] = made if isinstance(made, Mapping) else {}
    return found


def prefixes(path: Path) -> set[Path]:
    """The proper beginnings of a path: `a.b.c` leads through `a` and `a.b`."""
    return {path[:n] for n in range(1, len(path))}


def merge(
    base: Mapping[str, Any],
    top: Mapping[str, Any],
    whole: Mapping[Path, Mapping[str, Any]],
    *,
    named: Collection[str] = (),
    through: Collection[Path] = (),
    path: Path = (),
) -> dict[str, Any]:
    """`top` over `base`. A mapping merges into that of the same key; at a path of `whole`, which has the
    values with their defaults, it replaces that, as a section of `named` does that brings another `name`.

    A path that leads `through` a value changes one entry of it, or of its default. None removes a value, or
    an entry of one.
    """
    merged = dict(base)
    for key, new in top.items():
        here, old = (*path, key), merged.get(key)
        if old is None and here in whole and here in through:
            old = whole[here]
        if new is None and (here in whole or path in whole):
            merged.pop(key, None)
        elif isinstance(old, Mapping) and isinstance(new, Mapping):
            renamed = key in named and "name" in new and new["name"] != old.get("name")
            if renamed or (here in whole and here not in through):
                merged[key] = dict(new)
            else:
                merged[key] = merge(old, new, whole, named=named, through=through, path=here)
        else:
            merged[key] = new
    return merged
