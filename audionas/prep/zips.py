"""Zip archives of a corpus published in parts: checking their MD5, unpacking them into one tree."""

import errno
import hashlib
import shutil
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from audionas.core import download
from audionas.core.errors import UserError
from audionas.core.files import read_text, write_text
from audionas.core.reporter import Reporter

_CHUNK = 1 << 20  # bytes hashed or copied per read
_LINK = 0o120000  # the file type of a symbolic link in a zip's external attributes


def md5(path: Path) -> str:
    """Hex MD5 of a file's bytes, as Zenodo publishes it. It reveals damage, not malice."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def fetch(url: str, path: Path, reporter: Reporter, *, official: str, accept: Sequence[str] = ()) -> None:
    """Download `url` to `path`, resuming where an earlier call stopped, and check its MD5.

    Raises UserError as `download.fetch` does, and for a wrong MD5; the file is then deleted.
    """
    whole = path.exists()
    if not whole:
        download.fetch(url, path, reporter)
    try:
        verify([path], {path.name: official}, reporter, accept=accept)
    except UserError:
        if not whole:
            path.unlink()
            path.with_name(f"{path.name}.sha256").unlink(missing_ok=True)
        raise


def verify(
    archives: Sequence[Path],
    official: Mapping[str, str],
    reporter: Reporter,
    *,
    accept: Sequence[str] = (),
    jobs: int = 1,
) -> dict[Path, str]:
    """The MD5 of each archive, computed by `jobs` threads; `official` has the published sums by name.

    Raises one UserError with every archive whose sum is neither the published one nor in `accept`.
    """
    with ThreadPoolExecutor(jobs) as pool:
        sums = reporter.progress(pool.map(md5, archives), "checking archives", len(archives))
        found = dict(zip(archives, sums, strict=True))
    wrong = [
        f"{archive}: its MD5 is {digest}, the published one is {official.get(archive.name, 'unknown')}"
        for archive, digest in found.items()
        if digest != official.get(archive.name) and digest not in accept
    ]
    if wrong:
        raise UserError(wrong, hint="Fetch them again. To accept an archive anyway, give --md5 with its sum.")
    return found


def merge(sums: Mapping[Path, str], folder: Path, reporter: Reporter, *, jobs: int = 1) -> None:
    """Unpack archives into one `folder`, `jobs` at a time; `sums` has the MD5 of each.

    A completely unpacked archive leaves a mark with its sum, so a later call resumes with the others.

    Raises:
        UserError: a member would land outside the folder or is a link, or an archive is damaged.
    """
    marks = {archive: folder / ".unpacked" / f"{archive.name}.md5" for archive in sums}
    left = [
        archive
        for archive, digest in sums.items()
        if not marks[archive].is_file() or read_text(marks[archive]).strip() != digest
    ]
    if not left:
        return
    _require_room(left, folder)

    def unpack(archive: Path) -> None:
        _extract(archive, folder)
        write_text(marks[archive], f"{sums[archive]}\n")

    with ThreadPoolExecutor(jobs) as pool:
        running = [pool.submit(unpack, archive) for archive in left]
        for done in reporter.progress(as_completed(running), "unpacking archives", len(running)):
            done.result()


def _extract(archive: Path, folder: Path) -> None:
    """Extract all members below `folder`, each completely or not at all; zipfile checks their CRCs."""
    members = _members(archive)
    try:
        with zipfile.ZipFile(archive) as opened:
            for member in members:
                target = folder / member.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                draft = target.with_name(f".{target.name}.{archive.name}.part")  # parts may share a read-me
                with opened.open(member) as source, draft.open("wb") as out:
                    shutil.copyfileobj(source, out, _CHUNK)
                draft.replace(target)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        if (
            isinstance(error, OSError) and error.errno != errno.EINVAL
        ):  # EINVAL: its table points outside of it
            raise
        raise UserError(f"{archive}: damaged ({error})", hint="Fetch it again.") from error


def _members(archive: Path) -> list[zipfile.ZipInfo]:
    """The files of an archive. Raises UserError for one that is not a zip or has an unsafe path."""
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [member for member in opened.infolist() if not member.is_dir()]
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(f"{archive}: not a complete zip archive ({error})", hint="Fetch it again.") from error
    seen: set[str] = set()
    for member in members:
        download.inside(archive, member.filename)
        download.require_single(archive, member.filename, seen)
        if (member.external_attr >> 16) & 0o170000 == _LINK:
            raise UserError(f"{archive}: refused: '{member.filename}' is a link, not a file")
    return members


def _require_room(archives: Sequence[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    needed = sum(member.file_size for archive in archives for member in _members(archive))
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"{folder}: the archives hold {needed / 1e9:.1f} GB, but only {free / 1e9:.1f} GB are free there",
            hint="Free some space, or prepare into a folder on another disk.",
        )
