"""The one user of safetensors: what cannot be written or read is a UserError that names the file."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open

from audionas.core.errors import UserError
from audionas.core.files import atomic, unwritten

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

# torch is imported where it is used: an exported file is heard without it


def save(tensors: "Mapping[str, Tensor]", path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors atomically, each copied to the CPU: safetensors needs it contiguous, in its own memory.

    Raises UserError where the disk refuses; what was at `path` before stays then.
    """
    import torch
    from safetensors.numpy import save_file
    from safetensors.torch import save_file as save_any

    plain = torch.contiguous_format
    flat = {name: t.detach().cpu().clone(memory_format=plain) for name, t in tensors.items()}
    told = dict(metadata) if metadata else None
    with _written(path) as draft:
        if any(t.dtype == torch.bfloat16 for t in flat.values()):  # NumPy has no such numbers
            save_any(flat, draft, metadata=told)
        else:  # the same file, several times as fast for many small tensors
            save_file({name: t.numpy() for name, t in flat.items()}, draft, metadata=told)


def load(path: Path, hint: str = "") -> "dict[str, Tensor]":
    """Read what `save` wrote. Raises UserError where it is missing or damaged."""
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: damaged ({error})", hint=hint) from error


def metadata(path: Path, hint: str = "") -> dict[str, str]:
    """The strings that were saved with the tensors. Raises UserError as `load` does."""
    try:
        with safe_open(path, "np") as opened:
            return opened.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: damaged ({error})", hint=hint) from error


def save_arrays(arrays: "Mapping[str, np.ndarray]", path: Path) -> None:
    """Write arrays atomically. Raises UserError as `save` does."""
    from safetensors.numpy import save_file

    with _written(path) as draft:
        save_file(dict(arrays), draft)


def load_arrays(path: Path) -> "dict[str, np.ndarray]":
    """Read what `save_arrays` wrote. Raises UserError as `load` does."""
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: damaged ({error})") from error


@contextmanager
def _written(path: Path) -> Iterator[Path]:
    """The draft of `atomic`; raises UserError for what the disk refuses inside the block."""
    try:
        with atomic(path) as draft:
            yield draft
    except OSError as error:
        raise unwritten(path, error.errno) from error
    except SafetensorError as error:
        number = re.search(r"\(os error (\d+)\)", str(error))  # the library tells it in words only
        if number is None:
            raise
        raise unwritten(path, int(number[1])) from error
