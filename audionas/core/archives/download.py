"""Archives from afar: downloads that resume, checksums that must match, folders that are whole."""

import re
import shutil
from collections.abc import Mapping, Sequence
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from audionas.core.archives.listing import MARKS
from audionas.core.archives.tar import open_tar
from audionas.core.archives.zip import open_zip
from audionas.core.errors import UserError
from audionas.core.files import read_text, sha256, write_text
from audionas.core.reporter import Reporter

ARCHIVES = (".tar.gz", ".tgz", ".tar")
_MIB = 1 << 20  # bytes requested at a time
_TIMEOUT = 60.0  # seconds without a byte


def fetch(
    url: str, path: Path, reporter: Reporter, *, official: str | None = None, accept: Sequence[str] = ()
) -> str:
    """Download `url` to `path` and return its SHA-256; a file that is already there is only verified.

    The bytes go to `path.part` first. An interrupted download resumes from there, in this call as
    long as the server sends anything, else in the next one. See `verify` for the checksum.

    Raises:
        UserError: the address answers with an error, the connection breaks, or the checksum is
            wrong (the broken file is then deleted).
    """
    if path.exists():
        return verify(path, path, official=official, accept=accept)
    part = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    while not _attempt(url, part, reporter):
        pass
    try:
        digest = verify(part, path, official=official, accept=accept)
    except UserError:
        part.unlink()
        raise
    part.replace(path)
    return digest


def verify(file: Path, name: Path, *, official: str | None = None, accept: Sequence[str] = ()) -> str:
    """The SHA-256 of `file`, once it is verified; `name` is the file's path, now or later.

    The expected sum is `official` or one in `accept`; without either, the one recorded beside `name`
    (`NAME.sha256`), which is written when an archive is first seen.

    Raises UserError where the sum differs.
    """
    digest = sha256(file)
    record = name.with_name(f"{name.name}.sha256")
    recorded = read_text(record)[:64] if record.exists() and not official else None
    expected = official or recorded
    if accept and digest != official and digest not in accept:
        raise UserError(f"{name}: its SHA-256 is {digest}, --sha256 says {' or '.join(accept)}")
    if expected and digest != expected and digest not in accept:
        where = "the published one is" if official else f"{record} says"
        raise UserError(
            f"{name}: its SHA-256 is {digest}, {where} {expected}",
            hint=f"The file is damaged or was changed. If you trust it: --sha256 {digest}",
        )
    if digest not in (official, recorded):
        write_text(record, f"{digest}  {name.name}\n")
    return digest


def opened(
    source: Path,
    out: Path,
    reporter: Reporter,
    *,
    official: Mapping[str, str] | None = None,
    accept: Sequence[str] = (),
) -> Path:
    """The folder of a corpus: `source` itself, or `OUT/audio/<archive>` with the archive `source` unpacked.

    `official` maps an archive's name to its published sum; see `verify`. Raises UserError where `source` is
    neither a folder nor an archive, and as `verify` and `unpack` do.
    """
    if source.is_dir():
        return source
    if not source.is_file() or not source.name.endswith(ARCHIVES):
        raise UserError(f"{source}: neither a folder nor an archive ({' '.join(ARCHIVES)})")
    record = out / "download" / source.name
    digest = verify(source, record, official=(official or {}).get(source.name), accept=accept)
    return unpacked(source, out, digest, reporter)


def unpacked(archive: Path, out: Path, digest: str, reporter: Reporter) -> Path:
    """Unpack `archive` as `unpack` does into `OUT/audio/<archive>`, and return that folder."""
    stem = next(archive.name.removesuffix(suffix) for suffix in ARCHIVES if archive.name.endswith(suffix))
    folder = out / "audio" / stem
    unpack(archive, folder, digest, reporter)
    return folder


def unpack(archive: Path, folder: Path, digest: str, reporter: Reporter, *, within: str = "") -> None:
    """Unpack a .zip, a .tar or a compressed .tar into `folder`, which appears whole or not at all; only what
    lies below `within`, where that is given.

    A folder that holds the same archive (by `digest`, its SHA-256) already is kept.

    Raises:
        UserError: the archive is damaged, has members that may not be written, or more than the disk has room
            for (`core.archives`); nothing is left behind then.
    """
    done = folder / MARKS
    if done.is_file() and read_text(done).strip() == digest:
        return
    if folder.exists() and not done.is_file():
        raise UserError(f"{folder}: exists, but was not unpacked from {archive.name}", hint="Move it away.")
    staging = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(staging, ignore_errors=True)  # left by an interrupted run
    staging.mkdir(parents=True)
    try:
        with (open_zip if archive.suffix == ".zip" else open_tar)(archive) as opened:
            opened.below(within).unpack(staging, reporter)
        (staging / MARKS).write_text(f"{digest}\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        staging.replace(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _attempt(url: str, part: Path, reporter: Reporter) -> bool:
    """Request the missing bytes of `part`; True when it is whole, False when another try makes sense."""
    before = part.stat().st_size if part.exists() else 0
    request = Request(url, headers={"Range": f"bytes={before}-"} if before else {})
    problem = "the connection closed early"
    try:
        with urlopen(request, timeout=_TIMEOUT) as reply:
            total = _receive(reply, part, before, reporter)
        if total is None or part.stat().st_size == total:
            return True
    except HTTPError as error:
        if error.code == 416 and before:  # no bytes after `before`: a whole file, or another file
            if error.headers.get("Content-Range", "").endswith(f"/{before}"):
                return True
            part.unlink()
            return False
        raise UserError(f"{url}: the server answers {error.code} ({error.reason})") from error
    except (OSError, HTTPException, ValueError) as error:
        problem = str(error)
    after = part.stat().st_size if part.exists() else 0
    if after <= before:
        raise UserError(
            f"{url}: the download broke off after {after:,} bytes ({problem})",
            hint="Run the same command again to resume.",
        )
    return False


def _receive(reply: HTTPResponse, part: Path, before: int, reporter: Reporter) -> int | None:
    """Append the reply to `part`, or start over where the server sends the whole file.

    Returns the size of the whole file, None where the server does not say.
    """
    given = re.match(rf"bytes {before}-", reply.headers.get("Content-Range", ""))
    begin = before if reply.status == 206 and given else 0
    if reply.status == 206 and not given:
        raise HTTPException("the server sent a range that was not requested")
    size = reply.headers.get("Content-Length")
    chunks = iter(lambda: reply.read(_MIB), b"")
    label = f"{part.name.removesuffix('.part')} (MiB)"
    with part.open("ab" if begin else "wb") as out:
        for chunk in reporter.progress(chunks, label, _mebibytes(int(size or 0))):
            out.write(chunk)
    return None if size is None else begin + int(size)


def _mebibytes(size: int) -> int:
    return -(-size // _MIB)
