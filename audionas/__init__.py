"""audionas: neural architecture search for audio, from recordings to an exported keyword model."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_LAZY = {"load": "audionas.models.model", "UserError": "audionas.core.errors"}


def __getattr__(name: str) -> Any:
    """`audionas.load` and `audionas.UserError`, imported when first used."""
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'audionas' has no attribute {name!r}")
