"""The error that a user can fix: what is wrong, where, and what to do next."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user can fix; the command line prints it and exits with status 1.

    `message` says what is wrong and where, `hint` what to type or change next. Several problems
    found together are passed as a list and printed together.
    """

    def __init__(self, message: str | Iterable[str], *, hint: str = "") -> None:
        self.problems = [message] if isinstance(message, str) else list(message)
        self.hint = hint
        super().__init__(str(self))

    def __str__(self) -> str:
        return "\n".join([*self.problems, *([self.hint] if self.hint else [])])


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`" Did you mean 'x'?"` for the nearest known word, or an empty string."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else ""
