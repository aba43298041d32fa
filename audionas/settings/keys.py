"""Every key of a config: its type, default, range and a line about it."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from audionas.config import NAMED, SECTIONS
from audionas.core.errors import UserError, did_you_mean
from audionas.core.hostile import command
from audionas.core.merge import sections_of
from audionas.core.registry import names, resolve
from audionas.core.reporter import lined, say
from audionas.core.strict import usual
from audionas.engine.conf import General
from audionas.settings.ranges import accepted
from audionas.settings.words import line

_WORDS = {int: "integer", float: "number", bool: "true or false", str: "text", Any: "any value"}


class Key(NamedTuple):
    """One key: its dotted path, and in words its type, default, range and meaning.

    `of` are the methods, searchers or spaces that have it so; none for keys of every config.
    """

    key: str
    type: str
    default: str
    range: str
    help: str
    of: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """The same as JSON."""
        return {**self._asdict(), "of": list(self.of)}


def keys(prefix: str = "", search: str = "") -> list[Key]:
    """The keys whose path begins with `prefix` and that `search` occurs in, in a config's order.

    `method.darts` is a prefix, too: the keys of that method. Raises UserError where there are none.
    """
    found = _every()
    section, _, name = prefix.partition(".")
    if section in NAMED and name in names(section):
        chosen = [k._replace(of=(name,)) for k in found if k.key.startswith(f"{section}.") and name in k.of]
    else:
        chosen = [k for k in found if f"{k.key}.".startswith(f"{prefix}.") or k.key.startswith(prefix)]
    chosen = [k for k in chosen if search.lower() in f"{k.key} {k.help} {' '.join(k.of)}".lower()]
    if not chosen:
        words = " and ".join(filter(None, (prefix, search and f"--search {search}")))
        meant = did_you_mean(prefix, [*SECTIONS, *(k.key for k in found)])
        raise UserError(
            f"no key of a config begins with or holds {words}.{meant}",
            hint=f"Sections: {', '.join(SECTIONS)}",
        )
    return chosen


def show(found: list[Key]) -> None:
    """Print one line per key on standard output."""
    rows = [(k.key, k.type, k.default, k.range, " ".join(filter(None, (_who(k.of), k.help)))) for k in found]
    say(*lined(("key", "type", "default", "range", "meaning"), rows))


def kinds() -> Iterator[tuple[str, str, type]]:
    """Each section's path, the name that chooses its class (or none), and the class."""
    yield "", "", General
    for section, kind in SECTIONS.items():
        for name in names(section) if section in NAMED else ("",):
            yield section, name, resolve(section, name) if name else kind


@cache
def _every() -> tuple[Key, ...]:
    """All keys; those that several classes have alike are one."""
    alike: dict[Key, list[str]] = {}
    for section, name, kind in kinds():
        if name:
            about = f"Which {section}: see {command('audionas', 'list', section + 's')}."
            alike.setdefault(Key(f"{section}.name", "text", "must be given", "", about), []).append(name)
        for key in _fields(kind, section, {}):
            alike.setdefault(key, []).extend([name] if name else [])
    return tuple(key._replace(of=tuple(of)) for key, of in alike.items())


def _fields(kind: type, path: str, given: Mapping[str, Any]) -> Iterator[Key]:
    """The keys of a class and of the sections in it; `given` are defaults that its owner sets."""
    hints, inner = get_type_hints(kind), sections_of(kind)
    for field in fields(kind):
        key = ".".join(filter(None, (path, field.name)))
        default = given.get(field.name, usual(field))
        if field.name in inner:
            own = {f.name: getattr(default, f.name) for f in fields(default)} if default else {}
            optional = NoneType in get_args(hints[field.name])
            shown = "null" if default is None and optional else "a section"
            yield Key(key, "section", shown, "", line(kind, key))
            yield from _fields(inner[field.name], key, own)
        else:
            told = accepted(kind, field.name, hints[field.name])
            yield Key(key, spelled(hints[field.name]), worded(default), told, line(kind, key))


def worded(value: Any) -> str:
    """A default as YAML writes it."""
    if value is MISSING:
        return "must be given"
    if isinstance(value, bool | NoneType):
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(worded, value))}]"
    return '""' if value == "" else str(value)


def spelled(hint: Any) -> str:
    """A type in words."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " | ".join(map(str, inner))
    if origin in (Union, UnionType):
        return " or ".join("null" if part is NoneType else spelled(part) for part in inner)
    if origin is tuple:
        many = len(inner) == 2 and inner[1] is Ellipsis
        return f"list of {spelled(inner[0])}" if many else f"[{', '.join(map(spelled, inner))}]"
    if origin in (dict, Mapping) or hint is dict:
        return "mapping"
    return _WORDS.get(hint, getattr(hint, "__name__", str(hint)))


def _who(of: tuple[str, ...]) -> str:
    """The owners of a key in front of its meaning: by name where they are few."""
    if not of:
        return ""
    return f"({', '.join(of)})" if len(of) <= 3 else f"({', '.join(of[:2])} and {len(of) - 2} more)"
