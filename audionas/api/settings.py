"""The config of a call: keyword arguments are its keys, a section is a dict, and it merges as in a file."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from audionas.api.dataset import Dataset
from audionas.api.given import require_place
from audionas.api.run import Run
from audionas.config import SECTIONS, Config, Layer, load
from audionas.core.errors import UserError
from audionas.engine.conf import General

Source = Dataset | Run | str | Path | None


def config_of(verb: str, source: Source, conf: str | Path | None, keys: Mapping[str, Any]) -> Config:
    """The file `conf` if any, over it the data or the run of `source`, over it the keys.

    Without a file or a run the name is the verb's. Raises UserError with every problem.
    """
    over = [] if conf is not None else [Layer("default", {"name": verb})]
    if isinstance(source, Run):
        over.append(Layer(str(source.folder), dict(source.conf.raw)))
    elif source is not None:
        if not isinstance(source, Dataset):
            require_place(verb, "the first argument", source, "a Dataset, its folder or a Run")
        data = source if isinstance(source, Dataset) else Dataset(source)
        over.append(Layer(str(data.folder), {"data": data.section}))
    try:
        return load(conf, over=[*over, Layer("arguments", {key: plain(v) for key, v in keys.items()})])
    except UserError as error:
        if nested := {key: plain(value) for key, value in keys.items() if key in _inside(verb)}:
            error.hint = f"{', '.join(nested)}: give {verb}={nested!r}"
            error.args = (str(error),)
        raise


def _inside(verb: str) -> set[str]:
    """The keys of the verb's own section that are no keys of a config."""
    return {field.name for field in fields(SECTIONS[verb])} - {
        *SECTIONS,
        *(field.name for field in fields(General)),
    }


def plain(value: Any) -> Any:
    """A value as a file would hold it: paths, runs and NumPy's numbers become texts and numbers."""
    if isinstance(value, Run):
        return str(value.folder / "arch.json")
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple | range) else value
