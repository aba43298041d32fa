"""The list of the files that commands have made in a folder: they replace and delete these, and no others."""

import json
import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from audionas.core.errors import UserError
from audionas.core.files import drop_draft, read_text, unwritten

LIST = ".audionas"  # in the folder; one path in it per line, entered before the file is written
_HEAD = "made by audionas, which may replace and delete these files:"
_ELSEWHERE = "Move them away, or work in another folder."


def claim(
    folder: Path,
    names: Iterable[str],
    *,
    earlier: Callable[[], Collection[str]] = tuple,
    hint: str = _ELSEWHERE,
) -> None:
    """Enter files, as paths in `folder`, that a command is about to write; sweep drafts of listed ones.

    Raises UserError, and enters nothing, where some of them exist and are in no list: they are somebody
    else's. `earlier` gives those made by versions that kept no list; it is called where it matters.
    """
    names = dict.fromkeys(names)
    listed = made(folder)
    new = [name for name in names if name not in listed]
    there = [name for name in new if os.path.lexists(folder / name)]
    known = earlier() if there else ()
    if foreign := [name for name in there if name not in known]:
        raise UserError(
            [f"{folder / name}: not made by audionas, and would be replaced" for name in foreign], hint=hint
        )
    _enter(folder, new)
    for name in sorted(listed | names.keys()):
        if _inside(folder, name):
            drop_draft(folder / name)


def made(folder: Path) -> set[str]:
    """The files in the folder's list; some may be gone by now. Raises UserError for another kind of file."""
    file = folder / LIST
    if not os.path.lexists(file):
        return set()
    head, *lines = read_text(file).split("\n")
    if file.is_symlink() or head != _HEAD:
        raise UserError(f"{file}: not a list of audionas", hint="Move it away.")
    return {name for line in lines if (name := _name(line))}


def delete(folder: Path, names: Iterable[str]) -> None:
    """Delete those of the files that the folder's list names; what lies behind a link stays."""
    for name in sorted(made(folder).intersection(names)):
        file = folder / name
        if _inside(folder, name) and file.is_file() and not file.is_symlink():
            file.unlink()


def _enter(folder: Path, names: Iterable[str]) -> None:
    """Append lines to the list, which processes may do at the same time."""
    file = folder / LIST
    text = "".join(f"{json.dumps(name)}\n" for name in names)
    if not text:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("a+b") as opened:
            opened.seek(0)
            before = opened.read()
            begin = "" if before.endswith(b"\n") else "\n" if before else f"{_HEAD}\n"
            opened.write(f"{begin}{text}".encode())
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        raise unwritten(file, error.errno) from error


def _name(line: str) -> str:
    """The path in a line; empty where a killed process has cut it off, or where it is no text."""
    try:
        name = json.loads(line) if line else ""
    except ValueError:
        return ""
    return name if isinstance(name, str) else ""


def _inside(folder: Path, name: str) -> bool:
    """True where a path leads to a place below the folder, through no link: a list may be a stranger's."""
    path = Path(name)
    plain = not path.is_absolute() and ".." not in path.parts and "\0" not in name and bool(path.parts)
    return plain and (folder / path).parent.resolve() == folder.resolve() / path.parent
