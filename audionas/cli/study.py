"""The commands that compare methods, supernets with networks trained alone, values, finished runs."""

from pathlib import Path
from typing import Annotated

import typer

from audionas.cli.options import AsJson, Conf, Overrides, Overwrite, Resume
from audionas.core.reporter import stdout_json

PANEL = "Studies"
commands = typer.Typer()


@commands.command(rich_help_panel=PANEL)
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


@commands.command(rich_help_panel=PANEL)
def rank(
    conf: Conf, overrides: Overrides = None, resume: Resume = False, overwrite: Overwrite = False
) -> None:
    """Measure how well a supernet ranks networks: trains some of them alone, writes exp/NAME/rank/.

    Prints Kendall's tau-b, Spearman's rho and the regret of the supernet's best k, with 95 % intervals by
    bootstrap over networks and supernets. Finished trainings are kept, also for other supernets
    (rank.alone=FOLDER); a table of trained networks takes their place (rank.table=FILE).

    Example: audionas rank conf/fair.yaml rank.networks=30 rank.alone=exp/alone name=fair_0 --resume
    """
    from audionas.config import load
    from audionas.study.rank import rank as go

    go(load(conf, overrides or []), resume=resume, overwrite=overwrite)


@commands.command(rich_help_panel=PANEL)
def table(
    runs: Annotated[
        list[str], typer.Argument(help="Run folders, or a quoted pattern: 'exp/*'.", show_default=False)
    ],
    name: Annotated[
        str,
        typer.Option(
            help="Fields in the folders' names: '{network}_fold{fold}_{seed}'; rows differ in them."
        ),
    ] = "{run}",
    pool: Annotated[
        list[str] | None,
        typer.Option(
            "--pool",
            help="FIELD=clips, mean or spread: puts the field's runs into one row; may be repeated.",
            show_default=False,
        ),
    ] = None,
    columns: Annotated[
        str,
        typer.Option(
            help="Figures: dev, epochs, latency_us, search_s, train_s, or paths in the evaluation "
            "(per_class.*.f1; cost., done., env. and protocol. for those files; TITLE=PATH+PATH is a mean)."
        ),
    ] = "dev,accuracy,macro_f1,params,macs,search_s,train_s",
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against",
            help="Value of the first field: adds paired differences from it; may be repeated.",
            show_default=False,
        ),
    ] = None,
    metric: Annotated[
        str, typer.Option(help="Figure of the differences: accuracy or macro_f1.")
    ] = "accuracy",
    margin: Annotated[
        float | None,
        typer.Option(
            help="Points of a loss that counts: tells which rows are not inferior.", show_default=False
        ),
    ] = None,
    evaluation: Annotated[
        str,
        typer.Option("--eval", help="Evaluation in each run; 'eval/*.json' gives a row for each test set."),
    ] = "eval.json",
    form: Annotated[str, typer.Option("--format", help="md, csv or json.")] = "md",
    out: Annotated[
        Path | None, typer.Option(help="File to write instead of standard output.", show_default=False)
    ] = None,
) -> None:
    """Print one table of finished runs: figures with 95 % intervals, costs, paired differences.

    Examples: audionas table exp/*; audionas table 'exp/*' --name '{network}_{seed}' --pool seed=spread
    --against tc_resnet8; audionas table 'exp/*_fold[1-5]_*' --name '{network}_fold{fold}_{seed}'
    --pool fold=clips --columns macro_f1,params,macs
    """
    from audionas.study.table import Asked
    from audionas.study.table import table as go

    asked = Asked(name, pool or [], columns.split(","), against or [], metric, margin, evaluation, form, out)
    go(runs, asked)


@commands.command(rich_help_panel=PANEL)
def sweep(
    conf: Conf,
    overrides: Overrides = None,
    search_only: Annotated[bool, typer.Option("--search-only", help="Search, and train nothing.")] = False,
    resume: Resume = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Search and train with every combination of values: writes exp/NAME/sweep.csv, a row per run.

    An override that lists values, `seed=0,1,2`, is swept over. A config without a method, or with arch, is
    only trained.

    Example: audionas sweep conf/mini.yaml seed=0,1,2 search.epochs=10,30 name=epochs
    """
    from audionas.study import sweep as page

    rows = page.sweep(conf, overrides or [], trains=not search_only, resume=resume, overwrite=overwrite)
    stdout_json(rows) if as_json else page.show(rows)
