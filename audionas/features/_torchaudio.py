"""`torchaudio`, imported so that it also works with a torch that its compiled extension was not built for.

torchaudio's wheels contain an extension that needs the CUDA libraries; with a CPU build of torch the
plain import fails on it. Everything used here is pure PyTorch, so the import is repeated with a stand-in
for the extension; if the plain import works, its result is used.
"""

import importlib
import sys
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any

EXTENSION = "torchaudio._extension"


def load() -> ModuleType:
    """Import torchaudio, without its compiled extension if (and only if) that is what fails."""
    try:
        return importlib.import_module("torchaudio")
    except (ImportError, OSError, RuntimeError) as error:
        if not _from_extension(error):
            raise
    sys.modules[EXTENSION] = _stand_in()
    return importlib.import_module("torchaudio")


def _from_extension(error: BaseException) -> bool:
    """True where the error was raised while torchaudio loaded its extension."""
    return any(
        frame.f_globals.get("__name__", "").startswith(EXTENSION)
        for frame, _ in traceback.walk_tb(error.__traceback__)
    )


def _stand_in() -> ModuleType:
    """A replacement for torchaudio's extension: nothing is available, nothing is guarded."""

    def unguarded(function: Callable[..., Any]) -> Callable[..., Any]:
        return function

    module = ModuleType(EXTENSION)
    vars(module).update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False, _IS_ALIGN_AVAILABLE=False, fail_if_no_align=unguarded
    )
    return module


torchaudio: Any = load()
