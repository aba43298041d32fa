"""Names of labels and splits, and the ordered labels of a model."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from audionas.core.errors import UserError, did_you_mean
from audionas.core.files import read_text, write_text
from audionas.data.conf import Data
from audionas.data.kaldi import DataDir
from audionas.data.tables import base

RATE = 16_000  # Hz
SPLITS = ("train", "dev", "test")
SILENCE, UNKNOWN, NOISE = "_silence_", "_unknown_", "_background_noise_"


def read_labels(path: Path | str) -> list[str]:
    """The classes, in order, from the `labels.txt` beside a data directory.

    Raises UserError where the file is missing, empty or names a class twice.
    """
    return _listed(Path(base(path)).parent / "labels.txt")


def write_labels(folder: Path | str, labels: Sequence[str]) -> None:
    """Write `labels.txt` into a corpus folder, in class order."""
    write_text(Path(folder) / "labels.txt", "".join(f"{label}\n" for label in labels))


def labels_of(data: Data, train: DataDir) -> tuple[str, ...]:
    """The classes in order: from the file `data.labels`, from `labels.txt` beside train, or sorted."""
    file = Path(data.labels) if data.labels else Path(data.train).parent / "labels.txt"
    return tuple(train.labels if not data.labels and not file.exists() else _listed(file))


def _listed(file: Path) -> list[str]:
    """The lines of a file that lists classes."""
    text = read_text(file, hint="It lists the classes, one per line; audionas prep writes it.")
    labels = [line for raw in text.split("\n") if (line := raw.strip(" \t\r"))]
    twice = [label for label, count in Counter(labels).items() if count > 1]
    if twice or not labels:
        raise UserError(
            f"{file}: {'classes named twice: ' + ', '.join(twice) if twice else 'names no class'}"
        )
    return labels


def require_known(directory: DataDir, labels: Sequence[str]) -> None:
    """Raise UserError for a label of the directory that is not among `labels`."""
    if unknown := sorted(set(directory.labels) - set(labels)):
        raise UserError(
            [
                f"{directory.path}: label '{u}' is not a class of this model.{did_you_mean(u, labels)}"
                for u in unknown
            ],
            hint=f"Classes: {' '.join(labels)}",
        )
