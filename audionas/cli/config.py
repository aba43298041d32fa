"""The commands that find settings: config keys, show, new, diff, schema."""

from pathlib import Path
from typing import Annotated

import typer

from audionas.cli.options import AsJson, Overrides
from audionas.core.errors import Faults
from audionas.core.reporter import say, stdout_json

PANEL = "Settings"
commands = typer.Typer()
config_app = typer.Typer(
    help="Find settings: all keys, where values come from, a config to begin with.", no_args_is_help=True
)
commands.add_typer(config_app, name="config", rich_help_panel=PANEL)


@config_app.command()
def keys(
    prefix: Annotated[
        str, typer.Argument(help="Beginning of the keys: a section, a key, or a section's method.")
    ] = "",
    search: Annotated[str, typer.Option("--search", help="Word that key or meaning must hold.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the keys of a config: type, default, range, and what each one means.

    Examples: audionas config keys train; audionas config keys method.darts;
    audionas config keys --search dropout
    """
    from audionas.settings import keys as page

    found = page.keys(prefix, search)
    stdout_json([key.plain() for key in found]) if as_json else page.show(found)


@config_app.command()
def show(
    conf: Annotated[Path, typer.Argument(help="A config, or a run folder.", show_default=False)],
    overrides: Overrides = None,
    sources: Annotated[
        bool, typer.Option("--sources", help="Print where each value comes from, one per line.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print every value of a config or a run, defaults included, as a config.

    Examples: audionas config show conf/search.yaml; audionas config show exp/mini;
    audionas config show conf/search.yaml seed=3 --sources
    """
    from audionas.config import dump
    from audionas.settings import values

    if sources:
        found = values.sourced(conf, overrides or [])
        stdout_json([value._asdict() for value in found]) if as_json else values.show(found)
        return
    resolved = values.opened(conf, overrides or []).resolved()
    stdout_json(resolved) if as_json else say(*dump(resolved).rstrip("\n").split("\n"))


@config_app.command()
def new(
    task: Annotated[
        str, typer.Argument(help="Task: keywords, wake_word, scenes or images.", show_default=False)
    ],
    device: Annotated[
        str,
        typer.Option(
            "--for", help="Device that will run the model: audionas list devices.", show_default=False
        ),
    ] = "",
) -> None:
    """Print a commented config to begin with.

    Example: audionas config new keywords --for cortex-m4 > my_words.yaml
    """
    from audionas.expert.devices import device as device_of
    from audionas.settings.starter import require_task, starter

    faults = Faults()
    with faults:
        require_task(task)
    if device:
        with faults:
            found = device_of(device)
    faults.tell()
    if not device:
        text = starter(task)
    else:
        text = starter(task, "" if found.profile == "none" else found.profile, found.limits, device)
    say(*text.rstrip("\n").split("\n"))


@config_app.command()
def diff(
    first: Annotated[Path, typer.Argument(help="A config, or a run folder.", show_default=False)],
    second: Annotated[Path, typer.Argument(help="Another one.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """List the keys whose values differ between two configs or runs, defaults included.

    Examples: audionas config diff exp/mini exp/other; audionas config diff conf/search.yaml exp/mini
    """
    from audionas.settings import values

    found = values.differences(first, second)
    stdout_json(found) if as_json else values.show_differences(found, first, second)


@config_app.command()
def schema() -> None:
    """Print a JSON schema of configs, with which an editor completes keys and shows what they mean.

    Example: audionas config schema > audionas.schema.json
    """
    from audionas.settings.schema import schema as made

    stdout_json(made())
