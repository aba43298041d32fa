"""Whether the arguments of a call are of the kind that it takes, and errors in the words of Python."""

import inspect
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

from audionas.core.errors import Faults, Problem, UserError, did_you_mean

_NAMES = {"for": "device=", "resume": "resume=True", "overwrite": "overwrite=True"}  # others as they are
_OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*)( (?=[\dA-Z/]|\S+: |\S+$))?")
_COMMAND = re.compile(r"audionas [a-z]|\.sh\b")


def require_place(verb: str, name: str, value: Any, expected: str = "a path") -> None:
    """Raise UserError where the value is no path, or an empty one."""
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise UserError(f"{verb}: {name} is {value!r}, expected {expected}")


def require_number(verb: str, name: str, value: Any, *, least: float = 0, whole: bool = False) -> None:
    """Raise UserError where the value is no number of at least `least`, or no whole one."""
    kind = Integral if whole else Real
    if not isinstance(value, kind) or isinstance(value, bool) or not value >= least:  # type: ignore[operator]
        expected = f"a {'whole ' if whole else ''}number, at least {least:g}"
        raise UserError(f"{verb}: {name} is {value!r}, expected {expected}")


def require_alike(verb: str, name: str, value: Any, default: Any) -> None:
    """Raise UserError where the value is not of its default's kind: flag, number or text; others pass."""
    flag, number, text = (isinstance(default, kind) for kind in (bool, int | float, str))
    fits, expected = (
        (isinstance(value, bool), "True or False")
        if flag
        else (isinstance(value, Real) and not isinstance(value, bool), "a number")
        if number
        else (isinstance(value, str) or not text, "text")
    )
    if not fits:
        raise UserError(f"{verb}: {name} is {value!r}, expected {expected}")


def require_options(
    verb: str, options: Mapping[str, Any], function: Callable[..., Any], but: Sequence[str]
) -> None:
    """Raise one UserError for options that the function lacks, or `but` names, and for wrong values."""
    given = inspect.signature(function).parameters.items()
    known = {name: parameter.default for name, parameter in given if name not in but}
    faults = Faults(*(f"{verb}: no option {o!r}.{did_you_mean(o, known)}" for o in options if o not in known))
    hint = f"Options: {', '.join(known)}" if faults else ""
    for name in [name for name in options if name in known]:
        with faults:
            require_alike(verb, name, options[name], known[name])
    faults.tell(hint)


def functions(verb: str, given: Any) -> tuple[Callable[..., object], ...]:
    """The callbacks; one function stands for a list of one. Raises UserError for what cannot be called."""
    listed = [given] if callable(given) else given
    if not isinstance(listed, Sequence) or not all(map(callable, listed)):
        raise UserError(f"{verb}: callbacks is {given!r}, expected functions, such as callbacks=[print]")
    return tuple(listed)


@contextmanager
def in_python() -> Iterator[None]:
    """Name options as arguments in the UserErrors of the block; whole commands stay as they are typed."""
    try:
        yield
    except UserError as error:
        error.problems = [_problem(problem) for problem in error.problems]
        error.hint = _worded(error.hint)
        error.args = (str(error),)
        raise


def _problem(problem: str) -> str:
    if isinstance(problem, Problem):
        return Problem(problem.where, _worded(problem.kind), *problem.details)
    return _worded(problem)


def _worded(text: str) -> str:
    if _COMMAND.search(text):
        return text
    return _OPTION.sub(lambda found: _NAMES.get(found[1], found[1].replace("-", "_") + "="), text)
