"""`search`, `train`, `compare`, `evaluate` and `export`: the commands as functions that return values.

Keyword arguments are a config's keys, and a section is a dict: `method={"name": "darts", "alpha_lr": 1e-3}`,
or `method="darts"` for its name alone. `conf` is a YAML file over which they lie.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audionas.api.dataset import Dataset
from audionas.api.given import require_place
from audionas.api.model import ImageModel, Model, load
from audionas.api.rows import Figures, Rows
from audionas.api.run import Run
from audionas.api.settings import Source, config_of
from audionas.api.voice import Callbacks, called
from audionas.core.errors import UserError
from audionas.run import evaluate as evaluating
from audionas.run import search as searching
from audionas.run import train as training
from audionas.study import compare as comparing


def search(
    source: Source = None,
    /,
    *,
    conf: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = True,
    callbacks: Callbacks = (),
    **keys: Any,
) -> Run:
    """Search a space for an architecture, as `audionas search`: `run.arch`, and `run.front` with a searcher.

    `source` is a Dataset, its folder, or a Run whose config is taken. Each of `callbacks` is called with an
    `Epoch` after every epoch. Raises UserError as the command does; with `resume` an interrupted run resumes.
    """
    given = _given(source, conf, keys)
    with called("search", given, quiet=quiet, callbacks=callbacks) as notes:
        found = config_of("search", source, conf, keys)
        searching.search(found, resume=resume, overwrite=overwrite)
    return Run(found.folder, found, notes)


def train(
    source: Source = None,
    /,
    *,
    conf: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = True,
    callbacks: Callbacks = (),
    **keys: Any,
) -> Run:
    """Train an architecture, as `audionas train`: `run.best` is the model.

    `source` is the Run of a search, whose config and architecture are taken, or data as in `search`, with
    `arch` a zoo name, a file or a Run. Raises UserError as the command does.
    """
    given = _given(source, conf, keys)
    with called("train", given, quiet=quiet, callbacks=callbacks) as notes:
        found = config_of("train", source, conf, keys)
        training.train(found, resume=resume, overwrite=overwrite)
    return Run(found.folder, found, notes)


def compare(
    source: Source = None,
    /,
    *,
    conf: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = True,
    callbacks: Callbacks = (),
    **keys: Any,
) -> Run:
    """Search with several methods and seeds, as `audionas compare`; a row of `run.metrics` for each.

    The methods are `compare={"methods": ["darts", "gdas"], "seeds": [0, 1]}`. Raises UserError as the
    command does; what was finished stays in the folder.
    """
    given = _given(source, conf, keys)
    with called("compare", given, quiet=quiet, callbacks=callbacks) as notes:
        found = config_of("compare", source, conf, keys)
        comparing.compare(found, resume=resume, overwrite=overwrite)
    return Run(found.folder, found, notes)


def evaluate(
    model: Run | Model | ImageModel | str | Path,
    data: Dataset | str | Path,
    *,
    by: Sequence[str] = (),
    engine: str = "torch",
    quiet: bool = True,
) -> Figures:
    """Accuracy with its interval, figures per class and the confusion matrix, as `audionas eval`.

    Of a Dataset its part test is heard; `data` may also be one data directory, or test images. The figures
    are kept in the run's folder, too. Raises UserError as the command does.
    """
    if engine not in ("torch", "onnx"):
        raise UserError(f"evaluate: engine is {engine!r}, expected 'torch' or 'onnx'")
    if isinstance(model, Dataset):
        raise UserError(
            "evaluate: the model is a Dataset; the model comes first, then the data",
            hint="For example: audionas.evaluate('exp/mini', data)",
        )
    folder = _folder("evaluate", model)
    if not isinstance(data, Dataset):
        require_place("evaluate", "data", data, "a Dataset or a data directory")
    place = data.folder / "test" if isinstance(data, Dataset) else Path(data)
    with called("evaluate", {"model": str(folder), "data": str(place)}, quiet=quiet):
        found = evaluating.evaluate(folder, place, engine=engine, by=by)  # type: ignore[arg-type]
    return Figures(found)


def export(
    model: Run | Model | ImageModel | str | Path,
    targets: Sequence[str] | str = ("onnx",),
    *,
    quiet: bool = True,
    **options: Any,
) -> Rows:
    """Write files for other runtimes, each verified, as `audionas export` and `model.export`; a row per file.

    `targets` are `onnx`, `onnx-stream`, `int8`, `litert`, `esphome` or `all`; `options` are `data`,
    `calibrate`, `input`, `pool`, `hops` and `fine_tune`. Raises UserError as the command does.
    """
    if isinstance(model, Run):
        model = model.best  # of a comparison, too
    found = model if isinstance(model, Model | ImageModel) else load(_folder("export", model))
    return found.export(targets, quiet=quiet, **options)


def _folder(verb: str, model: Run | Model | ImageModel | str | Path) -> Path:
    """The folder of a model. Raises UserError for what is none."""
    if isinstance(model, Run | Model | ImageModel):
        return Path(model.folder)
    require_place(verb, "model", model, "a Run, a Model or a run folder")
    return Path(model)


def _given(source: Source, conf: str | Path | None, keys: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as a reader would repeat the call with them."""
    place = source.folder if isinstance(source, Dataset | Run) else source
    named = {"source": place, "conf": conf}
    return {**{key: str(value) for key, value in named.items() if value is not None}, **keys}
