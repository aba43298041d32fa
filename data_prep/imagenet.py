"""Prepare ImageNet (ILSVRC 2012) from its archives: one folder per class in train and in val."""

from pathlib import Path
from typing import Annotated

import typer

from audionas.core.errors import UserError
from audionas.core.files import read_text, write_text
from audionas.core.hostile import command
from audionas.core.pool.ordered import cores
from audionas.core.reporter import Reporter, amount
from audionas.prep import ilsvrc, zips

LICENCE = (
    "licence: ImageNet's images belong to many owners; those who asked for access at image-net.org may use "
    "them for non-commercial research and teaching. Cite: O. Russakovsky et al., ImageNet Large Scale Visual "
    "Recognition Challenge, IJCV 2015"
)


def main(
    src: Annotated[Path, typer.Argument(help="Folder that holds the three archives.")],
    out: Annotated[Path, typer.Argument(help="Folder to write train/CLASS/*.JPEG and val/CLASS/*.JPEG to.")],
    sums: Annotated[
        list[str] | None, typer.Option("--md5", help="Accept an archive with this checksum; may be repeated.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that unpack side by side; default: one per core.")
    ] = None,
) -> None:
    """Unpack ImageNet's archives; run the same command to resume.

    Download them yourself: ImageNet asks its users to sign in. The command checks their MD5 once.

    Example: audionas prep imagenet downloads imagenet
    """
    reporter, src, out = Reporter(), src.resolve(), out.resolve()
    archives = [src / name for name in ilsvrc.MD5]
    if missing := [archive for archive in archives if not archive.is_file()]:
        raise UserError(
            [f"{archive}: missing" for archive in missing],
            hint="ILSVRC2012_img_train.tar, ILSVRC2012_img_val.tar and the development kit of tasks 1 and 2 "
            "are at image-net.org, after signing in.",
        )
    reporter.note(LICENCE)
    _check(archives, out, [text.lower() for text in sums or ()], workers or cores(), reporter)
    train, val, devkit = archives
    ilsvrc.unpack_train(train, out / "train", reporter, workers=workers)
    ilsvrc.unpack_val(val, out / "val", ilsvrc.classes_in_devkit(devkit), reporter, workers=workers)
    found = ilsvrc.counts(out)
    told = (
        f"{amount(found['classes'], 'class')}, {found['train']:,} training and "
        f"{found['val']:,} validation images"
    )
    whole = found == ilsvrc.COUNTS
    reporter.note(f"{out}: {told}{'' if whole else '; not all of ILSVRC 2012'}")
    reporter.note(f"next: {command('recipes/imagenet/run.sh', '--src', out)}")


def _check(archives: list[Path], out: Path, accept: list[str], workers: int, reporter: Reporter) -> None:
    """Check the MD5 of unchecked archives: 150 GB take a while."""
    marks = {archive: out / ".checked" / archive.name for archive in archives}
    seen = {archive: f"{(s := archive.stat()).st_size} {s.st_mtime_ns}\n" for archive in archives}
    left = [a for a in archives if not marks[a].is_file() or read_text(marks[a]) != seen[a]]
    zips.verify(left, ilsvrc.MD5, reporter, accept=accept, jobs=max(1, min(workers, len(left))))
    for archive in left:
        write_text(marks[archive], seen[archive])
