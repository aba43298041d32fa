"""Zip archives, opened with their whole listing checked."""

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from audionas.core.archives.archive import Archive, whole
from audionas.core.archives.listing import Member, checked

_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others decompress a block at once, of any size
_KINDS = (0, 0o040000, 0o100000)  # of what Unix calls a file: not told, a folder, a file


@contextmanager
def open_zip(path: Path) -> Iterator[Archive]:
    """Open a zip. Raises UserError where it is damaged, and with every member that may not be written."""
    with ExitStack() as stack, whole(path):
        opened = stack.enter_context(zipfile.ZipFile(path))
        members = checked(path, map(_member, opened.infolist()), path.stat().st_size)
        keep = stack.pop_all()
    with keep:
        yield Archive(path, members, opened.open)


def _member(entry: zipfile.ZipInfo) -> Member:
    name = entry.orig_filename  # the other one ends at a null character
    folder = name.endswith("/")
    return Member(name, 0 if folder else entry.file_size, folder, _odd(entry), -1, entry)


def _odd(entry: zipfile.ZipInfo) -> str:
    """The reason why an entry is no plain file or folder, or an empty string."""
    if entry.flag_bits & 1:
        return "is encrypted"
    if entry.compress_type not in _PLAIN:
        return "is packed in a way that is not read: expected stored or deflated"
    return "" if (entry.external_attr >> 16) & 0o170000 in _KINDS else "is a link or a device, not a file"
