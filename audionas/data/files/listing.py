"""The sound files of a folder; what looks like sound there and is left out is counted and named.

Everything that looks for sound in folders uses this.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter, amount
from audionas.data.audio import SUFFIXES
from audionas.data.files import ffmpeg

Say = Callable[[str], object]
_RAW = frozenset({".pcm", ".raw"})  # samples without a header: nothing tells their rate
_NEEDS = f"only ffmpeg reads them: {ffmpeg.GET}"
_HIDDEN = "hidden, or written by macOS beside the sound"
_LINKED = "links to a folder around them"
_GONE = "no files, or links to nothing"
_BARE = "samples without a header: convert them to WAV"


def sounds(
    folder: Path | str, say: Say | None = None, *, deep: bool = True, skip: Collection[str] = ()
) -> list[Path]:
    """The sound files below a folder, or, unless `deep`, directly in it, sorted.

    `say` (by default a note on standard error) is given one line for each reason for which something is left
    out. Folders named in `skip` are passed over. Links are followed, but not back to a folder around them.

    Raises UserError where a folder cannot be read.
    """
    root, kept, left = Path(folder), [], defaultdict(list)
    for file in _files(root, deep, skip):
        if (reason := _reason(file, root)) is not None:
            left[reason].append(file)
        else:
            kept.append(file)
    tell = say or Reporter().note
    if foreign := [file for file in kept if file.suffix.lower() in ffmpeg.SUFFIXES]:
        tell(f"{root}: {told(foreign, root)}: decoded by ffmpeg")
    for reason, files in left.items():
        tell(f"{root}: left out: {told(files, root)}: {reason}")
    return sorted(kept)


def holds(folder: Path | str) -> bool:
    """True where a sound file lies directly in the folder."""
    return any(_reason(file, Path(folder)) is None for file in _files(Path(folder), False, ()))


def known() -> str:
    """The suffixes that can be read here, for messages."""
    return " ".join(sorted(SUFFIXES | (ffmpeg.SUFFIXES if ffmpeg.found() else frozenset())))


def told(files: Sequence[Path], root: Path) -> str:
    """Files below a folder by suffix, with an example: `2 .m4a files (such as yes/a.m4a)`."""
    counts = Counter("folder" if file.is_dir() else f"{file.suffix.lower()} file" for file in files)
    kinds = ", ".join(amount(count, kind) for kind, count in counts.most_common())
    return f"{kinds} (such as {min(files).relative_to(root)})"


def _files(root: Path, deep: bool, skip: Collection[str]) -> Iterator[Path]:
    """Everything whose name looks like sound, and links that lead back."""
    looks = SUFFIXES | ffmpeg.SUFFIXES | _RAW
    for base, folders, names in os.walk(root, onerror=_refuse, followlinks=True):
        here = Path(base)
        yield from (here / name for name in names if os.path.splitext(name)[1].lower() in looks)
        if not deep:
            return
        around = [name for name in folders if (here / name).is_symlink() and _around(here, name)]
        yield from (here / name for name in around)
        folders[:] = sorted({*folders} - {*around} - {*skip})


def _around(here: Path, link: str) -> bool:
    """True where the link leads to a folder that this one lies in."""
    return here.resolve().is_relative_to((here / link).resolve())


def _refuse(error: OSError) -> None:
    raise UserError(f"{error.filename}: cannot be read ({error.strerror})")


def _reason(file: Path, root: Path) -> str | None:
    """Why a file that looks like sound is left out."""
    inside = file.relative_to(root).parts
    if any(part.startswith(".") or part == "__MACOSX" for part in inside):
        return _HIDDEN
    if file.is_symlink() and file.is_dir():
        return _LINKED
    if not file.is_file():
        return _GONE
    if file.suffix.lower() in _RAW:
        return _BARE
    return _NEEDS if file.suffix.lower() in ffmpeg.SUFFIXES and not ffmpeg.found() else None
