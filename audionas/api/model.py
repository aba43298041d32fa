"""`audionas.load` and `audionas.create_model`: trained models with all that can be done with them."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from audionas.api.given import require_number, require_options, require_place
from audionas.api.rows import Figures, Rows
from audionas.api.voice import called
from audionas.core.arch import InputSpec
from audionas.core.errors import UserError, did_you_mean
from audionas.listen.detect import detect
from audionas.models import model as models
from audionas.models.bundle import ModelBundle
from audionas.models.names import find as find_folder
from audionas.run.cost import counted
from audionas.run.export import export
from audionas.spaces._base import space_of
from audionas.zoo.find import find

Wave = np.ndarray | Tensor


class Trained:
    """The part that models of sound and of images share: costs, export, and how they show themselves."""

    bundle: ModelBundle
    labels: tuple[str, ...]
    folder: Path

    def cost(self) -> Figures:
        """Parameters, multiply-adds, peak memory and weight bytes of the network, as `audionas cost`."""
        return Figures(self._costs)

    @cached_property
    def _costs(self) -> dict[str, Any]:
        return {key: value for key, value in counted(self.bundle.spec).items() if key != "layers"}

    def export(self, targets: Sequence[str] | str = ("onnx",), *, quiet: bool = True, **options: Any) -> Rows:
        """Write files for other runtimes, each verified, to FOLDER/export/; one row per file.

        `targets` and `options` (`data`, `calibrate`, `input`, `pool`, `hops`, `fine_tune`) are those of
        `audionas export`. Raises UserError as the command does.
        """
        targets = [targets] if isinstance(targets, str) else list(targets)
        for key in ("data", "calibrate"):
            if options.get(key) is not None:
                require_place("export", key, options[key])
                options[key] = Path(options[key])
        with called("export", {"model": str(self.folder), "targets": targets}, quiet=quiet):
            require_options("export", options, export, ("folder", "targets"))
            report = export(self.folder, targets=targets, **options)
        there = self.folder if (self.folder / "export").is_dir() else Path(report["folder"]).parent
        return Rows({"file": str(there / "export" / name), **row} for name, row in report["files"].items())

    def __repr__(self) -> str:
        classes = ", ".join(map(repr, self.labels))
        return f"{type(self).__name__}({str(self.folder)!r}, architecture {self.bundle.spec.id}: {classes})"

    def _repr_html_(self) -> str:
        found = Figures(folder=str(self.folder), labels=", ".join(self.labels), **self.cost())
        return found._repr_html_()


class Model(Trained, models.Model):
    """A trained model of sound; `folder` is its run folder, or that of an included model."""

    def __init__(self, bundle: ModelBundle, network: Any, folder: Path) -> None:
        super().__init__(bundle, network)
        self.folder = folder

    def __call__(self, sound: Wave | str | Path) -> dict[str, float]:
        """Score per label of a waveform (N,) at `sample_rate`, or of a recording of any rate and length.

        Raises UserError for what is neither, and for a file that cannot be read.
        """
        if isinstance(sound, str | Path):
            return dict(self.predict(Path(sound))["scores"])
        return super().__call__(sound)

    def detect(
        self,
        *files: str | Path,
        threshold: float | Mapping[str, float] | None = None,
        quiet: bool = True,
        **options: Any,
    ) -> Rows:
        """The moments at which the exported file hears a keyword: rows of file, seconds, keyword, score.

        `threshold` is a number, or one for each keyword; by default those of `audionas tune`. `options` are
        `file`, `smooth`, `refractory`, `patience` and `rule`, as in `audionas detect`. Raises UserError where
        nothing is exported yet, and without a threshold.
        """
        words = (
            [f"{word}={value}" for word, value in threshold.items()]
            if isinstance(threshold, Mapping)
            else [] if threshold is None else [str(threshold)]
        )  # fmt: skip
        if options.get("file") is not None:
            require_place("detect", "file", options["file"])
            options["file"] = Path(options["file"])
        with called("detect", {}, quiet=quiet):
            require_options("detect", options, detect, ("folder", "files", "threshold"))
            events = detect(self.folder, [*map(Path, files)], threshold=words, **options)
            return Rows(event.plain() for event in events)


class ImageModel(Trained, models.ImageModel):
    """A trained model of images; `folder` is its run folder."""

    def __init__(self, bundle: ModelBundle, network: Any, folder: Path) -> None:
        super().__init__(bundle, network)
        self.folder = folder


def load(folder: str | Path) -> Model | ImageModel:
    """The trained model of a run folder (`exp/x`), of its `model/` folder, or an included one (`kws12`).

    A path that exists takes precedence over a name. Warns of a model that goes deaf in a stream.
    """
    require_place("load", "folder", folder, "a run folder, or a name such as 'kws12'")
    with called("load", {"folder": str(folder)}) as notes:
        found = models.load(folder)
    for note in notes:
        warnings.warn(note, stacklevel=2)
    place = find_folder(folder)
    place = place.parent if (place.parent / "arch.json").exists() and place.name == "model" else place
    if isinstance(found, models.Model):
        return Model(found.bundle, found.network, place)
    return ImageModel(found.bundle, found.network, place)


def create_model(name: str, classes: int = 0, *, input: str = "", **sizes: int) -> nn.Module:
    """The network of a zoo name, an architecture file or a run folder, with new weights.

    It maps features (B, C, F, T), or images, to logits (B, classes). `input` is CxFxT, `classes` a number;
    by default the architecture's own. `sizes` are `layers` and `channels` of a network made of cells. The
    weights are drawn by torch's generator. Raises UserError for an unknown name or size.
    """
    require_place("create_model", "name", name, "a zoo name, a file or a run folder")
    require_number("create_model", "classes", classes, whole=True)
    if not isinstance(input, str):
        raise UserError(f"create_model: input is {input!r}, expected CxFxT, such as '1x40x98'")
    spec = find(str(name))
    classes = int(classes) or spec.io.classes
    io = InputSpec.parse(input, classes) if input else spec.io._replace(classes=classes)
    space = space_of(spec)
    if wrong := [
        f"create_model: no size {s!r}.{did_you_mean(s, space.sizes)}" for s in sizes if s not in space.sizes
    ]:
        raise UserError(wrong, hint=f"Sizes of {name}: {', '.join(space.sizes) or 'none'}")
    for size, value in sizes.items():
        require_number("create_model", size, value, least=1, whole=True)
    return space.build(replace(spec, io=io, scale={**spec.scale, **sizes}))
