"""The last net: what an error of the system says to a user, who can put it right."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from audionas.core.hostile import on_a_line

_FIXABLE = {  # what the file system says that a user can fix
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO),
    *(errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY, errno.ENAMETOOLONG),
    *(errno.ELOOP, errno.EMFILE, errno.ENFILE, errno.EBUSY, errno.ESTALE),
}
_MEMORY = "there is not enough memory; use a smaller batch_size or fewer workers, or close other programs"


def told(error: Exception) -> str:
    """The line for a fault of the machine, the disk or a file name; empty for a fault of ours."""
    if isinstance(error, MemoryError) or _torch_lacks_memory(error):
        return _MEMORY
    if isinstance(error, UnicodeEncodeError):
        return f"{error.object[:200]!r} cannot be written as {error.encoding}; rename the file"
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return _MEMORY
    if isinstance(error, OSError) and error.errno in _FIXABLE:
        return f"{error.filename or 'reading or writing'}: {os.strerror(error.errno)}"
    return ""


def _torch_lacks_memory(error: Exception) -> bool:
    return isinstance(error, RuntimeError) and (
        type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)
    )


@contextmanager
def escaped_message() -> Iterator[None]:
    """Escape the message of an error of typer, which has it as an attribute to compose its text from."""
    try:
        yield
    except Exception as error:
        if isinstance(message := getattr(error, "message", None), str):
            error.message = on_a_line(message)  # type: ignore[attr-defined]
        raise


def escape() -> None:
    """Print with escapes what standard output has no letters for, as standard error does by itself."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def flush() -> None:
    """Write out standard output now: at the exit of Python an error there would be no one's.

    Raises OSError, but not where its reader has gone, as `head` does.
    """
    try:
        if sys.stdout is not None:  # None: it was closed before the start
            sys.stdout.flush()
    except OSError as error:
        with suppress(OSError, ValueError):  # what is left would be tried again at the exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise
