"""Checkpoints without pickle: groups of tensors in safetensors, everything else in JSON.

A checkpoint is a folder written under a temporary name and renamed, so that an interruption leaves
the old one or the new one, never half of one.
"""

import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from audionas.core.errors import UserError
from audionas.core.files import read_json, write_text
from audionas.core.tensors import writing

_AGAIN = "Start again with --overwrite."


@dataclass
class State:
    """The state of a run between epochs: `tensors` by group, `plain` JSON values."""

    tensors: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    plain: dict[str, Any] = field(default_factory=dict)


def save(folder: Path, epoch: int, state: State) -> None:
    """Write the state after `epoch` epochs as `folder/000012/` and delete older ones."""
    target = folder / f"{epoch:06d}"
    draft = folder / f".{target.name}.draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for group, tensors in state.tensors.items():
        # clones: safetensors needs each tensor contiguous and in its own memory
        flat = {k: t.detach().cpu().clone(memory_format=torch.contiguous_format) for k, t in tensors.items()}
        with writing(target):
            save_file(flat, draft / f"{group}.safetensors")
    plain = {"epoch": epoch, "groups": sorted(state.tensors), **state.plain}
    (draft / "state.json").write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
    for file in draft.iterdir():
        with file.open("rb") as written:
            os.fsync(written.fileno())
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)
    write_text(folder / "latest", target.name + "\n")
    sweep(folder)


def sweep(folder: Path) -> None:
    """Delete what is not the newest checkpoint: older ones, and what a killed process has left."""
    newest = f"{latest(folder):06d}"
    for old in folder.iterdir() if folder.exists() else ():
        if old.is_dir() and old.name != newest:
            shutil.rmtree(old, ignore_errors=True)


def latest(folder: Path) -> int:
    """The number of epochs before the newest checkpoint; 0 if there is none."""
    pointer = folder / "latest"
    text = pointer.read_text(encoding="utf-8", errors="replace").strip() if pointer.exists() else "0"
    if not text.isdecimal():
        raise UserError(f"{pointer}: damaged, it names no checkpoint", hint=_AGAIN)
    return int(text)


def load(folder: Path) -> State:
    """The newest checkpoint; raises UserError when it is damaged."""
    where = folder / f"{latest(folder):06d}"
    plain = read_json(where / "state.json")
    try:
        tensors = {group: load_file(where / f"{group}.safetensors") for group in plain["groups"]}
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise UserError(f"{where}: damaged checkpoint ({error})", hint=_AGAIN) from error
    return State(tensors, plain)
