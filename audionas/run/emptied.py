"""The files of a phase of a run: `--overwrite` deletes those, one by one, and names what else lies there."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from audionas.core.files import drafted

_GROUP = r"[A-Za-z_]\w*\.safetensors"
MADE = re.compile(  # the paths, in the phase's folder, of what search, train, select and latency write
    "|".join(
        (
            r"(config\.yaml|(env|run|done|derive|init)\.json|(metrics|alphas|archive|times)\.jsonl)",
            r"events\.out\.tfevents\.[^/]+",
            r"ckpt/latest",
            rf"ckpt/(\d{{6,9}}|\.\d{{6,9}}\.draft)/(state\.json|{_GROUP})",
            r"models/[^/.][^/]*\.onnx",
            r"networks/[0-9a-f]+\.json",
        )
    )
)
_FOLDERS = re.compile(r"models|networks|ckpt(/(\d{6,9}|\.\d{6,9}\.draft))?")


def emptied(folder: Path) -> list[str]:
    """Delete what a phase has made in its folder; the names of what stays, sorted. Links are not followed."""
    for name in [*_paths(folder)]:
        if _made(folder, name):
            (folder / name).unlink()
    for place in (*folder.glob("ckpt/*"), *map(folder.joinpath, ("ckpt", "models", "networks"))):
        if place.is_dir() and not place.is_symlink() and _FOLDERS.fullmatch(str(place.relative_to(folder))):
            with suppress(OSError):  # something else is in it
                place.rmdir()
    return sorted(_paths(folder))


def known(folder: Path) -> list[str]:
    """The files in a folder that have the names of what a phase makes, sorted."""
    return sorted(name for name in _paths(folder) if _made(folder, name))


def _made(folder: Path, name: str) -> bool:
    """True for a file that a phase makes, for its draft, and for a link in the place of a folder of ours."""
    path = Path(name)
    whole = str(path.with_name(drafted(path.name) or path.name))
    linked = _FOLDERS.fullmatch(name) and (folder / name).is_symlink()
    return bool(MADE.fullmatch(whole) or linked)


def _paths(folder: Path) -> Iterator[str]:
    """The paths of the files in a phase's folder; a folder that no phase makes, or a link, is one name."""
    for place in folder.iterdir():
        yield from _below(folder, place)


def _below(folder: Path, place: Path) -> Iterator[str]:
    name = str(place.relative_to(folder))
    if place.is_symlink() or not place.is_dir() or not _FOLDERS.fullmatch(name):
        yield name
        return
    for inner in place.iterdir():
        yield from _below(folder, inner)
