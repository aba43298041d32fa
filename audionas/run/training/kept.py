"""The files beside a training that were made from an earlier model."""

from contextlib import suppress
from pathlib import Path

from audionas.core.made import delete, made
from audionas.core.reporter import Reporter
from audionas.engine import checkpoint
from audionas.models.owned import TUNED, enter

_FOLDERS = ("model", "last", "export", "eval")
_BESIDE = ("eval.json", "scores.json", "report.html")


def forget(folder: Path) -> None:
    """Delete what was made from an earlier model, file by file of the run's list; name what stays."""
    enter(folder, ())  # what an earlier version made is in the list from now on
    if not made(folder).isdisjoint(TUNED):
        discard(folder / "export" / "int8")
    delete(folder, filter(_from_model, made(folder)))
    stay = []
    for place in map(folder.joinpath, _FOLDERS):
        if place.is_dir() and not place.is_symlink():
            with suppress(OSError):  # not empty
                place.rmdir()
            stay += [str(file.relative_to(folder)) for file in sorted(place.glob("*"))]
    if stay:
        Reporter().note(f"{folder}: --overwrite leaves what audionas has not made: {', '.join(stay)}")


def discard(folder: Path) -> None:
    """Delete what a fine-tuning has made in its folder, and the folder where nothing else is in it."""
    if folder.is_symlink() or folder.parent.is_symlink():
        return
    for file in (*(folder / Path(name).name for name in TUNED), *folder.glob("events.out.tfevents.*")):
        file.unlink(missing_ok=True)
    checkpoint.discard(folder / "ckpt")
    with suppress(OSError):
        folder.rmdir()


def _from_model(name: str) -> bool:
    return name in _BESIDE or name.partition("/")[0] in _FOLDERS
