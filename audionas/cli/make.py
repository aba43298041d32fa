"""The command that decides as an expert would: make."""

from pathlib import Path
from typing import Annotated

import typer

PANEL = "Start here"
commands = typer.Typer()


@commands.command(rich_help_panel=PANEL)
def make(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FOLDER] [KEY=VALUE]...",
            help="Folder with one folder of recordings per word, or the make.yaml of an earlier plan; then "
            "changes to the config of its trainings.",
            show_default=False,
        ),
    ] = None,
    word: Annotated[
        str, typer.Option("--word", help="Instead of FOLDER: a wake word, which synthetic voices say.")
    ] = "",
    device: Annotated[
        str, typer.Option("--for", help="Device that will run the model: audionas list devices.")
    ] = "",
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="Time that may be used.", show_default=False)
    ] = None,
    negatives: Annotated[
        list[Path] | None,
        typer.Option("--negatives", help="Folder of sound without the words; may be repeated."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            "--fa-per-hour",
            help="False accepts per hour for which words are tuned on such sound; default: 0.5.",
            show_default=False,
        ),
    ] = None,
    only_plan: Annotated[
        bool, typer.Option("--plan", help="Prepare data, time steps and decide; stop before the trainings.")
    ] = False,
    again: Annotated[
        bool,
        typer.Option("--again", help="Plan again from the recordings, and replace the model that is there."),
    ] = False,
) -> None:
    """Make a model from recordings: decides, trains, evaluates, exports and tunes within the given time.

    Writes exp/NAME/make.yaml, each decision with its why, and commands.sh, the same by verbs. Run the same
    command to resume; add --again where recordings were added. With a make.yaml, redoes what its changes
    concern.

    Examples: audionas make my_words --for cpu --minutes 10; audionas make --word "hey jarvis" --for esp32-s3
    --minutes 90; audionas make exp/my_words/make.yaml train.epochs=40
    """
    from audionas.expert.make import make as go

    first, *rest = words or [""]
    source = Path(first) if first and ("=" not in first or Path(first).exists()) else None
    go(
        source,
        word=word,
        device=device,
        minutes=minutes,
        rate=rate,
        negatives=negatives or (),
        changes=rest if source is not None else [each for each in (first, *rest) if each],
        only_plan=only_plan,
        again=again,
    )
