"""Prepare data from the lists of other toolkits: wekws data.list, NeMo manifest, SpeechBrain CSV."""

from pathlib import Path
from typing import Annotated

import typer

from audionas.core.errors import Faults, did_you_mean
from audionas.core.files import require_there
from audionas.core.reporter import Reporter
from audionas.data import readers
from audionas.prep import intake


def main(
    out: Annotated[Path, typer.Argument(help="Folder to write train, dev, test and labels.txt to.")],
    train: Annotated[Path, typer.Option(help="List of the training clips.")],
    dev: Annotated[Path | None, typer.Option(help="List of the validation clips.")] = None,
    test: Annotated[Path | None, typer.Option(help="List of the test clips.")] = None,
    form: Annotated[
        str, typer.Option("--format", help="Format of the lists: wekws, nemo or speechbrain.")
    ] = "wekws",
    words: Annotated[
        Path | None,
        typer.Option(help="List of a word and its number per line, where labels are numbers (wekws)."),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(help="Folder that relative audio paths start from; default: the list's own folder."),
    ] = None,
    rate: Annotated[int, typer.Option(help="Sample rate in Hz that every clip must have.")] = 16_000,
    on_bad: Annotated[str, typer.Option(help=intake.ON_BAD_HELP)] = "error",
    resample: Annotated[
        bool,
        typer.Option("--resample", help="Convert other rates and channels: writes copies to OUT/resampled."),
    ] = False,
    workers: Annotated[int | None, typer.Option(help="Processes that decode; default: one per core.")] = None,
) -> None:
    """Prepare data that another toolkit has listed, and keep its splits.

    Example: audionas prep manifest data --format nemo --train train.json --dev dev.json --test test.json
    """
    reporter = Reporter()
    faults = Faults()
    with faults:
        intake.check_on_bad(on_bad)
    if form not in readers.FORMATS:
        told = f"expected one of {', '.join(readers.FORMATS)}.{did_you_mean(form, readers.FORMATS)}"
        faults.problems.append(f"--format {form}: {told}")
    with faults:
        require_there(train, dev, test, words)
    faults.tell()
    out = out.resolve()
    lists = {split: path for split, path in (("train", train), ("dev", dev), ("test", test)) if path}
    splits = {
        split: readers.FORMATS[form](path, root.resolve() if root else "") for split, path in lists.items()
    }
    if words:
        by_number = readers.words(words)
        splits = {split: readers.named(items, by_number) for split, items in splits.items()}
    converted = out / "resampled" if resample else None
    intake.reserve(out, splits, converted=converted)
    splits = intake.take(
        splits,
        rate=rate,
        on_bad=on_bad,
        converted=converted,
        reporter=reporter,
        log=out / intake.LOG,
        workers=workers,
    )
    labels = sorted({item.label for items in splits.values() for item in items})
    if numbers := [label for label in labels if label.isdecimal()]:
        reporter.note(
            f"attention: the labels {', '.join(numbers)} are numbers; name the words with "
            "--words FILE, which has a word and its number per line"
        )
    intake.store(out, splits, labels, reporter, on_bad=on_bad, changes=intake.at_rate(rate))
