"""An open archive: what it will write is compared with the disk and said, and no byte more is written."""

import errno
import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from audionas.core.archives.listing import Member, size_words
from audionas.core.errors import UserError
from audionas.core.reporter import Reporter, amount

_CHUNK = 1 << 20  # bytes copied per read
_DAMAGED = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError),
    *(OverflowError, UnicodeDecodeError),
)


@dataclass(frozen=True)
class Archive:
    """An open archive with its checked listing; `opened` gives the bytes of a member.

    A tar that is not `ended` lacks the zeros behind its last member, which is whole.
    """

    path: Path
    members: list[Member]
    opened: Callable[[Any], IO[bytes]]
    ended: bool = True

    @property
    def files(self) -> list[Member]:
        """The members that are no folders."""
        return [member for member in self.members if not member.folder]

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(member.size for member in self.members)

    def below(self, folder: str) -> "Archive":
        """The archive with only those members whose names begin with `folder`. Raises UserError for none."""
        kept = [member for member in self.members if member.name.startswith(folder)]
        if not kept:
            raise damaged(self.path, f"it holds nothing below {folder}")
        return replace(self, members=kept)

    def announce(self, reporter: Reporter) -> None:
        """Say what will be written."""
        files = amount(len(self.files), "file")
        reporter.note(f"{self.path.name} will write {size_words(self.size)} in {files}")

    def unpack(self, folder: Path, reporter: Reporter) -> None:
        """Say what will be written below `folder`, then write it.

        Raises UserError where the disk has no room for it, and as `extract` does.
        """
        require_room(str(self.path), self.size, folder)
        self.announce(reporter)
        label = f"unpacking {self.path.name}"
        for member in reporter.progress(self.members, label, len(self.members)):
            self.extract(member, folder)

    def extract(self, member: Member, folder: Path) -> None:
        """Write one member below `folder`, whole or not at all.

        Raises UserError where it is damaged, or has more or fewer bytes than its listing says.
        """
        target = folder / member.name
        if member.folder:
            target.mkdir(parents=True, exist_ok=True)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        own = zlib.crc32(self.path.name.encode(errors="surrogateescape"))  # archives may share a folder
        draft = target.with_name(f".{own:08x}.part")
        try:
            with draft.open("wb") as out:
                for chunk in self._chunks(member):
                    out.write(chunk)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)

    def read(self, member: Member) -> bytes:
        """The bytes of a member. Raises UserError as `extract` does."""
        return b"".join(self._chunks(member))

    def _chunks(self, member: Member) -> Iterator[bytes]:
        with whole(self.path), self.opened(member.entry) as stream:
            left = member.size
            while left >= 0 and (chunk := stream.read(min(_CHUNK, left + 1))):
                left -= len(chunk)
                if left >= 0:
                    yield chunk
        if left:
            raise damaged(self.path, f"{member.name!r} has not the bytes that its listing says")


def require_room(what: str, size: int, folder: Path) -> None:
    """Raise UserError where the disk of `folder` has no room for `size` bytes."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise UserError(
            f"{what}: would write {size_words(size)}, but only {size_words(free)} are free in {folder}",
            hint="Free some space, or prepare into a folder on another disk.",
        )


@contextmanager
def whole(path: Path) -> Iterator[None]:
    """Turn what reading a damaged archive raises inside the block into a UserError."""
    try:
        yield
    except _DAMAGED as error:
        raise damaged(path, error) from error
    except OSError as error:  # of a decompressor, without a number; or of a place before the file
        if error.errno not in (None, errno.EINVAL):
            raise
        raise damaged(path, error) from error


def damaged(path: Path, why: object) -> UserError:
    """The error for an archive that is not whole."""
    return UserError(f"{path}: not a whole archive ({why})", hint="Fetch it again.")
