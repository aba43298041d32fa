"""Files written whole or not at all, lock files, checksums, and the places of shipped folders."""

import errno
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from audionas.core.errors import UserError

_LONGEST = 200  # bytes of a name that becomes a folder
_DRAFT = re.compile(r"\.(.+)\.draft(\.[^.]+)?")  # names that `atomic` makes: .run.json.draft.json
_CHUNK = 1 << 20  # bytes read at a time when hashing


@contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it replaces `path` if the block succeeds, else it is removed.

    Its name follows from that of `path`, so what a killed process has left is taken over by the next writer.
    One process writes it at a time.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _draft_of(path)
    with _own(temporary):
        try:
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)  # from here on, the name belongs to the next writer
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextmanager
def _own(draft: Path) -> Iterator[None]:
    """An empty file of this name, which no other process writes inside the block."""
    while True:
        with draft.open("ab") as opened:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(opened, fcntl.LOCK_EX)
            if _names(draft, opened.fileno()):  # else the process before has just renamed or removed it
                opened.truncate(0)
                yield
                return


def _names(path: Path, descriptor: int) -> bool:
    """True where this is the path of the open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def sweep(folder: Path) -> None:
    """Delete the drafts in a folder that a killed process has left; those that a process writes stay."""
    for file in folder.glob(".*.draft*"):
        if Path(drafted(file.name)).suffix:  # a user's .mine.draft may be anything
            _drop(file)


def drafted(name: str) -> str:
    """The name of the file that becomes of a draft; empty where `name` is not that of a draft."""
    found = _DRAFT.fullmatch(name)
    return found[1] if found and Path(found[1]).suffix == (found[2] or "") else ""


def drop_draft(path: Path) -> None:
    """Delete the draft of one file that a killed process has left."""
    _drop(_draft_of(path))


def _draft_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.draft{path.suffix}")


def _drop(draft: Path) -> None:
    """Delete a draft that no process holds. Where that cannot be told, it stays: its next writer takes it."""
    if not draft.is_file() or draft.is_symlink():
        return
    with suppress(OSError), draft.open("r+b") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _names(draft, opened.fileno()):
            draft.unlink()


def name_fault(name: str) -> str:
    """The reason why `name` cannot name one folder, or an empty string."""
    plain = name.strip() and name.isprintable() and not re.search(r"[/\\]", name)
    if plain and name[0] not in ".-" and len(name.encode()) <= _LONGEST:
        return ""
    return (
        f"{name!r} cannot name a folder: expected one plain name without / or \\, not beginning with . or -, "
        f"at most {_LONGEST} bytes"
    )


def require_there(*paths: Path | None) -> None:
    """Raise one UserError for every path, of those given, where nothing is."""
    if problems := [
        f"{path}: no such folder or file" for path in paths if path is not None and not path.exists()
    ]:
        raise UserError(problems)


@contextmanager
def locked(path: Path, *, wait: Callable[[], object] | None) -> Iterator[None]:
    """Hold the lock file `path`; a process that dies gives the lock back.

    While another process holds it, call `wait` and wait; without `wait`, raise BlockingIOError.
    """
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if wait is None:
                raise
            wait()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write_text(path: Path | str, text: str) -> None:
    """Write `text` as UTF-8, atomically; parent folders are made.

    A file name that is not UTF-8 is written with escapes, which in JSON read back as the same name.

    Raises UserError where the disk refuses.
    """
    try:
        with atomic(path) as temporary:
            temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise unwritten(path, error.errno) from error


def add_line(path: Path | str, line: str) -> None:
    """Append a line to a file of lines; an interruption may cut it off. Raises UserError as `write_text`."""
    try:
        with Path(path).open("a", encoding="utf-8") as opened:
            opened.write(line + "\n")
    except OSError as error:
        raise unwritten(path, error.errno) from error


def unwritten(path: Path | str, number: int | None) -> UserError:
    """The error for a file that the system refused to write, by the system's error number."""
    full = number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return UserError(
        f"{path}: cannot be written ({os.strerror(number) if number else 'the system refused'})",
        hint="Free some space there, then run the same command again, with --resume where it has that option."
        if full
        else "",
    )


def read_text(path: Path | str, *, hint: str = "", encoding: str = "utf-8-sig") -> str:
    """The text of a file, without a byte-order mark; a UserError if it is missing, a folder, or not UTF-8."""
    try:
        return Path(path).read_text(encoding=encoding)
    except UnicodeDecodeError as error:
        where = f"{error.reason} at byte {error.start}"
        raise UserError(f"{path}: cannot be read (not UTF-8: {where})", hint=hint) from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        why = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: cannot be read ({why})", hint=hint) from error


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path | str) -> Any:
    """Parse a JSON file; a missing or broken one is a UserError that names it."""
    text = read_text(path)
    try:
        return parsed(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{path}:{error.lineno}: not valid JSON: {error.msg}") from error
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON: {error}") from error


def parsed(text: str | bytes) -> Any:
    """The value of a JSON text that another may have written; ValueError for any other text, however deep."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def sha256(path: Path | str) -> str:
    """Hex SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def state(path: Path | str) -> list[int]:
    """Size and times of a file: they differ once its bytes differ.

    The time of change of its entry is among them: unpacking an archive, or copying with the times kept, can
    leave size and modification time as they were.
    """
    found = os.stat(path)
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def sha256_text(text: str) -> str:
    """Hex SHA-256 of a string's UTF-8 bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


def shipped(name: str) -> Path:
    """The folder `data_prep` or `recipes`: inside an installed wheel, else beside the package in a clone."""
    package = Path(__file__).parents[1]
    for folder in (package / "shipped" / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise UserError(f"the folder '{name}' is missing from this installation", hint="Install audionas again.")
