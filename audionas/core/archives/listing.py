"""The members of an archive, checked before anything is written: names, kinds, twins, and the sum."""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from audionas.core.errors import Problem, UserError
from audionas.core.reporter import amount

MOST_FILES = 2_000_000  # members of an archive
MOST_GROWTH = 200  # bytes written for each byte of an archive; deflate reaches 1,030
SMALL = 64_000_000  # bytes that any archive may write
MARKS = ".unpacked"  # our own name in a folder: what has been unpacked there
_LONGEST, _LONGEST_PART = 1024, 255  # bytes of a name, and of each of its parts
_HEADER = 512  # bytes that a member counts besides its contents
_OWN = "If you trust it, unpack it yourself and name its folder."


class Member(NamedTuple):
    """A file or folder; `odd` says why it is neither, `offset` where its bytes begin in a plain tar."""

    name: str
    size: int
    folder: bool
    odd: str
    offset: int
    entry: Any  # of tarfile or zipfile


def checked(path: Path, members: Iterable[Member], packed: int) -> list[Member]:
    """The members of an archive of `packed` bytes, of which the first that is too much ends the listing.

    Raises UserError with every member that may not be written.
    """
    found, problems, size = list[Member](), list[str](), 0
    names: dict[str, bool] = {}
    for member in members:
        if why := _fault(member.name, folder=member.folder) or member.odd or _taken(member, names):
            problems.append(Problem(path, "refused: {:.300} {}", repr(member.name), why))
        found.append(member)
        size += member.size + _HEADER
        if why := _grown(len(found), size, packed):
            problems.append(f"{path}: refused: {why}")
            break
    if problems:
        raise UserError(problems, hint=_OWN)
    return found


def size_words(size: int) -> str:
    """A number of bytes such as `1.2 GB`, `300.0 MB` or `12 bytes`."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:,.1f} {unit}"
    return amount(size, "byte")


def _grown(count: int, size: int, packed: int) -> str:
    """The reason why so many members of so many bytes are too much, or an empty string."""
    if count > MOST_FILES:
        return f"it holds more than {amount(MOST_FILES, 'file')}"
    if size > max(SMALL, MOST_GROWTH * packed):
        most = size_words(max(SMALL, MOST_GROWTH * packed))
        return f"its {size_words(packed)} would become more than {most}"
    return ""


def _fault(name: str, *, folder: bool) -> str:
    """The reason why a name may not be written, or an empty string."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or re.match("[A-Za-z]:", name):
        return "would be written outside its folder"
    sizes = [len(part.encode(errors="surrogateescape")) for part in path.parts]
    long = sum(sizes) + len(sizes) > _LONGEST or max(sizes, default=0) > _LONGEST_PART
    if long or not name or not name.isprintable() or not (sizes or folder):
        return "cannot name a file"
    return "is a name of audionas" if sizes and path.parts[0] == MARKS else ""


def _taken(member: Member, names: dict[str, bool]) -> str:
    """Add a name, with True for a file's; the reason why it cannot stand beside those before it.

    Names that differ only in the case of letters are one name: on some disks they are.
    """
    path = PurePosixPath(member.name.casefold())
    if any(names.get(str(above)) for above in path.parents):
        return "lies in what is a file"
    before = names.get(str(path))
    if before is not None and (before or not member.folder):
        return "is there twice"
    names[str(path)] = not member.folder
    for above in path.parents:
        names.setdefault(str(above), False)
    return ""
