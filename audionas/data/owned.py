"""The data directories that are ours to write over: those that hold `utt2sha256`."""

import os
from contextlib import suppress
from pathlib import Path

from audionas.core.errors import UserError
from audionas.core.files import drop_draft
from audionas.data.tables import FILES

SUMS = "utt2sha256"  # only audionas writes it, and first of all files


def require_own(path: Path | str) -> None:
    """Sweep the drafts that a killed process has left in a directory.

    Raises UserError with the files that writing it would replace and that audionas has not written.
    """
    folder = Path(path)
    found = [name for name in FILES if os.path.lexists(folder / name)]
    if found and SUMS not in found:
        raise UserError(
            [f"{folder / name}: not written by audionas, and would be replaced" for name in found],
            hint="Move them away, or write to another folder.",
        )
    for name in FILES:
        drop_draft(folder / name)


def drop(path: Path | str) -> bool:
    """Delete a data directory of ours, and the folder unless it holds more; False where there is none."""
    folder = Path(path)
    if folder.is_symlink() or not (folder / SUMS).is_file():
        return False
    for name in sorted(FILES, key=SUMS.__eq__):  # last what says that it is ours
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()
    return True
