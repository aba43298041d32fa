"""Zip archives of a corpus published in parts: checking their MD5, unpacking them into one tree."""

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path

from audionas.core.archives import download
from audionas.core.archives.archive import Archive, require_room
from audionas.core.archives.listing import MARKS
from audionas.core.archives.zip import open_zip
from audionas.core.errors import UserError
from audionas.core.files import read_text, write_text
from audionas.core.reporter import Reporter

_CHUNK = 1 << 20  # bytes hashed per read


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
        UserError: an archive is damaged, has members that may not be written, or all together have more than
            the disk has room for (`core.archives`).
    """
    marks = {archive: folder / MARKS / f"{archive.name}.md5" for archive in sums}
    left = [
        archive
        for archive, digest in sums.items()
        if not marks[archive].is_file() or read_text(marks[archive]).strip() != digest
    ]
    if not left:
        return
    folder.mkdir(parents=True, exist_ok=True)

    def unpack(archive: Archive) -> None:
        for member in archive.members:
            archive.extract(member, folder)
        write_text(marks[archive.path], f"{sums[archive.path]}\n")

    with ExitStack() as stack, ThreadPoolExecutor(jobs) as pool:
        opened = [stack.enter_context(open_zip(archive)) for archive in left]
        require_room(", ".join(map(str, left)), sum(archive.size for archive in opened), folder)
        for archive in opened:
            archive.announce(reporter)
        running = [pool.submit(unpack, archive) for archive in opened]
        for done in reporter.progress(as_completed(running), "unpacking archives", len(running)):
            done.result()
