"""The command `audionas`. Exit status: 0 done, 1 the user can repair it, 70 a bug of ours."""

import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from audionas import __version__
from audionas.cli import build, completion, config, data, faults, listen, make, model, study
from audionas.core.errors import UserError
from audionas.core.hostile import on_a_line
from audionas.core.registry import allow
from audionas.core.reporter import Reporter, say

FIXABLE, BUG, INTERRUPTED = 1, 70, 130
PARALLEL = ("search", "train")  # what torchrun may start in several processes
SHELL_WORDS = ("_TYPER_COMPLETE_ARGS", "COMP_WORDS")  # where a shell puts the line that it completes


class Commands(TyperGroup):
    """The commands; what typer says of a wrong line repeats its words, which are hostile."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Read the words before the command."""
        with faults.escaped_message():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        """Run the command, whose own words are read here."""
        with faults.escaped_message():
            return super().invoke(ctx)


app = typer.Typer(
    name="audionas",
    cls=Commands,
    help="Neural architecture search for audio: from recordings to a small, fast keyword model.",
    epilog="Start here: recipes/mini/run.sh, or: audionas recipe copy mini my_words",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (make, data, config, build, model, listen, study):
    app.add_typer(part.commands)


def run() -> None:
    """The entry point of `audionas` and `python -m audionas`."""
    # torch's threads soon sleep while they wait: long spinning slows a run down many times on a busy machine
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    faults.escape()
    if any(word.startswith(completion.OPTIONS) for word in sys.argv[1:]):
        completion.repair()
    try:
        completed = " ".join(os.environ.get(name, "") for name in SHELL_WORDS)
        words = [*sys.argv[1:], *completed.split()]
        if {"prep", "fetch"} & {*words}:  # else nothing asks for their pages
            data.register_preps(words)
        try:
            app()
        finally:
            faults.flush()
    except UserError as error:
        if error.shortened and not error.listed:
            error.listed = _listed(error.problems)
        Reporter().note(*f"error: {error}".split("\n"))
        sys.exit(FIXABLE)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            Reporter().note(
                "interrupted; run the same command to resume (search, compare, rank, train: with --resume)"
            )
        sys.exit(FIXABLE if stop.code == 2 else stop.code)  # 2: a wrong option, which the user can fix
    except Exception as error:
        if line := faults.told(error):
            Reporter().note(f"error: {line}")
            sys.exit(FIXABLE)
        Reporter().note(*traceback.format_exc().rstrip().split("\n"))
        Reporter().note(f"This is a bug in audionas {__version__}. Please report it with the lines above.")
        sys.exit(BUG)


def _listed(problems: Sequence[str]) -> str:
    """A new file for temporary things that holds all problems, since not all of them are printed."""
    handle, name = tempfile.mkstemp(prefix="audionas-problems-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(f"{on_a_line(problem)}\n" for problem in problems)
    return name


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    plugins: Annotated[
        list[str] | None,
        typer.Option(
            "--plugins",
            metavar="MODULE",
            help="Module of your own whose spaces and methods files may name; may be given several times.",
        ),
    ] = None,
) -> None:
    """Neural architecture search for audio: from recordings to a small, fast keyword model."""
    if version:
        say(__version__)
        raise typer.Exit
    for module in plugins or []:
        allow(module)
    if "TORCHELASTIC_RUN_ID" in os.environ and context.invoked_subcommand not in PARALLEL:
        raise UserError(
            f"torchrun starts {' and '.join(PARALLEL)}; {context.invoked_subcommand} runs in one process"
        )
