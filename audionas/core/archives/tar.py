"""Tar archives, plain or compressed, opened with their whole listing checked."""

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from audionas.core.archives.archive import Archive, damaged, whole
from audionas.core.archives.listing import Member, checked
from audionas.core.reporter import Reporter

_MOST = 16 << 20  # bytes read at once: a header whose name claims more is a lie
_PACKED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}


@contextmanager
def open_tar(path: Path, within: tuple[int, int] | None = None) -> Iterator[Archive]:
    """Open a tar; `within` are the offset and the size in a file of one that is not compressed.

    One that ends with its last member, as some tools write it, is opened with a note (not `within`). Raises
    UserError where it is damaged, and with every member that may not be written.
    """
    with ExitStack() as stack, whole(path):
        raw = stack.enter_context(path.open("rb"))
        begin, size = within or (0, path.stat().st_size)
        raw.seek(begin)
        packed = raw if within else stack.enter_context(_unpacked(raw))
        stream: Any = _Bounded(packed, begin + size if within else None)
        tar = stack.enter_context(tarfile.open(fileobj=stream, mode="r:"))
        members = checked(path, map(_member, tar), size)
        ended = _ended(path, stream, tar.offset)
        keep = stack.pop_all()
    if not ended and within is None:
        Reporter().note(f"{path}: ends with its last member, {members[-1].name!r}, without an end mark")
    with keep:
        yield Archive(path, members, lambda entry: _present(tar.extractfile(entry)), ended)


class _Bounded(io.RawIOBase):
    """A stream of which at most so much is read at once, and nothing from `end` on."""

    def __init__(self, stream: IO[bytes], end: int | None) -> None:
        self._stream, self._end = stream, end

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes. Raises TarError where that is more than a header may ask for."""
        if not 0 <= size <= _MOST:
            raise tarfile.ReadError("a header claims more bytes than a name has")
        left = size if self._end is None else min(size, self._end - self._stream.tell())
        return self._stream.read(max(0, left))

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place; in a compressed stream, by reading."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """The place."""
        return self._stream.tell()


def _unpacked(raw: IO[bytes]) -> IO[bytes]:
    """The stream of what is compressed in a file, or the file itself."""
    magic = raw.read(5)
    raw.seek(0)
    opener: Any = next((o for start, o in _PACKED.items() if magic.startswith(start)), None)
    stream: IO[bytes] = opener(raw, "rb") if opener else raw
    return stream


def _member(entry: tarfile.TarInfo) -> Member:
    size = 0 if entry.isdir() else entry.size
    return Member(entry.name, size, entry.isdir(), _odd(entry), entry.offset_data, entry)


def _odd(entry: tarfile.TarInfo) -> str:
    """The reason why an entry is no plain file or folder, or an empty string."""
    if entry.issparse():
        return "is sparse: it writes more than the archive holds"
    if entry.size < 0:
        return "has an impossible size"
    return "" if entry.isreg() or entry.isdir() else "is a link or a device, not a file"


def _ended(path: Path, stream: _Bounded, offset: int) -> bool:
    """True where the listing ended at zeros, False where it ended at the end of the file.

    Raises UserError where there is something else, which tarfile does not say.
    """
    stream.seek(offset)
    rest = stream.read(_MOST)
    if rest.strip(b"\0"):
        raise damaged(path, f"it ends early, or is damaged at byte {offset:,}")
    return bool(rest)


def _present(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None, "a plain file has contents"
    return stream
