"""Valid data directories, read line by line from all files at once into columns."""

import os
import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby, zip_longest
from pathlib import Path
from typing import BinaryIO

from audionas.data.columns import Columns
from audionas.data.tables import LABEL, LONGEST, base, number, resolve

_NAMES = ("wav.scp", "text", "utt2spk", "utt2dur", "utt2sha256")
_SUM = re.compile(r"[0-9a-f]{64}")
_SPACE = re.compile(r"[ \t]+")


class _Unsure(Exception):
    """Raised for anything that only a check of whole files can judge."""


def quick(folder: Path | str) -> Columns | None:
    """The utterances of a directory in which every line of every file is in its place, else None.

    None does not mean a fault: the directory may still be valid, for example with segments. Only one line of
    each file is held at a time.
    """
    names = [name for name in _NAMES if os.path.isfile(os.path.join(folder, name))]
    if set(names) | {"utt2sha256"} != set(_NAMES) or os.path.exists(os.path.join(folder, "segments")):
        return None
    try:
        with ExitStack() as stack:
            files = [stack.enter_context(Path(folder, name).open("rb")) for name in names]
            columns = Columns(_rows(files, base(folder)))
            _check_speakers(columns, stack.enter_context(Path(folder, "spk2utt").open("rb")))
    except (_Unsure, OSError):
        return None
    return columns if len(columns) else None


def _rows(files: Sequence[BinaryIO], folder: str) -> Iterator[tuple[str, str, str, float, float, str, str]]:
    last = ""
    for lines in zip_longest(*map(_lines, files), fillvalue=("", "")):
        key = lines[0][0]
        path, label, speaker, duration, content = (*(value for _, value in lines), "")[:5]
        audio, seconds = resolve(folder, path), number(duration)
        if (
            any(other != key for other, _ in lines)
            or not last < key
            or path[0] == "|"
            or path[-1] == "|"
            or len(label) > LABEL
            or len(speaker.split()) != 1
            or not key.startswith(speaker)
            or seconds is None
            or not 0 < seconds <= LONGEST
            or (len(files) == len(_NAMES) and not _SUM.fullmatch(content))
            or not os.path.isfile(audio)
        ):
            raise _Unsure
        last = key
        yield key, audio, label, seconds, 0.0, speaker, content


def _lines(file: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Key and value of every line; neither is empty."""
    for place, content in enumerate(file):
        line = content if place else content.removeprefix(BOM_UTF8)
        try:
            key, value = _SPACE.split(line.decode().strip(" \t\r\n"), maxsplit=1)
        except ValueError as error:  # not UTF-8, or no value
            raise _Unsure from error
        yield key, value


def _check_speakers(columns: Columns, spk2utt: BinaryIO) -> None:
    """Require that every speaker's line lists exactly its utterances in utt2spk, in order."""
    order = sorted(range(len(columns)), key=columns.speakers.__getitem__)
    expected = groupby(order, key=columns.speakers.__getitem__)
    for (speaker, rows), line in zip_longest(expected, _lines(spk2utt), fillvalue=("", "")):
        if line != (speaker, " ".join(columns.ids[row] for row in rows)):
            raise _Unsure
