"""The range of a key, found by asking its class: values that it refuses, and what it expects instead."""

from dataclasses import MISSING, fields
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin

from audionas.core.errors import UserError

_TRIED = (-1, 0, 1e-9, 1, 1 + 1e-9, 10**12)  # from below: where a range begins or ends is between two of them
_NEEDED: dict[Any, Any] = {
    str: "x",
    float: 1.0,
    int: 1,
    tuple[str, ...]: ("x",),
}  # for fields that must be given


def accepted(kind: type, name: str, hint: Any) -> str:
    """The values that a field takes, in words; empty where every value of its type is one."""
    parts = {*(get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,))}
    if not parts & {int, float}:
        return ""
    tried = [value for value in _TRIED if float in parts or isinstance(value, int)]
    told = [_refusal(kind, name, value) for value in tried]
    said = (t.rpartition("expected ")[2] for t in told if t is not None and "expected " in t and name in t)
    if words := next(said, ""):
        return words.split(", got")[0].split(". ")[0]
    return _between({value: reason is None for value, reason in zip(tried, told, strict=True)})


def _refusal(kind: type, name: str, value: Any) -> str | None:
    """The answer of a class to a value of one field, all others at their defaults; None where it takes it."""
    try:
        kind(**least(kind), **{name: value})
    except UserError as error:
        return next((p for p in error.problems if name in p), str(error))
    except (TypeError, ValueError, OverflowError):
        return ""
    return None


@cache
def least(kind: type) -> dict[str, Any]:
    """Values for the fields that must be given."""
    must = (f for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING)
    return {f.name: _NEEDED[f.type] for f in must if f.type in _NEEDED}


def _between(taken: dict[float, bool]) -> str:
    """The range in words, where a class refuses without saying what it expects."""
    below = "" if taken[-1] else "0 or more" if taken[0] else "above 0" if taken.get(1e-9) else "1 or more"
    if not any(taken.values()) or taken[10**12]:
        return below if any(taken.values()) else ""
    return f"{below}, at most 1" if taken[1] and not taken.get(1 + 1e-9, True) else below
