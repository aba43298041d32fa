"""The commands that have commands: latency, prep, recipe; and what all commands' arguments share."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from audionas.core.files import shipped
from audionas.core.reporter import stdout_json

prep_app = typer.Typer(
    help="Write Kaldi data directories from a corpus or from your own recordings.", no_args_is_help=True
)
recipe_app = typer.Typer(help="The recipes that come with audionas.", no_args_is_help=True)
latency_app = typer.Typer(help="How long a network takes, looked up by its parts.", no_args_is_help=True)

Conf = Annotated[Path, typer.Argument(help="A YAML config.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="Changes to the config, key=value: seed=3 method.std=0.1", show_default=False),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Throw away what an earlier run left.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]


@latency_app.command("build")
def latency_build(
    conf: Conf,
    overrides: Overrides = None,
    check: Annotated[int, typer.Option(min=0, help="Whole networks to check the sums against.")] = 20,
    threads: Annotated[int, typer.Option(min=1, help="Threads of ONNX Runtime.")] = 1,
    rounds: Annotated[int, typer.Option(min=1, help="How often all is measured; the median counts.")] = 10,
    shape: Annotated[str, typer.Option("--input", help="CxFxT; default: what the config's data give.")] = "",
    classes: Annotated[int, typer.Option(min=0, help="Classes, with --input.")] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Measure each option at each shape of a space in ONNX Runtime: writes exp/NAME/latency.json and .html.

    Example: audionas latency build conf/search.yaml name=here --check 20 --threads 1
    """
    from audionas.config import load
    from audionas.run import latency as page

    page.show(
        page.build(
            load(conf, overrides or []),
            check=check,
            threads=threads,
            rounds=rounds,
            shape=shape,
            classes=classes,
            overwrite=overwrite,
        )
    )


@latency_app.command("show")
def latency_show(
    file: Annotated[Path, typer.Argument(help="latency.json, or its run folder.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """What a latency table holds, of which device, and how well its sums agree with whole networks.

    Example: audionas latency show exp/here/latency.json
    """
    from audionas.run import latency as page

    stdout_json(page.as_json(file)) if as_json else page.show(file)


@recipe_app.command("copy")
def recipe_copy(
    name: Annotated[str, typer.Argument(help="For example: mini", show_default=False)],
    folder: Annotated[Path, typer.Argument(help="A folder that does not exist yet.", show_default=False)],
) -> None:
    """Copy a recipe, to change it and own it.

    Example: audionas recipe copy speech_commands my_words
    """
    from audionas.run.recipe import copy

    print(copy(name, folder))


@recipe_app.command("list")
def recipe_list() -> None:
    """The recipes that `copy` knows.

    Example: audionas recipe list
    """
    from audionas.run.recipe import names

    print("\n".join(names()))


def register_preps() -> None:
    """`audionas prep NAME` for every script in data_prep/: its `main`, its docstring as help."""
    if prep_app.registered_commands:
        return  # `run` may be called more than once in a process
    for script in sorted(shipped("data_prep").glob("*.py")):
        if not script.stem.startswith("_"):
            prep_app.command(script.stem)(_script_main(script))


def _script_main(script: Path) -> Callable[..., Any]:
    spec = importlib.util.spec_from_file_location(f"audionas_prep_{script.stem}", script)
    assert spec is not None, script
    assert spec.loader is not None, script
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    main: Callable[..., Any] = module.main
    return main
