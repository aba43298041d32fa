"""Lines about values of a config that are refused, with their path."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from audionas.core.errors import did_you_mean

_LARGEST = 10**15  # no setting has a meaning beyond it, and the integers of libraries end soon after
_ENDS = {  # what is below these keys ends earlier
    "threads": 4096,
    "workers": 4096,
    "space": 65_536,
    "spec_augment": 10**6,
    "population": 10**6,
}
_FREE = ("seed", "seeds")  # any integer


def beyond(value: Any, path: tuple[str, ...]) -> Iterator[str]:
    """One line for each number inside a value that is larger than any setting can be; infinity is none."""
    if isinstance(value, Mapping | list | tuple):
        for key, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from beyond(inner, (*path, str(key)))
    elif isinstance(value, int | float) and not {*_FREE} & {*path}:
        most = min((_ENDS[key] for key in path if key in _ENDS), default=_LARGEST)
        if most < abs(value) != math.inf:
            yield f"{'.'.join(path)}: {value!r:.40}, expected at most {most:,}"


def placed(path: str, problem: str) -> str:
    """A problem that a class found in its own values, with the whole path in front."""
    section = path.rpartition(".")[2]
    if problem.startswith(f"{section}."):
        return path + problem.removeprefix(section)
    return f"{path}: {problem}" if path else problem


def refused(kind: type, path: str, loc: Iterable[Any], code: str, message: str, given: Any) -> str:
    """One line for one problem that pydantic found."""
    parts = [str(part) for part in loc]
    where = ".".join([*([path] if path else []), *parts])
    if code in ("unexpected_keyword_argument", "extra_forbidden"):
        if len(parts) == 1 and (instead := getattr(kind, "replaced", {}).get(parts[0])):
            return f"{where}: an earlier version's key. {instead}"
        return f"{where}: unknown key.{did_you_mean(parts[-1], [f.name for f in fields(kind)])}"
    return f"{where}: {message[0].lower()}{message[1:]}, got {given!r}"
