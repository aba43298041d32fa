"""The list of the files that commands have made in a folder: they replace and delete these, and no others."""

import fcntl
import json
import os
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path

from audionas.core.errors import UserError
from audionas.core.files import drop_draft, parsed, read_text, unwritten

Earlier = Callable[[], Collection[str]]
LIST = ".audionas"  # in the folder; one path in it per line, entered before the file is written
_HEAD = "made by audionas, which may replace and delete these files:\n"
_ELSEWHERE = "Move them away, or work in another folder."


def claim(folder: Path, names: Iterable[str], *, earlier: Earlier = tuple, hint: str = _ELSEWHERE) -> None:
    """Enter files, as paths in `folder`, that a command is about to write; sweep drafts of listed ones.

    Raises UserError, and enters nothing, as `require_free`. Where there is no list yet, the existing ones of
    `earlier` are entered, too: those that a version without lists has made.
    """
    names = list(dict.fromkeys(names))
    require_free(folder, names, earlier=earlier, hint=hint)
    listed = _listed(folder, earlier)
    _enter(folder, [*sorted(listed), *(name for name in names if name not in listed)])
    for name in sorted(listed.union(names)):
        if _inside(folder, name):
            drop_draft(folder / name)


def require_free(
    folder: Path, names: Iterable[str], *, earlier: Earlier = tuple, hint: str = _ELSEWHERE
) -> None:
    """Raise UserError with those of `names` that exist and are in no list: they are somebody else's."""
    there = [name for name in dict.fromkeys(names) if os.path.lexists(folder / name)]
    listed = _listed(folder, earlier) if there else set()
    if foreign := [name for name in there if name not in listed]:
        raise UserError(
            [f"{folder / name}: not made by audionas, and would be replaced" for name in foreign], hint=hint
        )


def made(folder: Path) -> set[str]:
    """The files in the folder's list; some may be gone by now. Raises UserError for another kind of file."""
    return {name for line in _text(folder).split("\n")[1:] if (name := _name(line))}


def delete(folder: Path, names: Iterable[str]) -> None:
    """Delete those of the files that the folder's list names; what lies behind a link stays."""
    for name in sorted(made(folder).intersection(names)):
        file = folder / name
        if _inside(folder, name) and file.is_file() and not file.is_symlink():
            file.unlink()


def _listed(folder: Path, earlier: Earlier) -> set[str]:
    """The list, or what it will begin with."""
    if _text(folder):
        return made(folder)
    return {name for name in earlier() if os.path.lexists(folder / name)}


def _text(folder: Path) -> str:
    """The text of the list, from its head on; empty where there is none, or one whose head is cut off."""
    file = folder / LIST
    if not os.path.lexists(file):
        return ""
    text = read_text(file)
    if file.is_symlink() or not (text.startswith(_HEAD) or _HEAD.startswith(text)):
        raise UserError(f"{file}: not a list of audionas", hint="Move it away.")
    return text if text.startswith(_HEAD) else ""


def _enter(folder: Path, names: Iterable[str]) -> None:
    """Append those that the list lacks, under its head; other processes wait meanwhile."""
    file = folder / LIST
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("a+b") as opened:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(opened, fcntl.LOCK_EX)
            text = _text(folder)
            known = made(folder)
            lines = "".join(f"{json.dumps(name)}\n" for name in names if name not in known)
            if not text:
                opened.truncate(0)
            begin = "" if text.endswith("\n") else "\n" if text else _HEAD
            if begin or lines:
                opened.write(f"{begin}{lines}".encode())
                opened.flush()
                os.fsync(opened.fileno())
    except OSError as error:
        raise unwritten(file, error.errno) from error


def _name(line: str) -> str:
    """The path in a line; empty where a killed process has cut it off, or where it is no text."""
    try:
        name = parsed(line) if line else ""
    except ValueError:
        return ""
    return name if isinstance(name, str) else ""


def _inside(folder: Path, name: str) -> bool:
    """True where a path leads to a place below the folder, through no link: a list may be a stranger's."""
    path = Path(name)
    plain = not path.is_absolute() and ".." not in path.parts and "\0" not in name and bool(path.parts)
    return plain and (folder / path).parent.resolve() == folder.resolve() / path.parent
