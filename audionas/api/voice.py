"""How a call from Python speaks: silent unless asked, and each epoch told to who wants to hear it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from audionas.api.given import functions, in_python
from audionas.core.reporter import Epoch, Voice, speaking

Callback = Callable[[Epoch], object]
Callbacks = Callback | Sequence[Callback]


FIRST = "source"  # the argument of functions that take it by its place alone


@contextmanager
def called(
    name: str, given: Mapping[str, Any], *, quiet: bool = True, callbacks: Callbacks = ()
) -> Iterator[list[str]]:
    """Yield the lines that the call tells; they are printed, too, unless it is `quiet`.

    The run folder keeps `audionas.NAME(key=value, ...)` where a command line would stand, without what is
    empty, and with the value of `source` first, which has no name in a call. One callback stands
    for a list of one; UserErrors name arguments, and not the options of a command.
    """
    words = ", ".join(
        repr(value) if key == FIRST else f"{key}={value!r}"
        for key, value in given.items()
        if value is not None and value != ""
    )
    voice = Voice(quiet, hears=functions(name, callbacks), words=f"audionas.{name}({words})")
    with in_python(), speaking(voice):
        yield voice.notes
