"""Files written whole or not at all, lock files, checksums, and the places of shipped folders."""

import fcntl
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from audionas.core.errors import UserError

_LONGEST = 200  # bytes of a name that becomes a folder
_DRAFT = re.compile(r"\..+\.[a-z0-9_]{8}\.draft(\.\w+)?")  # names that `atomic` makes, and no others
_CHUNK = 1 << 20  # bytes read at a time when hashing


@contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it replaces `path` if the block succeeds, else it is removed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=f".draft{path.suffix}", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Delete the drafts that a killed process left in a folder; the caller holds the folder's lock."""
    for file in folder.glob(".*.draft*"):
        if _DRAFT.fullmatch(file.name) and file.is_file() and not file.is_symlink():
            file.unlink()


def name_fault(name: str) -> str:
    """The reason why `name` cannot name one folder, or an empty string."""
    plain = name.strip() and name.isprintable() and not re.search(r"[/\\]", name)
    if plain and name[0] not in ".-" and len(name.encode()) <= _LONGEST:
        return ""
    return (
        f"{name!r} cannot name a folder: expected one plain name without / or \\, not beginning with . or -, "
        f"at most {_LONGEST} bytes"
    )


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
    """Write `text` as UTF-8, atomically; parent folders are made."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path | str) -> Any:
    """Parse a JSON file; a missing or broken one is a UserError that names it."""
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from error
    except json.JSONDecodeError as error:
        raise UserError(f"{path}:{error.lineno}: not valid JSON: {error.msg}") from error


def sha256(path: Path | str) -> str:
    """Hex SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


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
