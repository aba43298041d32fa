"""Fetch public packs of speech and noise, in which nobody says a wake word."""

from pathlib import Path
from typing import Annotated

import typer

from audionas.core.hostile import command
from audionas.core.reporter import Reporter
from audionas.prep.packs import bring as packs
from audionas.prep.packs import known


def main(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PACK]...", help="Packs: see --list.", show_default=False),
    ] = None,
    to: Annotated[
        Path, typer.Option(help="Folder to put the packs in, each in a folder of its name.")
    ] = Path("negatives"),
    all_: Annotated[
        bool, typer.Option("--list", help="Print the packs that are known; fetch nothing.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print address, size, sum and licence; fetch nothing.")
    ] = False,
    mirror: Annotated[
        str, typer.Option(help="Address of another folder that has the archives, such as a mirror.")
    ] = "",
    sums: Annotated[
        list[str] | None,
        typer.Option("--sha256", help="Accept an archive with this checksum; may be repeated."),
    ] = None,
    md5: Annotated[
        list[str] | None,
        typer.Option("--md5", help="Accept an archive with this checksum; may be repeated."),
    ] = None,
) -> None:
    """Fetch sound without a wake word, speech, music and noise: for `audionas make --negatives` and tests.

    Prints address, size, sum and licence of each pack before; without a name, of librispeech-dev-clean.
    Run the same command to resume. Each archive is checked by its published sum, then unpacked. Tables beside
    the files tell speakers and, where known, what they say, so that the word itself is left out.

    Examples: audionas fetch negatives --list; audionas fetch negatives librispeech-dev-clean rirs-noises
    """
    chosen = known.packs(list(dict.fromkeys(names or ())) or (list(known.PACKS) if all_ else [DEFAULT]))
    printed, reporter = Reporter(stdout=True), Reporter()
    for name, pack in chosen.items():
        printed.note(*packs.lines(name, pack))
    if all_ or dry_run:
        return
    accept = [text.lower() for text in (*(sums or ()), *(md5 or ()))]
    folders = [
        packs.bring(name, pack, to.resolve(), reporter, mirror=mirror, accept=accept)
        for name, pack in chosen.items()
    ]
    options = [word for folder in folders for word in ("--negatives", folder)]
    example = command("audionas", "make", "FOLDER", "--for", "esp32-s3", "--minutes", "60", *options)
    printed.note(f"next: {example}")


DEFAULT = "librispeech-dev-clean"  # the smallest of those with transcripts
