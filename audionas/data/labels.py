"""Names of labels and splits, and which labels a model knows, in their order."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from audionas.core.errors import UserError, did_you_mean
from audionas.core.files import write_text
from audionas.data.conf import Data
from audionas.data.kaldi import DataDir
from audionas.data.tables import base

RATE = 16_000  # Hz
SPLITS = ("train", "dev", "test")
SILENCE, UNKNOWN, NOISE = "_silence_", "_unknown_", "_background_noise_"


def read_labels(path: Path | str) -> list[str]:
    """The classes in their order, from the `labels.txt` beside a data directory.

    Raises UserError where the file is missing, empty or names a class twice.
    """
    file = Path(base(path)).parent / "labels.txt"
    if not file.is_file():
        raise UserError(
            f"{file}: no such file", hint="It lists the classes, one a line; audionas prep writes it."
        )
    labels = [line for raw in file.read_text(encoding="utf-8").split("\n") if (line := raw.strip(" \t\r"))]
    twice = [label for label, count in Counter(labels).items() if count > 1]
    if twice or not labels:
        raise UserError(
            f"{file}: {'classes named twice: ' + ', '.join(twice) if twice else 'names no class'}"
        )
    return labels


def write_labels(folder: Path | str, labels: Sequence[str]) -> None:
    """Write `labels.txt` into a corpus folder, in class order."""
    write_text(Path(folder) / "labels.txt", "".join(f"{label}\n" for label in labels))


def labels_of(data: Data, train: DataDir) -> tuple[str, ...]:
    """The classes in order: the file that `data.labels` names, `labels.txt` beside train, or sorted."""
    file = Path(data.labels) if data.labels else Path(data.train).parent / "labels.txt"
    if not file.exists() and not data.labels:
        return tuple(train.labels)
    try:
        labels = tuple(line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read ({error})") from error
    if len(set(labels)) != len(labels):
        raise UserError(f"{file}: a label stands twice")
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
