"""`make`: from recordings to a model on a device within a given time, as `audionas make`."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from audionas.api.dataset import Dataset, Place
from audionas.api.given import require_number, require_place
from audionas.api.run import Run
from audionas.api.settings import plain
from audionas.api.voice import Callbacks, called
from audionas.config import load
from audionas.core.errors import UserError
from audionas.core.hostile import setting
from audionas.core.reporter import Reporter
from audionas.expert import make as making
from audionas.expert.conf import FILE

_EXAMPLE = "For example: audionas.make('my_words', device='cpu', minutes=10)"


def make(
    source: Dataset | Place | None = None,
    /,
    *,
    word: str = "",
    device: str = "",
    minutes: float | None = None,
    fa_per_hour: float | None = None,
    negatives: Place | Iterable[Place] = (),
    plan: bool = False,
    again: bool = False,
    quiet: bool = True,
    callbacks: Callbacks = (),
    **keys: Any,
) -> Run:
    """Make a model, as `audionas make`: `run.best` is it, and `make.yaml` in `run.folder` has every decision.

    `source` is a folder with one folder per word, a Dataset that was prepared from one (its negatives count
    too), or the `make.yaml` of an earlier plan; or `word` is what voices say. With `plan` it stops before the
    trainings. The same call again resumes; with `again` it plans anew, and replaces what is there. Raises
    UserError as the command does, and for a Dataset whose recordings are not known.
    """
    if not isinstance(source, Dataset | None):
        require_place("make", "source", source, "a folder with one folder per word, or a Dataset")
    if minutes is not None:
        require_number("make", "minutes", minutes)
    if fa_per_hour is not None:
        require_number("make", "fa_per_hour", fa_per_hour)
    place, more = source, [*map(Path, [negatives] if isinstance(negatives, Place) else negatives)]
    if isinstance(source, Dataset):
        if source.source is None:
            raise UserError(
                f"{source.folder}: the recordings that it was prepared from are not known",
                hint=_EXAMPLE,
            )
        place, more = source.source, [*source.negatives, *more]
    given = {
        **{"source": None if place is None else str(place), "word": word, "device": device},
        **{"minutes": minutes, "fa_per_hour": fa_per_hour, "negatives": [*map(str, more)] or None, **keys},
    }
    with _example(), called("make", given, quiet=quiet, callbacks=callbacks) as notes:
        home = making.make(
            None if place is None else Path(str(place)),
            word=word,
            device=device,
            minutes=minutes,
            rate=fa_per_hour,
            negatives=more,
            changes=list(_changes(plain(keys))),
            only_plan=plan,
            again=again,
            reporter=Reporter(),
        )
    planned = [setting("name", home.name), setting("out", str(home.parent))]
    return Run(home, None if (home / "train").exists() else load(home / FILE, planned), notes)


@contextmanager
def _example() -> Iterator[None]:
    """Show the call, where an error shows the command as an example."""
    try:
        yield
    except UserError as error:
        if error.hint.startswith("For example: audionas make "):
            error.hint = _EXAMPLE
            error.args = (str(error),)
        raise


def _changes(keys: Mapping[str, Any], path: str = "") -> Iterable[str]:
    """Nested keys as the settings of a command line."""
    for key, value in keys.items():
        if isinstance(value, Mapping) and value:
            yield from _changes(value, f"{path}{key}.")
        else:
            name = f"{path}{key}"
            yield setting(name, value) if isinstance(value, str) else f"{name}={json.dumps(value)}"
