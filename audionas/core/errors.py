"""The error that a user can fix: what is wrong, where, and what to do next."""

import difflib
from collections import Counter
from collections.abc import Iterable
from types import TracebackType

_ALIKE = 3  # problems of one kind that are shown one by one
_SHOWN = 30  # lines of problems in one message


class Problem(str):
    """A fault in one place: the text `where: what`, with the `details` filled into the template `what`.

    Problems with the same `what` are of one kind, wherever they are and whatever their details are: where
    there are many, `grouped` makes one line of them. Without details `what` is taken as it stands.
    """

    where: str
    kind: str
    details: tuple[object, ...]

    def __new__(cls, where: object, what: str, *details: object) -> "Problem":
        """Make the text."""
        self = super().__new__(cls, f"{where}: {what.format(*details) if details else what}")
        self.where, self.kind, self.details = str(where), what, details
        return self

    def __getnewargs__(self) -> tuple[object, ...]:  # type: ignore[override]
        """The arguments again, for a way to another process."""
        return self.where, self.kind, *self.details


class UserError(Exception):
    """Something the user can fix; the command line prints it and exits with status 1.

    `message` says what is wrong and where, `hint` what to type or change next. Several problems found
    together are passed as a list and printed together, many of one kind as one line (`Problem`). `listed`
    names a file that holds them all; without one the command line writes it where not all are printed.
    """

    def __init__(self, message: str | Iterable[str], *, hint: str = "", listed: object = "") -> None:
        self.problems = [message] if isinstance(message, str) else list(message)
        self.hint = hint
        self.listed = str(listed)
        super().__init__(str(self))

    @property
    def shortened(self) -> bool:
        """True where the text does not show every problem."""
        return len(grouped(self.problems)) < len(self.problems)

    def __str__(self) -> str:
        lines = grouped(self.problems)
        if self.shortened and self.listed:
            lines.append(f"all {len(self.problems):,} of them: {self.listed}")
        return "\n".join([*lines, *([self.hint] if self.hint else [])])


class Faults:
    """The faults of checks that do not need each other: `with faults: check()` for each, then `tell()`.

    A UserError inside the block is kept, so the next check runs too.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = list(problems)
        self._hints: dict[str, None] = {}
        self._listed = ""

    def __bool__(self) -> bool:
        """True where there is a fault so far."""
        return bool(self.problems)

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, UserError):
            return False
        self.problems += (problem for problem in error.problems if problem not in self.problems)
        self._hints |= {error.hint: None} if error.hint else {}
        self._listed = self._listed or error.listed
        return True

    def tell(self, hint: str = "") -> None:
        """Raise one UserError with every problem and every hint, the given one last; nothing without one."""
        if self.problems:
            hints = [*self._hints, *([hint] if hint else [])]
            raise UserError(self.problems, hint="\n".join(hints), listed=self._listed)


def hold(*rules: tuple[object, str], place: str = "") -> None:
    """Raise one UserError with the text of each rule that does not hold, after `place`."""
    if problems := [f"{place}{text}" for holds, text in rules if not holds]:
        raise UserError(problems)


def located(where: object, text: str) -> Problem:
    """The text about one place as a Problem, if it is not one yet."""
    return text if isinstance(text, Problem) else Problem(where, text.removeprefix(f"{where}: "))


def grouped(problems: Iterable[str]) -> list[str]:
    """Lines that tell of problems: those of one kind as an example and a count where they are many.

    At most 30 lines, the last of which counts what is not shown.
    """
    every = list(problems)
    kinds = Counter(problem.kind for problem in every if isinstance(problem, Problem))
    lines, told = [], set()
    for problem in every:
        kind = problem.kind if isinstance(problem, Problem) else None
        if kind is None or kinds[kind] <= _ALIKE:
            lines.append(str(problem))
        elif kind not in told:
            told.add(kind)
            lines.append(f"{problem} (and {kinds[kind] - 1:,} more of this kind)")
    lines = [line.replace("\n", "\n  ") for line in lines]  # a line in the name of a file is none of ours
    if len(lines) > _SHOWN:
        lines[_SHOWN - 1 :] = [f"and {len(lines) - _SHOWN + 1:,} lines more"]
    return lines


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`" Did you mean 'x'?"` for the nearest known word, or an empty string."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else ""
