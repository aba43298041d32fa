"""The command line: verbs only, no logic. Exit status 0 done, 1 the user can fix it, 70 a bug of ours."""

import errno
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from audionas import __version__
from audionas.cli.data import (
    AsJson,
    Conf,
    Overrides,
    Overwrite,
    latency_app,
    prep_app,
    recipe_app,
    register_preps,
)
from audionas.cli.listen import wake_app
from audionas.core.errors import UserError
from audionas.core.reporter import Reporter, stdout_json

FIXABLE, BUG, INTERRUPTED = 1, 70, 130
PARALLEL = ("search", "train")  # what torchrun may start in several processes
FIXABLE_SYSTEM = {  # what the file system says that a user can put right
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT),
    *(errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG),
}

app = typer.Typer(
    name="audionas",
    help="Neural architecture search for audio: from recordings to a small, fast keyword model.",
    epilog="Start here: recipes/mini/run.sh, or: audionas recipe copy mini my_words",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(prep_app, name="prep")
app.add_typer(recipe_app, name="recipe")
app.add_typer(latency_app, name="latency")
app.add_typer(wake_app)

Resume = Annotated[
    bool, typer.Option("--resume", help="Go on where an unfinished run was; start if there is none.")
]
Exp = Annotated[Path, typer.Argument(help="A run folder, such as exp/mini.", show_default=False)]
Resample = Annotated[bool, typer.Option("--resample", help="Convert recordings of another sample rate.")]


def run() -> None:
    """The entry point of `audionas` and `python -m audionas`."""
    # torch's threads soon sleep while they wait: long spinning slows a run down many times on a busy machine
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    sys.path.append(os.getcwd())  # so that a config can name a class of a file beside it
    try:
        register_preps()
        app()
    except UserError as error:
        Reporter().note(f"error: {error}")
        sys.exit(FIXABLE)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            Reporter().note(
                "interrupted; the same command goes on where it was (search, compare, train: with --resume)"
            )
        sys.exit(FIXABLE if stop.code == 2 else stop.code)  # 2: a wrong option, which the user can fix
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FIXABLE_SYSTEM:
            Reporter().note(f"error: {error.filename or 'writing'}: {error.strerror}")
            sys.exit(FIXABLE)
        traceback.print_exc()
        Reporter().note(f"This is a bug in audionas {__version__}. Please report it with the lines above.")
        sys.exit(BUG)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Neural architecture search for audio: from recordings to a small, fast keyword model."""
    if version:
        print(__version__)
        raise typer.Exit
    if "TORCHELASTIC_RUN_ID" in os.environ and context.invoked_subcommand not in PARALLEL:
        raise UserError(
            f"torchrun starts {' and '.join(PARALLEL)}; {context.invoked_subcommand} runs in one process"
        )


@app.command()
def check(conf: Conf, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Validate a config against its data: sizes, costs, and how long a search or training will take.

    Example: audionas check conf/search.yaml space.width=0.75
    """
    from audionas.config import load
    from audionas.run import check as page

    result = page.check(load(conf, overrides or []))
    stdout_json(result) if as_json else page.show(result)


@app.command()
def search(
    conf: Conf,
    overrides: Overrides = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    keep_supernet: Annotated[
        bool, typer.Option("--keep-supernet", help="With --overwrite: only the searcher begins anew.")
    ] = False,
) -> None:
    """Search a space for an architecture: writes exp/NAME/arch.json.

    With a section searcher the method trains a supernet, whose networks are then searched for several aims at
    once: writes exp/NAME/front.json as well, and every scored network to exp/NAME/select/archive.jsonl.

    Example: audionas search conf/search.yaml method.name=darts seed=1 name=darts_1

    Example: audionas search conf/search.yaml method.name=fair_nas 'searcher={name: nsga2}' workers=2
    """
    from audionas.config import load
    from audionas.engine.processes import joined
    from audionas.run.search import search as go

    with joined():
        settings = load(conf, overrides or [])
        go(settings, resume=resume, overwrite=overwrite, keep_supernet=keep_supernet)


@app.command()
def compare(
    conf: Conf, overrides: Overrides = None, resume: Resume = False, overwrite: Overwrite = False
) -> None:
    """Search with every method and seed under one budget: writes exp/NAME/compare.html, .md and .csv.

    Example: audionas compare conf/search.yaml methods=darts,gdas seeds=0,1,2 name=duel
    """
    from audionas.config import load
    from audionas.study.compare import compare as go
    from audionas.study.compare import overrides_of

    go(load(conf, overrides_of(overrides or [])), resume=resume, overwrite=overwrite)


@app.command()
def rank(
    conf: Conf, overrides: Overrides = None, resume: Resume = False, overwrite: Overwrite = False
) -> None:
    """Ask how well a supernet ranks networks: trains some of them alone, writes exp/NAME/rank/.

    Prints Kendall's tau-b, Spearman's rho and the regret of the supernet's best k, with 95 % intervals by
    bootstrap over networks. Finished trainings are kept, also for other supernets (rank.alone=FOLDER).

    Example: audionas rank conf/fair.yaml rank.networks=30 rank.alone=exp/alone name=fair_0 --resume
    """
    from audionas.config import load
    from audionas.study.rank import rank as go

    go(load(conf, overrides or []), resume=resume, overwrite=overwrite)


@app.command()
def train(
    conf: Conf, overrides: Overrides = None, resume: Resume = False, overwrite: Overwrite = False
) -> None:
    """Train an architecture, from scratch or from the weights of train.init: writes exp/NAME/model/.

    Examples: audionas train conf/train.yaml arch=exp/search/arch.json;
    audionas train conf/train.yaml arch=tc_resnet8 name=baseline;
    audionas train conf/train.yaml train.init=exp/baseline name=again
    """
    from audionas.config import load
    from audionas.engine.processes import joined
    from audionas.run.train import train as go

    with joined():
        go(load(conf, overrides or []), resume=resume, overwrite=overwrite)


@app.command("eval")
def evaluate(
    exp: Exp,
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            help="A Kaldi data directory such as data/test; for images their archive, file or folder.",
            show_default=False,
        ),
    ],
    engine: Annotated[str, typer.Option(help="torch, or onnx to run the exported file.")] = "torch",
    resample: Resample = False,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", help="Figures of each group that DATA/utt2NAME tells; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Accuracy with its 95 % interval over speakers (or images), per-class figures, confusion matrix.

    Examples: audionas eval exp/mini --data data/test --engine onnx;
    audionas eval exp/scenes --data data/test --by device
    """
    from audionas.data.conf import Data
    from audionas.run import evaluate as page

    if engine not in ("torch", "onnx"):
        raise UserError(f"--engine {engine}: expected torch or onnx")
    result = page.evaluate(exp, data, engine=engine, data=Data(resample=resample), by=by or ())  # type: ignore[arg-type]
    stdout_json(result) if as_json else page.show(result)


@app.command()
def predict(
    exp: Exp,
    files: Annotated[list[Path], typer.Argument(help="Recordings, or images.", show_default=False)],
    resample: Resample = False,
    as_json: AsJson = False,
) -> None:
    """Name the word in each recording, or what is in each image.

    EXP may also be a model that comes along (audionas list models); a folder of that name here comes first.

    Examples: audionas predict exp/mini my.wav other.flac --json; audionas predict kws12 my.wav
    """
    from audionas.run.predict import predict as go

    rows = go(exp, files, resample=resample)
    if as_json:
        stdout_json(rows)
    else:
        for row in rows:
            print(f"{row['file']}  {row['label']}  {row['scores'][row['label']]:.3f}")


@app.command()
def export(
    exp: Exp,
    target: Annotated[
        str,
        typer.Option("--target", help="onnx, onnx-stream, int8, litert, esphome, with commas between; all."),
    ] = "onnx",
    data: Annotated[
        Path | None, typer.Option("--data", help="What to verify on; default: what was last evaluated.")
    ] = None,
    calibrate: Annotated[
        Path | None, typer.Option("--calibrate", help="Data directory for int8; default: the training data.")
    ] = None,
    input: Annotated[
        str, typer.Option("--input", help="What ONNX files take: waveform, or frames of the front-end.")
    ] = "waveform",
    pool: Annotated[
        str, typer.Option("--pool", help="The mean at a stream's end: window (exact), or exponential.")
    ] = "window",
    fine_tune: Annotated[
        str, typer.Option("--fine-tune", help="For int8: auto (where it loses over 1 point), always, never.")
    ] = "auto",
    as_json: AsJson = False,
) -> None:
    """Write a trained model as files for other runtimes, each verified against torch, to exp/NAME/export/.

    Beside them: labels.txt, golden.npz (inputs with their scores), model_card.md and report.json.

    Examples: audionas export exp/mini; audionas export exp/hey --target onnx-stream,litert,esphome;
    audionas export exp/hey --target all --data data/test
    """
    from audionas.run import export as page

    for name, given, known in (
        ("input", input, ("waveform", "frames")),
        ("pool", pool, ("window", "exponential")),
        ("fine-tune", fine_tune, ("auto", "always", "never")),
    ):
        if given not in known:
            raise UserError(f"--{name} {given}: expected {' or '.join(known)}")
    targets = [word.strip() for word in target.split(",") if word.strip()]
    report = page.export(
        exp,
        data=data,
        targets=targets,
        calibrate=calibrate,
        input=input,  # type: ignore[arg-type]
        pool=pool,  # type: ignore[arg-type]
        fine_tune=fine_tune,  # type: ignore[arg-type]
    )
    stdout_json(report) if as_json else page.show(report)


@app.command()
def cost(
    network: Annotated[
        str,
        typer.Argument(help="A zoo name, an arch.json, a run folder or a genotype.", show_default=False),
    ],
    shape: Annotated[str, typer.Option("--input", help="CxFxT; default: the architecture's own.")] = "",
    classes: Annotated[int, typer.Option(min=0, help="Classes; default: the architecture's own.")] = 0,
    timed: Annotated[bool, typer.Option("--latency", help="Time it in ONNX Runtime as well.")] = False,
    layers: Annotated[int, typer.Option(min=0, help="Cells, where it is made of cells.")] = 0,
    channels: Annotated[int, typer.Option(min=0, help="Channels of the first cells.")] = 0,
    table: Annotated[
        Path | None, typer.Option("--table", help="A table of NAS-Bench-201 to look the cell up in.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Parameters, multiply-adds, peak activation memory and weights in bytes, per layer and in sum.

    Examples: audionas cost tc_resnet8 --input 1x40x98 --classes 12;
    audionas cost exp/nb201 --table nasbench201.npz
    """
    from audionas.run import cost as costs

    sizes = {name: size for name, size in (("layers", layers), ("channels", channels)) if size}
    result = costs.cost(network, shape, classes, timed=timed, sizes=sizes, table_file=table)
    stdout_json(result) if as_json else costs.show(result)


@app.command("list")
def list_(
    kind: Annotated[
        str, typer.Argument(help="methods, searchers, spaces, ops, zoo or models", show_default=False)
    ],
    as_json: AsJson = False,
) -> None:
    """What there is: methods, searchers, spaces, ops (operations), zoo (networks), models (trained).

    Example: audionas list zoo --json
    """
    from audionas.run import listing

    rows = listing.rows(kind)
    stdout_json(rows) if as_json else listing.show(rows)


@app.command()
def show(
    exp: Exp,
    limit: Annotated[
        list[str] | None,
        typer.Option("--limit", help="Pick the front's best within it, COST=MOST; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What a run found and how well it does; writes exp/NAME/report.html.

    Examples: audionas show exp/mini; audionas show exp/front --limit macs=1e6 --limit params=5e4
    """
    from audionas.run import show as page

    result = page.gather(exp, limit or [])
    stdout_json(result) if as_json else page.show(result)
