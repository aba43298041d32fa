"""Names of labels and splits, and the ordered labels of a model."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from audionas.core.errors import UserError, did_you_mean
from audionas.core.files import read_text, write_text
from audionas.data.conf import Data
from audionas.data.kaldi import DataDir
from audionas.data.tables import base

RATE = 16_000  # Hz
SPLITS = ("train", "dev", "test")
SILENCE, UNKNOWN, NOISE = "_silence_", "_unknown_", "_background_noise_"
OTHER = "_other_"  # everything but the word, where there is one
# What YAML, Python, JSON and tables make of words such as no, off and null where they are not quoted
UNQUOTED = frozenset({"true", "false", "none", "null", "nan", "~"})


def is_background(label: str) -> bool:
    """True for what is no keyword: labels that begin with `_`, such as SILENCE and UNKNOWN."""
    return label.startswith("_")


def other_of(labels: Iterable[str]) -> str:
    """The class of other sound among these: UNKNOWN, or OTHER where only that is there."""
    return OTHER if OTHER in (known := {*labels}) and UNKNOWN not in known else UNKNOWN


def read_labels(path: Path | str) -> list[str]:
    """The classes, in order, from the `labels.txt` beside a data directory.

    Raises UserError where the file is missing, empty or names a class twice.
    """
    return _listed(Path(base(path)).parent / "labels.txt")


def write_labels(folder: Path | str, labels: Sequence[str]) -> None:
    """Write `labels.txt` into a folder, in class order. Raises UserError for labels of several lines."""
    if odd := [label for label in labels if "\n" in label]:
        raise UserError([f"{folder}: the label {label!r} is not one line" for label in odd])
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


def doubts(labels: Iterable[str]) -> list[str]:
    """Sentences about names of classes that look wrong; none where all look right.

    Told are words that a program wrote for another one, names with blanks at an end or control characters,
    and names that differ only by case or by their form in Unicode.
    """
    every = sorted(set(labels))
    found = [
        f"the label {label!r} is what a program makes of a word without quotes, such as no or off"
        for label in every
        if label.strip().lower() in UNQUOTED
    ]
    found += [f"the label {label!r} holds {what}" for label in every if (what := _unseen(label))]
    alike = defaultdict(list)
    for label in every:
        alike[unicodedata.normalize("NFKC", label).casefold().strip()].append(label)
    for same in alike.values():
        if len(same) > 1:
            told = ", ".join(map(ascii, same))
            found.append(
                f"the labels {told} are classes of their own, and differ only in case or in encoding"
            )
    return found


def _unseen(label: str) -> str:
    """The part of a label that its reader does not see."""
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp") for letter in label):
        return "characters that cannot be seen"
    return "blanks at an end" if label != label.strip() else ""


def require_several(labels: Sequence[str], where: object) -> None:
    """Raise UserError where there is nothing to tell apart."""
    if len(set(labels)) < 2:
        only = f"only the class '{labels[0]}'" if labels else "no class"
        raise UserError(
            f"{where}: has {only}, and a model tells two or more apart",
            hint=f"Add recordings of something else, for example in a folder {UNKNOWN} or {SILENCE}.",
        )


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
