"""A report that is written anew while its run goes on; the browser loads it again by itself."""

import os
import time
from pathlib import Path

from audionas.core.errors import UserError
from audionas.core.files import locked
from audionas.report.run import write

EVERY = 2.0  # seconds between two looks
_QUIET = 5  # looks without a change after which it is asked whether the run still works
_RELOAD = 5  # seconds after which a browser loads the page again


def watch(folder: Path, every: float = EVERY) -> Path:
    """Write `folder`/report.html whenever the run has written something, until no process works on it.

    Returns its path. What is written last no longer reloads itself. Raises UserError where there is no run.
    """
    page = write(folder, reload=_RELOAD)
    try:
        seen, quiet = _state(folder), _QUIET
        while quiet < _QUIET or _works(folder):
            time.sleep(every)
            now, quiet = _state(folder), quiet + 1
            if now != seen:
                seen, quiet = now, 0
                _written(folder)
    finally:
        page = write(folder)
    return page


def _written(folder: Path) -> None:
    """Write the page, unless the run is in the middle of a file: its end is another change."""
    try:
        write(folder, reload=_RELOAD)
    except UserError:
        return


def _state(folder: Path) -> list[tuple[str, int, int]]:
    """Names, sizes and times of what the page shows."""
    files = [file for pattern in ("*.json*", "*/*.json*") for file in sorted(folder.glob(pattern))]
    return [(str(file), told.st_size, told.st_mtime_ns) for file in files if (told := _stat(file))]


def _stat(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except OSError:  # replaced just now
        return None


def _works(folder: Path) -> bool:
    """Whether a process holds a step of the run. It is asked rarely: asking is holding, for a moment."""
    for lock in folder.glob(".*.lock"):
        try:
            with locked(lock, wait=None):
                pass
        except BlockingIOError:
            return True
    return False
