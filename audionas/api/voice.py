"""How a call from Python speaks: silent unless asked, and each epoch told to who wants to hear it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from audionas.core.reporter import Epoch, Voice, speaking

Callback = Callable[[Epoch], object]


@contextmanager
def called(
    name: str, given: Mapping[str, Any], *, quiet: bool = True, callbacks: Sequence[Callback] = ()
) -> Iterator[list[str]]:
    """Yield the lines that the call tells; they are printed, too, unless it is `quiet`.

    The run folder keeps `audionas.NAME(key=value, ...)` where a command line would stand.
    """
    words = ", ".join(f"{key}={value!r}" for key, value in given.items())
    with speaking(Voice(quiet, hears=tuple(callbacks), words=f"audionas.{name}({words})")) as voice:
        yield voice.notes
