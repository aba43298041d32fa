"""Lines about values of a config that are refused, with their path."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from audionas.core.errors import did_you_mean


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
