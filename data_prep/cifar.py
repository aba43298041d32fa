"""Prepare CIFAR-10 or CIFAR-100: fetch the binary archive, check its checksum and its images."""

from pathlib import Path
from typing import Annotated

import typer

from audionas.core.archives import download
from audionas.core.errors import UserError
from audionas.core.hostile import command
from audionas.core.reporter import Reporter, amount
from audionas.images import sets
from audionas.images.arrays import Part
from audionas.images.conf import Images

ADDRESS = "https://www.cs.toronto.edu/~kriz"
OFFICIAL = {  # SHA-256 as in TensorFlow Datasets
    "cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    "cifar-100-binary.tar.gz": "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
}
COUNTS: dict[Part, int] = {"train": 50_000, "test": 10_000}
LICENCE = (
    "licence: the authors state none. Cite: A. Krizhevsky, Learning Multiple Layers of Features from Tiny "
    "Images, technical report, University of Toronto, 2009"
)


def main(
    out: Annotated[Path, typer.Argument(help="Folder for the archive, which lies in OUT/download.")],
    classes: Annotated[int, typer.Option(help="Number of classes: 10 or 100.")] = 10,
    src: Annotated[Path | None, typer.Option(help="Archive that you have, in place of --download.")] = None,
    fetch: Annotated[bool, typer.Option("--download", help="Download the archive.")] = False,
    sums: Annotated[
        list[str] | None,
        typer.Option("--sha256", help="Accept an archive with this checksum; may be repeated."),
    ] = None,
) -> None:
    """Download or check the binary archive of CIFAR-10 or CIFAR-100, which the recipe reads as it is.

    Example: audionas prep cifar data --download --classes 10
    """
    reporter, name = Reporter(), f"cifar-{classes}-binary.tar.gz"
    if name not in OFFICIAL:
        raise UserError(f"--classes {classes}: expected 10 or 100")
    if fetch == (src is not None):
        raise UserError(f"expected --src {name}, or --download, and not both")
    accept = tuple(text.lower() for text in sums or ())
    archive = out.resolve() / "download" / name
    if src is None:
        download.fetch(f"{ADDRESS}/{name}", archive, reporter, official=OFFICIAL[name], accept=accept)
    else:
        if not src.is_file():
            raise UserError(f"--src {src}: no such file")
        download.verify(src, archive, official=OFFICIAL[name], accept=accept)
        archive = src
    reporter.note(LICENCE)
    for part, expected in COUNTS.items():
        found = sets.read(Images(path=str(archive)), part, reporter)
        told = "" if len(found.targets) == expected else f"; the published archive has {expected:,}"
        reporter.note(
            f"{part}: {amount(len(found.targets), 'image')} in {amount(len(found.labels), 'class')}{told}"
        )
    reporter.note(f"next: {command('recipes/cifar/run.sh', '--src', archive)}")
