"""The commands of a trained model: eval, predict, export, show, push."""

from pathlib import Path
from typing import Annotated

import typer

from audionas.cli.options import AsJson, Exp, Resample
from audionas.core.errors import Faults, UserError
from audionas.core.files import require_there
from audionas.core.reporter import say, stdout_json

PANEL = "Model"
commands = typer.Typer()


@commands.command("eval", rich_help_panel=PANEL)
def evaluate(
    exp: Exp,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="Kaldi data directory such as data/test; for images their archive, file or folder.",
            show_default=False,
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            help="Instead of DATA: a folder per class with recordings of any rate, as they are.",
            show_default=False,
        ),
    ] = None,
    speaker_pattern: Annotated[
        str,
        typer.Option(help="With --folder: regular expression with a group `(?P<speaker>...)`, as in prep."),
    ] = "",
    engine: Annotated[str, typer.Option(help="Runtime: torch, or onnx to run the exported file.")] = "torch",
    resample: Resample = False,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", help="Figures for each group listed in DATA/utt2NAME; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure accuracy with its 95 % interval over speakers or images, figures per class, confusion matrix.

    Clips and speakers that the model was trained on are counted.

    Examples: audionas eval exp/mini --data data/test --engine onnx;
    audionas eval exp/scenes --data data/test --by device; audionas eval kws12 --folder my_words
    """
    from audionas.models import names
    from audionas.run import evaluate as page

    faults, source = Faults(), data or folder
    if engine not in ("torch", "onnx"):
        faults.problems.append(f"--engine {engine}: expected torch or onnx")
    if source is None or (data and folder):
        with faults:
            raise UserError("expected either --data or --folder", hint="--folder takes one folder per class.")
    if folder and by:
        faults.problems.append("--by needs a data directory, with its files utt2NAME: give it with --data")
    with faults:
        names.require(exp)
    with faults:
        require_there(data, folder)
    faults.tell()
    assert source is not None
    result = page.evaluate(
        exp,
        source,
        engine=engine,  # type: ignore[arg-type]
        by=by or (),
        plain=folder is not None,
        pattern=speaker_pattern,
    )
    stdout_json(result) if as_json else page.show(result)


@commands.command(rich_help_panel=PANEL)
def predict(
    exp: Exp,
    files: Annotated[list[Path], typer.Argument(help="Recordings, or images.", show_default=False)],
    windows: Annotated[
        str,
        typer.Option(
            "--windows",
            help="Answer to a long recording from its windows: highest, mean, or first, which hears one "
            "clip; default: highest for keywords, mean for scenes.",
        ),
    ] = "",
    resample: Resample = False,
    as_json: AsJson = False,
) -> None:
    """Name the word in each recording, or what is in each image.

    A recording of any rate, number of channels and length is heard whole. Windows as long as the model's
    clips slide over a longer one: its word is that of the highest window that is not background, and the
    scores of scenes are averaged. Background is any label that begins with _; models without are for scenes.

    EXP may also be an included model (audionas list models); a folder of that name comes first.

    Examples: audionas predict exp/mini my.wav other.flac --json; audionas predict kws12 my.mp3
    """
    from audionas.models import names
    from audionas.run import predict as page

    faults = Faults()
    if windows not in ("", "highest", "mean", "first"):
        faults.problems.append(f"--windows {windows}: expected highest, mean or first")
    with faults:
        names.require(exp)
    if faults:  # else the recordings that cannot be read are told together
        with faults:
            require_there(*files)
    faults.tell()
    rows = page.predict(exp, files, windows=windows or None)  # type: ignore[arg-type]
    if as_json:
        stdout_json(rows)
    else:
        say(*map(page.line, rows))


@commands.command(rich_help_panel=PANEL)
def export(
    exp: Exp,
    target: Annotated[
        str,
        typer.Option(
            "--target",
            help="Targets, separated by commas: onnx, onnx-stream, int8, litert, esphome; or all. "
            "For clips on a computer onnx is the fastest; onnx-stream, for listening, costs several times "
            "as much per second unless one call takes several --hops; int8 is for microcontrollers: on a "
            "computer it is no faster than float.",
        ),
    ] = "onnx",
    data: Annotated[
        Path | None, typer.Option("--data", help="Data to verify on; default: that of the last evaluation.")
    ] = None,
    calibrate: Annotated[
        Path | None, typer.Option("--calibrate", help="Data directory for int8; default: the training data.")
    ] = None,
    input: Annotated[
        str, typer.Option("--input", help="Input of ONNX files: waveform, or frames of the front-end.")
    ] = "waveform",
    pool: Annotated[
        str, typer.Option("--pool", help="Mean at a stream's end: window (exact), or exponential.")
    ] = "window",
    hops: Annotated[
        int,
        typer.Option(
            "--hops",
            help="Hops in one call of model.stream.onnx: with 12 a second of sound takes about a quarter of "
            "the time, and twelve scores come together.",
        ),
    ] = 1,
    fine_tune: Annotated[
        str,
        typer.Option(
            "--fine-tune", help="Fine-tuning for int8: auto (where it loses over 1 point), always, never."
        ),
    ] = "auto",
    as_json: AsJson = False,
) -> None:
    """Write a trained model as files for other runtimes, each verified against torch, to exp/NAME/export/.

    Beside them: labels.txt, golden.npz (inputs with their scores), model_card.md and report.json.

    Examples: audionas export exp/mini; audionas export exp/hey --target onnx-stream,litert,esphome;
    audionas export exp/hey --target all --data data/test
    """
    from audionas.models import names
    from audionas.run import export as page

    faults = Faults()
    targets = [word.strip() for word in target.split(",") if word.strip()]
    with faults:
        page.require_known(targets, hops, input=input, pool=pool, fine_tune=fine_tune)
    with faults:
        names.require(exp)
    with faults:
        require_there(data, calibrate)
    faults.tell()
    report = page.export(
        exp,
        data=data,
        targets=targets,
        calibrate=calibrate,
        input=input,  # type: ignore[arg-type]
        pool=pool,  # type: ignore[arg-type]
        hops=hops,
        fine_tune=fine_tune,  # type: ignore[arg-type]
    )
    stdout_json(report) if as_json else page.show(report)


@commands.command(rich_help_panel=PANEL)
def show(
    exp: Exp,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            "--limit",
            help="Pick the front's best network with COST at most MOST, as COST=MOST; may be repeated.",
        ),
    ] = None,
    sound: Annotated[
        bool,
        typer.Option("--audio/--no-audio", help="Put the sound of a few wrong clips into the report."),
    ] = True,
    live: Annotated[
        bool, typer.Option("--live", help="Write the report anew while the run goes on, then show its end.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a run found and how well it does; writes exp/NAME/report.html.

    Whoever gets the report can hear these clips: give private recordings --no-audio.

    Examples: audionas show exp/mini; audionas show exp/mini --live;
    audionas show exp/front --limit macs=1e6 --limit params=5e4
    """
    from audionas.run import show as page

    if live:
        page.follow(exp)
    result = page.gather(exp, limit or [], sound=sound)
    stdout_json(result) if as_json else page.show(result)


@commands.command(rich_help_panel=PANEL)
def push(
    exp: Exp,
    repo: Annotated[
        str, typer.Argument(metavar="OWNER/NAME", help="Repository on the hub.", show_default=False)
    ],
    licence: Annotated[
        str, typer.Option(help="Licence of the model, such as apache-2.0 or cc-by-4.0.", show_default=False)
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the files and the page; send nothing.")
    ] = False,
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    message: Annotated[str, typer.Option(help="Message of the commit.", show_default=False)] = "",
) -> None:
    """Send a model, its exported files and a page about it to the Hugging Face hub.

    The token is that of `hf auth login` or HF_TOKEN; HF_ENDPOINT names another server. Whatever takes a model
    reads it again: audionas predict hf://OWNER/NAME recording.wav

    Example: audionas push exp/mini anna/seven-words --licence cc-by-4.0 --dry-run
    """
    from audionas.run.ship.push import push as go

    go(exp, repo, licence=licence, dry_run=dry_run, private=private, message=message)
