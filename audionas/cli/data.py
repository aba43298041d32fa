"""The commands that bring data: prep and fetch, with the pages of data_prep/, and recipe."""

import ast
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from audionas.core.errors import UserError, did_you_mean
from audionas.core.files import read_text, shipped
from audionas.core.reporter import say
from audionas.expert.pages import main_of

PANEL = "Data"
FETCHED = ("negatives",)  # pages that bring sound, and prepare nothing
commands = typer.Typer()


class Pages(TyperGroup):
    """The pages of data_prep/ as a group of commands; a page that is not there is a UserError."""

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override]
        """Find a page by the first word."""
        if not ctx.resilient_parsing and not args[0].startswith("-") and args[0] not in self.commands:
            raise UserError(
                f"no page of {ctx.info_name} is called '{args[0]}'.{did_you_mean(args[0], self.commands)}",
                hint=f"Pages: {', '.join(self.commands)}",
            )
        return super().resolve_command(ctx, args)


prep_app = typer.Typer(
    cls=Pages,
    help="Write Kaldi data directories from a corpus or from your own recordings.",
    no_args_is_help=True,
)
fetch_app = typer.Typer(cls=Pages, help="Fetch public sound to learn from.", no_args_is_help=True)
recipe_app = typer.Typer(help="Copy or list the recipes that audionas includes.", no_args_is_help=True)
commands.add_typer(prep_app, name="prep", rich_help_panel=PANEL)
commands.add_typer(fetch_app, name="fetch", rich_help_panel=PANEL)
commands.add_typer(recipe_app, name="recipe", rich_help_panel=PANEL)


@recipe_app.command("copy")
def recipe_copy(
    name: Annotated[str, typer.Argument(help="Name of a recipe, such as mini.", show_default=False)],
    folder: Annotated[
        Path, typer.Argument(help="Folder to copy it to, which does not exist yet.", show_default=False)
    ],
) -> None:
    """Copy a recipe, to change it and own it.

    Example: audionas recipe copy speech_commands my_words
    """
    from audionas.run.recipe import copy

    say(copy(name, folder))


@recipe_app.command("list")
def recipe_list() -> None:
    """List the recipes that `copy` knows.

    Example: audionas recipe list
    """
    from audionas.run.recipe import names

    say(*names())


def page_names() -> list[str]:
    """The pages of data_prep/, sorted."""
    return sorted(page.stem for page in shipped("data_prep").glob("[!_]*.py"))


def register_preps(words: Sequence[str]) -> None:
    """`audionas prep NAME`, or fetch, for each page in data_prep/. Only those that `words` name are imported.

    The others get the docstring of their `main`, which is all that a list of commands shows of them.
    """
    for app in (prep_app, fetch_app):
        app.registered_commands.clear()  # `run` may be called more than once in a process
    for name in page_names():
        page = shipped("data_prep") / f"{name}.py"
        app = fetch_app if name in FETCHED else prep_app
        app.command(name)(main_of(page) if name in words else _stand_in(page))


@cache
def _stand_in(page: Path) -> Callable[..., Any]:
    def main() -> None:
        raise AssertionError("a page that is named is imported")

    body = ast.parse(read_text(page)).body
    main.__doc__ = next(
        ast.get_docstring(node) for node in body if isinstance(node, ast.FunctionDef) and node.name == "main"
    )
    return main
