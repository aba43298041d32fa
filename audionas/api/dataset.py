"""`audionas.prepare` and `audionas.Dataset`: recordings made ready, and what can be measured with them."""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from audionas.api.given import require_options, require_place
from audionas.api.rows import Figures
from audionas.api.voice import called
from audionas.core.errors import UserError
from audionas.core.files import shipped
from audionas.data import audio, kaldi
from audionas.data.kaldi import DataDir
from audionas.data.labels import RATE, SPLITS, is_background, read_labels
from audionas.data.readers import slug
from audionas.expert.pages import main_of
from audionas.listen.sounds import recordings

Place = str | Path


class Dataset:
    """A folder with the data directories train, dev and test, as `prepare` writes it.

    `negatives` are folders of long sound without a keyword, for thresholds and false accepts; parts of those
    that were prepared with it lie in the folder, too. `notes` is what the preparation told, `source` the
    folder that it was prepared from, where that is known. Raises UserError where there is no training data,
    and for a folder of negatives without audio.
    """

    def __init__(
        self,
        folder: Place,
        negatives: Iterable[Place] = (),
        *,
        notes: Iterable[str] = (),
        source: Path | None = None,
    ) -> None:
        require_place("Dataset", "folder", folder)
        self.folder, self.notes, self.source = Path(folder), list(notes), source
        self.negatives = tuple(map(Path, [negatives] if isinstance(negatives, Place) else negatives))
        if not (self.folder / "train" / "wav.scp").is_file():
            raise UserError(
                f"{self.folder}: holds no data directory train",
                hint="Prepare recordings first, one folder per class: audionas.prepare('my_words')",
            )
        with called("Dataset", {}) as told:
            each = {place: recordings(place) for place in self.negatives}
        self._given = {place: sum(item.seconds for item in found) / 3600 for place, found in each.items()}
        self.notes += told

    @cached_property
    def splits(self) -> dict[str, DataDir]:
        """The data directories that exist, by name: train, dev, test, and noise."""
        places = {name: self.folder / name for name in (*SPLITS, "noise")}
        return {name: kaldi.read(place) for name, place in places.items() if (place / "wav.scp").is_file()}

    @property
    def labels(self) -> list[str]:
        """The classes, in order."""
        return read_labels(self.folder / "train")

    @property
    def section(self) -> dict[str, Any]:
        """The section `data` of a config that reads this."""
        places = {name: str(self.folder / name) for name in ("train", "dev")}
        rate = audio.header(self.splits["train"][0].audio).rate
        return places if rate == RATE else {**places, "resample": True}

    def summary(self) -> Figures:
        """Clips, speakers of the words (none where they are not known) and hours of each split.

        `lowest_rate` is the lowest rate of false accepts per hour that the sound without a keyword can show,
        3 / hours (95 %), None where it shows nothing. It counts `negatives` and clips in dev and test whose
        label begins with `_`; of negatives that were prepared with the words (known by the name of their
        folder) dev_long and test_long alone.
        """
        found: dict[str, Any] = {name: _counts(data) for name, data in self.splits.items()}
        long = [self.folder / f"{name}_long" for name in ("dev", "test")]
        kept = [item for place in long if (place / "wav.scp").is_file() for item in kaldi.read(place)]
        own = (i for n in ("dev", "test") for i in self.splits.get(n, ()) if is_background(i.label))
        hours = sum(item.seconds for item in kept or own) / 3600
        for place, more in self._given.items():
            within = slug(f"{place.resolve().name}-")  # so the ids of its stretches begin
            hours += 0.0 if any(item.id.startswith(within) for item in kept) else more
        rate = 3 / hours if hours else None
        return Figures(labels=len(self.labels), **found, negative_hours=hours, lowest_rate=rate)

    def __repr__(self) -> str:
        return f"Dataset({str(self.folder)!r})\n{self.summary()!r}"

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()


def prepare(
    folder: Place,
    out: Place | None = None,
    *,
    negatives: Iterable[Place] = (),
    quiet: bool = True,
    **options: Any,
) -> Dataset:
    """Prepare recordings, one folder per class, as `audionas prep folder` does, into `out` (FOLDER_data).

    `options` are those of the command, with underscores: `speaker_pattern`, `dev`, `test`, `resample`,
    `on_bad` and others. Clips of the sound in `negatives` join the class of what is none of the words. A
    folder that is prepared already, with its part `train`, is taken as it is; it takes no options. Raises
    UserError as the command does, and for an unknown option.
    """
    require_place("prepare", "folder", folder)
    source, others = Path(folder), [*map(Path, [negatives] if isinstance(negatives, Place) else negatives)]
    with called("prepare", {"folder": str(folder), **options}, quiet=quiet) as notes:
        if (source / "train" / "wav.scp").is_file():
            if options or out is not None:
                raise UserError(f"{source}: is prepared already, and takes no options")
            return Dataset(source, others)
        main = main_of(shipped("data_prep") / "folder.py")
        require_options("prepare", options, main, ("src", "out", "negatives"))
        there = Path(out) if out is not None else source.with_name(f"{source.name}_data")
        main(source, there, negatives=others, **options)
    return Dataset(there, others, notes=notes, source=source)


def _counts(data: DataDir) -> dict[str, Any]:
    """Clips, known speakers of the words, and hours."""
    words = [item for item in data if not is_background(item.label)]
    known = {item.speaker for item in words or data if item.speaker not in ("", item.id)}
    hours = sum(item.seconds for item in data) / 3600
    return {"clips": len(data), "speakers": len(known) or None, "hours": hours}
