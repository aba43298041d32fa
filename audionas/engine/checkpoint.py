"""Checkpoints without pickle: groups of tensors in safetensors, everything else in JSON.

A checkpoint is a folder written under a temporary name and renamed, so that an interruption leaves
the old one or the new one, never half of one.
"""

import json
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from audionas.core import records, tensors
from audionas.core.errors import UserError
from audionas.core.files import read_text, sha256, write_text
from audionas.core.records.run import CheckpointRecord

_AGAIN = "Start again with --overwrite."
_OWN = re.compile(r"[0-9]{6,9}|\.[0-9]{6,9}\.draft")  # folders that `save` makes


@dataclass
class State:
    """The state of a run between epochs: `tensors` by group, `plain` JSON values."""

    tensors: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    plain: dict[str, Any] = field(default_factory=dict)


class Restored(Protocol):
    """An object that a checkpoint brings back."""

    def restore(self, state: State) -> None:
        """Go back to a saved state."""


def save(folder: Path, epoch: int, state: State) -> None:
    """Write the state after `epoch` epochs as `folder/000012/` and delete older ones.

    Raises UserError where the disk refuses; the checkpoint before stays then.
    """
    target = folder / f"{epoch:06d}"
    draft = folder / f".{target.name}.draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        for group, named in state.tensors.items():
            tensors.save(named, draft / f"{group}.safetensors")
        sums = {group: sha256(draft / f"{group}.safetensors") for group in sorted(state.tensors)}
        plain = {"epoch": epoch, "groups": [*sums], "sums": sums, **state.plain}
        write_text(draft / "state.json", json.dumps(plain, indent=2) + "\n")
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)
    write_text(folder / "latest", target.name + "\n")
    sweep(folder)


def sweep(folder: Path) -> None:
    """Delete what is not the newest checkpoint: others, and what a killed process has left.

    A folder of another name is not ours, and stays.
    """
    newest = f"{latest(folder):06d}"
    for old in folder.iterdir() if folder.exists() else ():
        if _OWN.fullmatch(old.name) and old.name != newest and old.is_dir() and not old.is_symlink():
            shutil.rmtree(old, ignore_errors=True)


def discard(folder: Path) -> None:
    """Delete all checkpoints in a folder, and the folder where nothing else is in it."""
    (folder / "latest").unlink(missing_ok=True)
    sweep(folder)
    with suppress(OSError):  # there is none, or something else is in it
        folder.rmdir()


def latest(folder: Path) -> int:
    """The number of epochs before the newest checkpoint; 0 if there is none."""
    pointer = folder / "latest"
    text = read_text(pointer, hint=_AGAIN).strip() if pointer.exists() else "0"
    if not re.fullmatch("[0-9]{1,9}", text):
        raise UserError(f"{pointer}: damaged, it names no checkpoint", hint=_AGAIN)
    return int(text)


def restore(work: Restored, folder: Path) -> State:
    """Bring `work` back to the newest checkpoint, and return that.

    Raises UserError where it is damaged, lacks what `work` needs, or holds tensors of other shapes.
    """
    state = load(folder)
    try:
        work.restore(state)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "allocate" in str(error):
            raise  # not enough memory
        where = f"{folder}/{latest(folder):06d}"
        why = f"it has no {error}" if isinstance(error, KeyError) else str(error).partition("\n")[0][:300]
        raise UserError(f"{where}: the run cannot resume from this checkpoint: {why}", hint=_AGAIN) from error
    return state


def load(folder: Path, needed: Sequence[str] = ()) -> State:
    """The newest checkpoint. Raises UserError where it is damaged or lacks one of the `needed` groups."""
    where = folder / f"{latest(folder):06d}"
    plain = records.plain(CheckpointRecord, where / "state.json", _AGAIN)
    if f"{plain['epoch']:06d}" != where.name:
        raise UserError(f"{where}: damaged checkpoint (it is of epoch {plain['epoch']})", hint=_AGAIN)
    if missing := [group for group in needed if group not in plain["groups"]]:
        raise UserError(f"{where}: damaged checkpoint: it has no {', '.join(missing)}", hint=_AGAIN)
    return State({group: _group(where, group, plain.get("sums")) for group in plain["groups"]}, plain)


def _group(where: Path, group: str, sums: dict[str, str] | None) -> dict[str, Tensor]:
    """The tensors of a group; they must be those that were saved, where the checkpoint says so."""
    file = where / f"{group}.safetensors"
    found = tensors.load(file, _AGAIN)
    if sums is not None and sums.get(group) != sha256(file):
        raise UserError(f"{file}: damaged (not what was saved: its SHA-256 differs)", hint=_AGAIN)
    if wrong := [name for name, t in found.items() if t.is_floating_point() and t.isnan().any()]:
        raise UserError(f"{file}: damaged (NaN in {wrong[0][:100]!r})", hint=_AGAIN)
    return found
