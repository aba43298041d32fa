"""Archives: downloads that resume, checksums that must match, files that stay inside their folder."""

import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPException, HTTPResponse
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from audionas.core.errors import UserError
from audionas.core.files import read_text, sha256, write_text
from audionas.core.reporter import Reporter

ARCHIVES = (".tar.gz", ".tgz", ".tar")
_MIB = 1 << 20  # bytes requested at a time
_TIMEOUT = 60.0  # seconds without a byte
_DONE = ".unpacked"  # inside an unpacked folder: the SHA-256 of its archive


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


def unpack(archive: Path, folder: Path, digest: str, reporter: Reporter) -> None:
    """Unpack a .tar or compressed .tar into `folder`, which appears whole or not at all.

    A folder that holds the same archive (by `digest`, its SHA-256) already is kept.

    Raises:
        UserError: a member would land outside the folder, is a link or a device, or the archive
            is damaged; nothing is left behind then.
    """
    done = folder / _DONE
    if done.is_file() and read_text(done).strip() == digest:
        return
    if folder.exists() and not done.is_file():
        raise UserError(f"{folder}: exists, but was not unpacked from {archive.name}", hint="Move it away.")
    staging = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(staging, ignore_errors=True)  # left by an interrupted run
    staging.mkdir(parents=True)
    try:
        steps = _extract(archive, staging)
        for _ in reporter.progress(
            steps, f"unpacking {archive.name} (MiB)", _mebibytes(archive.stat().st_size)
        ):
            pass
        (staging / _DONE).write_text(f"{digest}\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        staging.replace(folder)
    except (tarfile.TarError, EOFError, zlib.error, LZMAError) as error:
        raise UserError(f"{archive}: not a whole tar archive ({error})", hint="Fetch it again.") from error
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


def _extract(archive: Path, folder: Path) -> Iterator[None]:
    """Write every member below `folder`; yields once for every MiB of the archive read."""
    yielded = 0
    with archive.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:*") as tar:
        seen: set[str] = set()
        for member in tar:
            target = folder / _inside(archive, member)
            require_single(archive, member.name, seen) if member.isreg() else None
            require_room(archive, member.size, folder)
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                source = tar.extractfile(member)
                assert source is not None  # a regular file
                with target.open("wb") as out:
                    shutil.copyfileobj(source, out)
            while raw.tell() // _MIB > yielded:
                yielded += 1
                yield


def inside(archive: Path, name: str, *, folder: bool = False) -> PurePosixPath:
    """The path of a member called `name`. Raises UserError where it cannot be written safely."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise UserError(f"{archive}: refused: {name!r} would be written outside its folder")
    long = any(len(part.encode(errors="surrogateescape")) > 255 for part in path.parts)
    if long or not name.isprintable() or (not folder and not path.parts):
        raise UserError(f"{archive}: refused: {name!r} cannot name a file")
    return path


def require_single(archive: Path, name: str, seen: set[str]) -> None:
    """Add a file's name to `seen`. Raises UserError where it is there, in any case of its letters."""
    key = str(PurePosixPath(name)).casefold()
    if key in seen:
        raise UserError(f"{archive}: refused: {name!r} is there twice")
    seen.add(key)


def require_room(archive: Path, size: int, folder: Path) -> None:
    """Raise UserError where the disk of `folder` has no room for `size` bytes more."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise UserError(
            f"{archive}: holds {size / 1e9:.1f} GB, but only {free / 1e9:.1f} GB are free in {folder}",
            hint="Free some space, or prepare into a folder on another disk.",
        )


def _inside(archive: Path, member: tarfile.TarInfo) -> PurePosixPath:
    """The path of a member that is safe to write; raises UserError for any other."""
    path = inside(archive, member.name, folder=member.isdir())
    if member.sparse is not None or member.issparse():
        raise UserError(
            f"{archive}: refused: {member.name!r} is sparse: it writes more than the archive holds"
        )
    if not member.isreg() and not member.isdir():
        raise UserError(f"{archive}: refused: '{member.name}' is a link or a device, not a file")
    return path


def _mebibytes(size: int) -> int:
    return -(-size // _MIB)
