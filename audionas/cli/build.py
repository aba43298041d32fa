"""The commands that find and train a network: check, search, train, cost, latency, list."""

from pathlib import Path
from typing import Annotated

import typer

from audionas.cli.options import AsJson, Conf, Overrides, Overwrite, Resume, Until
from audionas.core.errors import UserError
from audionas.core.reporter import stdout_json

PANEL = "Search"
commands = typer.Typer()
latency_app = typer.Typer(
    help="Measure the parts of a space, to look up how long a network takes.", no_args_is_help=True
)
commands.add_typer(latency_app, name="latency", rich_help_panel=PANEL)


@commands.command(rich_help_panel=PANEL)
def check(
    conf: Annotated[
        Path,
        typer.Argument(
            help="A YAML config; or a data directory, or a folder with train, dev, test.", show_default=False
        ),
    ],
    overrides: Overrides = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Repair a data directory; its old files stay in before_fix.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Validate a config against its data: sizes, costs, and how long a search or training will take.

    With a section compare or rank it tells what all runs of the study take. Of data directories: every fault,
    and what train, dev and test share.

    Examples: audionas check conf/search.yaml space.width=0.75; audionas check data;
    audionas check data/dev --fix
    """
    if conf.is_dir():
        from audionas.run import directories

        if overrides:
            raise UserError(
                f"{conf}: a folder takes no changes to a config", hint=f"Omit {' '.join(overrides)}."
            )
        found = directories.check(conf, fix=fix)
        stdout_json(found) if as_json else directories.show(found)
        return
    if fix:
        raise UserError(f"{conf}: --fix repairs data directories, and this is no folder")
    from audionas.config import load
    from audionas.study import check as page
    from audionas.study.compare import overrides_of

    result = page.check(load(conf, overrides_of(overrides or [])))
    stdout_json(result) if as_json else page.show(result)


@commands.command(rich_help_panel=PANEL)
def search(
    conf: Conf,
    overrides: Overrides = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    keep_supernet: Annotated[
        bool,
        typer.Option(
            "--keep-supernet", help="With --overwrite: keep the supernet and rerun only the searcher."
        ),
    ] = False,
    until: Until = 0,
) -> None:
    """Search a space for an architecture: writes exp/NAME/arch.json.

    With a section searcher the method trains a supernet, whose networks are then searched for several aims at
    once: also writes exp/NAME/front.json, and every scored network to exp/NAME/select/archive.jsonl.

    Example: audionas search conf/search.yaml method.name=darts seed=1 name=darts_1

    Example: audionas search conf/search.yaml method.name=fair_nas 'searcher={name: nsga2}' workers=2
    """
    from audionas.config import load
    from audionas.engine.processes import joined
    from audionas.run.search import search as go

    with joined():
        settings = load(conf, overrides or [])
        end = (lambda done: done >= until) if until else None
        go(settings, resume=resume, overwrite=overwrite, keep_supernet=keep_supernet, until=end)


@commands.command(rich_help_panel=PANEL)
def train(
    conf: Conf,
    overrides: Overrides = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    until: Until = 0,
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
        end = (lambda done: done >= until) if until else None
        go(load(conf, overrides or []), resume=resume, overwrite=overwrite, until=end)


@commands.command(rich_help_panel=PANEL)
def cost(
    network: Annotated[
        str,
        typer.Argument(help="A zoo name, an arch.json, a run folder or a genotype.", show_default=False),
    ],
    shape: Annotated[
        str, typer.Option("--input", help="Input shape CxFxT; default: the architecture's own.")
    ] = "",
    classes: Annotated[
        int, typer.Option(min=0, help="Number of classes; default: the architecture's own.")
    ] = 0,
    timed: Annotated[bool, typer.Option("--latency", help="Also time it in ONNX Runtime.")] = False,
    layers: Annotated[int, typer.Option(min=0, help="Number of cells, for a network made of cells.")] = 0,
    channels: Annotated[
        int, typer.Option(min=0, help="Channels of the first cells, for a network made of cells.")
    ] = 0,
    table: Annotated[
        Path | None, typer.Option("--table", help="Table of NAS-Bench-201 to look the cell up in.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Count parameters, multiply-adds, peak activation memory and weight bytes, per layer and in total.

    Examples: audionas cost tc_resnet8 --input 1x40x98 --classes 12;
    audionas cost exp/nb201 --table nasbench201.npz
    """
    from audionas.run import cost as page

    sizes = {name: size for name, size in (("layers", layers), ("channels", channels)) if size}
    result = page.cost(network, shape, classes, timed=timed, sizes=sizes, table_file=table)
    stdout_json(result) if as_json else page.show(result)


@latency_app.command("build")
def latency_build(
    conf: Conf,
    overrides: Overrides = None,
    check: Annotated[
        int, typer.Option(min=0, help="Number of whole networks to check the sums against.")
    ] = 20,
    threads: Annotated[int, typer.Option(min=1, help="Threads for ONNX Runtime.")] = 1,
    rounds: Annotated[
        int, typer.Option(min=1, help="Number of measurements of each part; the median counts.")
    ] = 10,
    shape: Annotated[
        str, typer.Option("--input", help="Input shape CxFxT; default: the shape of the config's data.")
    ] = "",
    classes: Annotated[int, typer.Option(min=0, help="Number of classes, with --input.")] = 0,
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
    file: Annotated[Path, typer.Argument(help="A latency.json, or its run folder.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Show what a latency table holds, and how well its sums agree with whole networks.

    Example: audionas latency show exp/here/latency.json
    """
    from audionas.run import latency as page

    stdout_json(page.as_json(file)) if as_json else page.show(file)


@commands.command("list", rich_help_panel=PANEL)
def list_(
    kind: Annotated[
        str,
        typer.Argument(
            help="Kind to list: methods, searchers, spaces, ops, zoo, models or devices.", show_default=False
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """List methods, searchers, spaces, ops (operations), zoo (networks), models (trained) or devices.

    Example: audionas list zoo --json
    """
    from audionas.run import listing

    if kind == "devices":
        from audionas.expert import devices  # it imports torch, which the other lists do without

        rows = devices.rows()
    else:
        rows = listing.rows(kind)
    stdout_json(rows) if as_json else listing.show(rows)
