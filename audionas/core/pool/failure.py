"""An error on its way between processes: what a UserError says, or the traceback of a bug."""

import traceback
from typing import NamedTuple, NoReturn

from audionas.core.errors import UserError


class Failure(NamedTuple):
    """The contents of a UserError, or the traceback of any other error; plain values."""

    problems: tuple[str, ...] = ()
    hint: str = ""
    trace: str = ""
    listed: str = ""

    @classmethod
    def of(cls, error: Exception) -> "Failure":
        """The error that is being handled."""
        if isinstance(error, UserError):
            return cls(tuple(error.problems), error.hint, listed=error.listed)
        return cls(trace="".join(traceback.format_exception(error)))

    def throw(self) -> NoReturn:
        """Raise the UserError again, or a RuntimeError with the traceback."""
        if self.problems:
            raise UserError(self.problems, hint=self.hint, listed=self.listed)
        raise RuntimeError(f"an error in a worker:\n{self.trace}")
