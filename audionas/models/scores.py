"""A check of a model's scores, which must be probabilities, and of the runtime that may refuse its file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from audionas.core.errors import UserError

_ROUNDED = 1e-3  # beyond 0 and 1: runtimes round
_AGAIN = "Export it again."


def probabilities(scores: Any, classes: int, source: object) -> np.ndarray:
    """The scores of `source`, (n, classes) in [0, 1]. Raises UserError for any others, such as NaN."""
    found = np.asarray(scores)
    if found.ndim != 2 or found.shape[1] != classes:
        raise UserError(
            f"{source}: answers with shape {found.shape}, the model has {classes} classes", hint=_AGAIN
        )
    if found.size and not (found.min() >= -_ROUNDED and found.max() <= 1 + _ROUNDED):
        wrong = found[~((found >= -_ROUNDED) & (found <= 1 + _ROUNDED))][0]
        raise UserError(f"{source}: answers {wrong:.6g}, which is no probability; its weights are damaged")
    return found


@contextmanager
def running(file: Path) -> Iterator[None]:
    """A block in which a library runs an exported file: what it raises is a UserError that names the file."""
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:  # the libraries have classes of their own, and RuntimeError
        told = str(error).strip().partition("\n")[0][:300]
        raise UserError(f"{file}: cannot be run ({told})", hint=_AGAIN) from error
