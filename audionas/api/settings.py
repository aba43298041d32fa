"""The config of a call: keyword arguments are its keys, a section is a dict, and it merges as in a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from audionas.api.dataset import Dataset
from audionas.api.run import Run
from audionas.config import Config, Layer, load

Source = Dataset | Run | str | Path | None


def config_of(verb: str, source: Source, conf: str | Path | None, keys: Mapping[str, Any]) -> Config:
    """The file `conf` if any, over it the data or the run of `source`, over it the keys.

    Without a file or a run the name is the verb's. Raises UserError with every problem.
    """
    over = [] if conf is not None else [Layer("default", {"name": verb})]
    if isinstance(source, Run):
        over.append(Layer(str(source.folder), dict(source.conf.raw)))
    elif source is not None:
        data = source if isinstance(source, Dataset) else Dataset(source)
        over.append(Layer(str(data.folder), {"data": data.section}))
    return load(conf, over=[*over, Layer("arguments", {key: plain(value) for key, value in keys.items()})])


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
