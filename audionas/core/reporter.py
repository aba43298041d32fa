"""The output of a run: console, `metrics.jsonl` and TensorBoard behind one object.

Everything but results goes to standard error, so that standard output stays free for results and JSON. On a
terminal, progress is a bar; elsewhere it is a plain line now and then, so that logs stay readable. A program
that calls the library sets another voice: then lines are kept instead of printed.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from audionas.core.errors import UserError, grouped
from audionas.core.estimate import Estimate
from audionas.core.files import add_line, parsed, read_text, write_text
from audionas.core.hostile import escaped, on_a_line

# rich is imported where it is used: a command that prints JSON or a version needs none of it
T = TypeVar("T")
Line = Sequence[tuple[str, str]]  # parts of a line, each with rich's words for its style: "bold red"
_QUIET_SECONDS = 10.0  # between two plain progress lines
_BAR_SECONDS = 0.1  # between two states of a bar


class Epoch(NamedTuple):
    """A finished epoch, counted from 1; `seconds` it took, `left` are estimated until the last."""

    folder: Path  # of the phase, such as exp/mini/search
    epoch: int
    epochs: int
    values: Mapping[str, float]
    seconds: float
    left: float


@dataclass(frozen=True)
class Voice:
    """The way in which all reporters of a call speak: `quiet` ones keep their lines in `notes`.

    `hears` are called after each epoch; `words` are what the user has typed, where that is no command line.
    """

    quiet: bool = False
    notes: list[str] = field(default_factory=list)
    hears: Sequence[Callable[[Epoch], object]] = ()
    words: str = ""


_VOICE: ContextVar[Voice | None] = ContextVar("voice", default=None)


@contextmanager
def speaking(voice: Voice) -> Iterator[Voice]:
    """Inside the block, reporters speak with this voice."""
    token = _VOICE.set(voice)
    try:
        yield voice
    finally:
        _VOICE.reset(token)


def typed() -> str:
    """The words that the user has typed, where that is no command line; else an empty string."""
    return (_VOICE.get() or Voice()).words


class Reporter:
    """One run's voice. `folder` receives `metrics.jsonl` and TensorBoard events; None turns both off.

    `since` is the first epoch that this process will write: later rows of an interrupted run are
    cut off, so the log never holds an epoch twice. `stdout` is for results that were requested.
    """

    def __init__(
        self, folder: Path | None = None, *, since: int = 0, quiet: bool = False, stdout: bool = False
    ) -> None:
        from rich.console import Console

        self.voice = _VOICE.get() or Voice()
        quiet = quiet or self.voice.quiet
        self.console = Console(
            stderr=not stdout, quiet=quiet, highlight=False, soft_wrap=True, markup=False, emoji=False
        )
        self.folder = folder
        self._since = since
        self._board: Any = None
        if folder is not None:
            _cut(folder / "metrics.jsonl", since)

    @property
    def terminal(self) -> bool:
        """Whether lines can be redrawn. With FORCE_COLOR set, rich's own answer is yes for a file, too."""
        return self.console.file.isatty() and self.console.is_terminal and not self.console.quiet

    def note(self, *lines: str) -> None:
        """Print lines, each as one line whatever it holds."""
        for line in lines:
            self.console.print(on_a_line(line))
            if self.voice.quiet:
                self.voice.notes.append(on_a_line(line))

    def problems(self, problems: Sequence[str], file: Path | None) -> None:
        """Print what is left out and why, many problems of a kind as one line; then `file` holds them all."""
        lines = problems if file is None else grouped(problems)
        for line in lines:
            self.note(f"left out: {line}")
        if file is not None and len(lines) < len(problems):
            write_text(file, "".join(f"{on_a_line(problem)}\n" for problem in problems))
            self.note(f"left out: {amount(len(problems), 'problem')} in all, see {file}")

    def table(self, head: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
        """Print a table, whose first column is never cut; the caller formats the numbers."""
        from rich.table import Table

        shown = on_a_line(title) or None
        table = Table(*map(on_a_line, head), title=shown, title_justify="left", box=None, pad_edge=False)
        table.columns[0].no_wrap = True
        for row in rows:
            table.add_row(*map(on_a_line, row))
        self.console.print(table)

    def epoch(
        self, epoch: int, epochs: int, values: Mapping[str, float], *, seconds: float, left: float
    ) -> None:
        """Report a finished epoch: a console line that reads like a sentence, a row, TensorBoard scalars.

        `epoch` counts from 0; the line shows it from 1. `left` is the estimated time to the end in seconds.
        """
        shown = "  ".join(f"{name} {_short(value)}" for name, value in values.items())
        line = f"epoch {epoch + 1}/{epochs}  {shown}  {seconds:.1f} s  ({clock(left)} left)"
        self.console.print(on_a_line(line))
        if self.folder is None:
            return
        row = {"epoch": epoch, **values, "seconds": seconds}
        add_line(self.folder / "metrics.jsonl", json.dumps(row))
        for name, value in values.items():
            self._tensorboard().add_scalar(name, value, epoch)
        for hear in self.voice.hears:
            hear(Epoch(self.folder, epoch + 1, epochs, dict(values), seconds, left))

    def progress(self, items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
        """Yield `items`, showing how many are done and how long the rest will take."""
        total = total if total is not None else len(items)  # type: ignore[arg-type]
        if self.terminal:
            yield from self._bar(items, label, total)
        else:
            yield from self._lines(items, label, total)

    @contextmanager
    def live(self) -> Iterator[Callable[[Sequence[Line]], None]]:
        """Yield a function that redraws lines at the bottom of a terminal.

        Notes appear above them. At the end they are erased.
        """
        from rich.live import Live
        from rich.text import Text

        with Live(console=self.console, auto_refresh=False, transient=True) as shown:
            yield lambda lines: shown.update(
                Text("\n").join(Text.assemble(*map(_seen, line), no_wrap=True) for line in lines),
                refresh=True,
            )

    def close(self) -> None:
        """Flush TensorBoard."""
        if self._board is not None:
            self._board.close()

    def _bar(self, items: Iterable[T], label: str, total: int) -> Iterator[T]:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", markup=False),
        )
        estimate, last = Estimate(total), 0.0
        with Progress(*columns, console=self.console, transient=True) as bar:
            task = bar.add_task(on_a_line(label), total=total, left="")
            for done, item in enumerate(items, 1):
                yield item
                now = time.monotonic()
                left = estimate.left(done, now)
                if now - last >= _BAR_SECONDS or done == total:
                    last = now
                    bar.update(task, completed=done, left="" if left is None else f"{clock(left)} left")

    def _lines(self, items: Iterable[T], label: str, total: int) -> Iterator[T]:
        estimate, last = Estimate(total), time.monotonic()
        for done, item in enumerate(items, 1):
            yield item
            now = time.monotonic()
            left = estimate.left(done, now)
            if now - last >= _QUIET_SECONDS:
                last = now
                told = f"{label}: {done}/{total}" + ("" if left is None else f", {clock(left)} left")
                self.console.print(on_a_line(told))

    def _tensorboard(self) -> Any:
        if self._board is None:
            from torch.utils.tensorboard import SummaryWriter  # slow to import: only for a run that logs

            self._board = SummaryWriter(str(self.folder), purge_step=self._since)
        return self._board


def clock(seconds: float) -> str:
    """A duration such as `41 s`, `3 min 20 s` or `2 h 05 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def amount(number: float, noun: str, plural: str = "") -> str:
    """A count such as `1 clip`, `1,200 clips` or `2 classes`; `plural` for nouns that change more."""
    hissing = noun.endswith(("s", "x", "ch", "sh")) and not noun.endswith("epoch")
    plural = plural or noun + ("es" if hissing else "s")
    digits = f"{number:,}" if isinstance(number, Integral) else f"{number:g}"
    return f"{digits} {noun if number == 1 else plural}"


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON-lines file; a last line cut off by an interruption is left out.

    Raises UserError for a file or another line that cannot be read.
    """
    if not path.exists():
        return []
    rows = []
    lines = read_text(path).split("\n")
    for number, line in enumerate(lines, 1):
        try:
            rows.append(parsed(line))
        except ValueError as error:
            if number == len(lines):  # no newline follows: it was cut off
                break
            raise UserError(f"{path}:{number}: not valid JSON ({error})") from error
        if not isinstance(rows[-1], dict):
            raise UserError(f"{path}:{number}: not a JSON object: {line[:60]!r}")
    return rows


def _cut(path: Path, since: int) -> None:
    """Keep the rows of epochs before `since`."""
    rows = read_rows(path)
    for number, row in enumerate(rows, 1):
        if not isinstance(epoch := row.get("epoch", -1), int):
            raise UserError(
                f"{path}:{number}: epoch: expected a whole number, not {epoch!r:.60}",
                hint="Delete that line, or start again with --overwrite.",
            )
    write_text(path, "".join(json.dumps(row) + "\n" for row in rows if row.get("epoch", -1) < since))


def _short(value: float) -> str:
    return f"{value:.2f}" if abs(value) >= 100 else f"{value:.4g}"


def _seen(part: tuple[str, str]) -> tuple[str, str]:
    return on_a_line(part[0]), part[1]


def lined(head: Iterable[object], rows: Iterable[Iterable[object]]) -> list[str]:
    """A table as lines of any width: columns as wide as their widest cell, each row one line."""
    cells = [[on_a_line(cell) for cell in row] for row in ([*head], *rows) if row]
    wide = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(str.ljust, row, wide)).rstrip() for row in cells]


def say(*lines: str) -> None:
    """Print lines for people on standard output at once, each as one line whatever it holds."""
    if (_VOICE.get() or Voice()).quiet:
        return
    print("".join(f"{on_a_line(line)}\n" for line in lines), end="", flush=True)


@contextmanager
def script() -> Iterator[None]:
    """The work of a script: a UserError inside the block ends it with its lines on standard error."""
    try:
        yield
    except UserError as error:
        sys.exit("\n".join(on_a_line(line) for line in f"error: {error}".split("\n")))


def stdout_json(value: Any, indent: int | None = 2) -> None:
    """Print one JSON document on standard output, at once: what `--json` promises.

    It is ASCII where it holds what nobody sees, or what standard output has no letters for.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
        plain = escaped(text) == text
    except UnicodeEncodeError:
        plain = False
    print(text if plain else json.dumps(value, indent=indent), flush=True)
