"""Kaldi data directories as sequences of utterances: read, write, validate, fix.

A directory holds `wav.scp`, `text` (the label), `utt2spk`, `spk2utt`, `utt2dur` (seconds), and may
hold `segments` (several utterances in one recording) and `utt2sha256` (of the audio file, taken at
preparation). `labels.txt`, the classes in their order, lies beside the directories of a corpus.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count as numbers
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple, overload

from audionas.core.errors import Problem, UserError
from audionas.core.files import atomic, read_text, sha256, write_text
from audionas.core.hostile import command
from audionas.core.reporter import amount
from audionas.data import audio
from audionas.data.columns import Columns
from audionas.data.owned import SUMS, require_own
from audionas.data.quick import quick
from audionas.data.tables import FILES, Tables, base, goes_on


@dataclass(frozen=True, slots=True)
class Item:
    """One utterance. Seconds of 0.0, an empty speaker or an empty sum are unknown: `write` fills them in."""

    id: str
    audio: str  # absolute path
    label: str
    seconds: float
    start: float = 0.0  # seconds into the file
    speaker: str = ""  # or recording session
    sha256: str = ""  # of the audio file


LICENCE = "licence.txt"  # beside or above the data directories
_row = attrgetter(*Item.__slots__)  # its fields, in order


class DataDir(Sequence[Item]):
    """The utterances of a data directory, or a part of them, in C-locale order of their ids.

    They are held in columns, at about 200 bytes each; an item is made when it is requested. Where they are
    `whole`, without segments, each must last as long as its file.
    """

    def __init__(
        self,
        path: Path | str,
        items: Iterable[Item] | Columns,
        sums: "_Sums | None" = None,
        *,
        whole: bool = False,
    ) -> None:
        self.path, self.whole = Path(path), whole
        self._sums = _Sums() if sums is None else sums
        columns = items if isinstance(items, Columns) else Columns(map(_row, items))
        self._columns = columns.in_order()

    def __len__(self) -> int:
        return len(self._columns)

    def __iter__(self) -> Iterator[Item]:
        return (Item(*row) for row in self._columns)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> "DataDir": ...
    def __getitem__(self, index: int | slice) -> "Item | DataDir":
        if isinstance(index, slice):
            return self.chosen(range(len(self))[index])
        return Item(*self._columns.row(index))

    def chosen(self, indices: Iterable[int]) -> "DataDir":
        """The utterances at these places."""
        return DataDir(self.path, self._columns.chosen(indices), self._sums, whole=self.whole)

    def content(self, item: Item) -> str:
        """The SHA-256 of an utterance's file: that of preparation, or taken now and kept."""
        return item.sha256 or self._sums[item.audio]

    @property
    def files(self) -> Iterator[tuple[str, str, float]]:
        """Path and recorded SHA-256 of the audio of each utterance, and its seconds: quicker than items."""
        return zip(self._columns.audio, self._columns.sums, self._columns.seconds, strict=True)

    @cached_property
    def labels(self) -> list[str]:
        """The labels that occur, sorted."""
        return sorted({item.label for item in self})

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over ids, audio, times and labels: equal if and only if the data are equal."""
        digest = hashlib.sha256()
        for item in self:
            row = (item.id, self.content(item), repr(item.start), repr(item.seconds), item.label)
            digest.update("\x1f".join(row).encode() + b"\n")
        return digest.hexdigest()

    def where(self, keep: Callable[[Item], bool]) -> "DataDir":
        """The utterances for which `keep` is true."""
        return self.chosen(index for index, item in enumerate(self) if keep(item))

    def split(self, ratio: float, seed: int, by: str = "speaker") -> tuple["DataDir", "DataDir"]:
        """Split into two parts, the first with `ratio` of the speakers (`by="id"`: utterances), none in both.

        Raises UserError where one of the parts would be empty.
        """
        from sklearn.model_selection import GroupShuffleSplit  # a second to import, and rarely needed

        from audionas.core.rng import seed_of

        groups = [item.speaker or item.id if by == "speaker" else item.id for item in self]
        count = len(set(groups))
        if not 1 <= round(ratio * count) < count:
            raise UserError(
                f"{self.path}: {count} different values of '{by}' cannot be split at {ratio}",
                hint="Use a ratio nearer to 0.5, or split by='id'.",
            )
        state = seed_of("split", seed) % 2**32
        splitter = GroupShuffleSplit(n_splits=1, train_size=round(ratio * count), random_state=state)
        parts = next(splitter.split(groups, groups=groups))
        return self.chosen(parts[0].tolist()), self.chosen(parts[1].tolist())

    @property
    def partial(self) -> bool:
        """True where an utterance is only a part of its file."""
        return self._columns.partial()


def read(path: Path | str) -> DataDir:
    """The utterances of a directory.

    Raises one UserError with every fault of the directory, each with its file and line.
    """
    if (columns := quick(path)) is not None:
        return DataDir(path, columns, whole=True)
    tables = Tables(path)  # all of its files at once: they report the faults
    if faults := tables.faults():
        raise UserError(faults, hint=_repair(path))
    return DataDir(path, _items(tables), whole=not tables.segmented)


def validate(path: Path | str) -> list[Problem]:
    """Every fault of a directory as `file:line: what is wrong`; an empty list if there is none."""
    tables = Tables(path)
    tables.measure()
    return tables.faults()


def write(path: Path | str, items: Iterable[Item], relative: bool = True) -> DataDir:
    """Write a directory, each file atomically, and return its utterances.

    Unknown seconds, speakers (then the id itself) and SHA-256 sums are filled in. With `relative`,
    audio under the directory's parent gets a relative path, so that the whole corpus can be moved.

    Raises UserError that names all ids, labels or paths that the format cannot hold, and as `require_own`.
    """
    require_own(path)
    return _write(path, items, relative)


def _write(path: Path | str, items: Iterable[Item], relative: bool = True) -> DataDir:
    sums = _Sums()
    columns, problems = Columns(), []
    for item in items:
        try:
            columns.append(_row(_filled(item, sums)))
        except UserError as error:
            problems += error.problems
    data = DataDir(path, columns)
    if problems := problems + _problems(data):
        raise UserError(problems)
    partial = data.partial or any(goes_on(path, seconds) for path, _, seconds in data.files)
    for name, lines in _lines(data, relative, partial).items():
        with atomic(data.path / name) as temporary, temporary.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
    if not partial:
        (data.path / "segments").unlink(missing_ok=True)
    return DataDir(path, columns, whole=not partial)


class Repair(NamedTuple):
    """A repair of a directory: the utterances that stay, and each change as a sentence."""

    items: list[Item]
    changes: list[Problem]
    dropped: int
    before: Path = Path()  # once it is done: the folder with the files as they were


def repair(path: Path | str) -> Repair | None:
    """The repair that `fix` would make of a directory; None for a valid one. Nothing is written.

    Lines are sorted, duplicate and incomplete utterances dropped, ids prefixed with their speaker, spk2utt
    regenerated, and durations measured that are missing or not those of the recordings.
    """
    tables = Tables(path)
    tables.measure()
    if not (changes := tables.faults()):
        return None
    kept: dict[str, Item] = {}
    dropped: list[Problem] = []
    by_speaker = tables.speakers()
    named = tables.files["utt2spk"].lines or by_speaker
    for key in sorted(tables.keys.lines):
        speaker = tables.files["utt2spk"].get(key) or by_speaker.get(key, "" if named else key)
        item = _rescued(tables, key, speaker, path)
        if isinstance(item, Problem):
            dropped.append(item)
        elif item.id in kept:
            dropped.append(
                Problem(path, "dropped '{}': with its speaker it is '{}', which exists", key, item.id)
            )
        else:
            kept[item.id] = item
            if item.id != key:
                changes.append(Problem(path, "renamed '{}' to '{}'", key, item.id))
    return Repair(list(kept.values()), changes + dropped, len(dropped))


def fix(path: Path | str) -> Repair | None:
    """Make a faulty directory valid and return what was done; a valid one is left as it is.

    The files as they were are kept in `before_fix`, or `before_fix-2` and so on, inside the directory.

    Raises UserError where no utterance would be left.
    """
    found = repair(path)
    if found is None:
        return None
    if not found.items:
        raise UserError(found.changes, hint=f"{path}: no utterance is complete; prepare the directory again.")
    before = _keep(Path(path))
    _write(path, found.items)
    return found._replace(before=before)


def _keep(folder: Path) -> Path:
    """Copy the files of a directory into a new folder inside it, and return that."""
    names = (f"before_fix{f'-{number}' if number > 1 else ''}" for number in numbers(1))
    place = next(place for name in names if not (place := folder / name).exists())
    place.mkdir()
    for name in FILES:
        if (folder / name).is_file():
            shutil.copy2(folder / name, place / name)
    return place


def write_licence(folder: Path, text: str) -> None:
    """Write `licence.txt`: the terms of use for the recordings below `folder`, one line per source."""
    write_text(folder / LICENCE, text + "\n")


def read_licence(folder: Path) -> str:
    """The text of `licence.txt` in the folder or up to two above it; empty if there is none."""
    for place in (folder, *folder.absolute().parents[:2]):
        if (place / LICENCE).is_file():
            lines = read_text(place / LICENCE).splitlines()
            return "; ".join(line.strip() for line in lines if line.strip())
    return ""


class _Sums(dict[str, str]):
    """SHA-256 of audio files, each computed once."""

    def __missing__(self, path: str) -> str:
        self[path] = sha256(path)
        return self[path]


def _repair(path: Path | str) -> str:
    return f"See what a repair would drop, then repair it: {command('audionas', 'check', path)} [--fix]"


def _items(tables: Tables) -> Iterator[Item]:
    text, speakers, sums = (tables.files[name].lines for name in ("text", "utt2spk", "utt2sha256"))
    for key in tables.keys.lines:
        source, span = tables.audio(key), tables.span(key)
        assert source is not None  # a directory without faults has both
        assert span is not None
        content = sums[key].value if key in sums else ""
        yield Item(key, source, text[key].value, span[1], span[0], speakers[key].value, content)


def _filled(item: Item, sums: _Sums) -> Item:
    path = os.path.abspath(item.audio)
    seconds = item.seconds if item.seconds > 0 else audio.length(path) - item.start
    if path == item.audio and item.speaker and item.sha256 and item.seconds > 0:
        return item
    if not item.sha256 and not os.path.isfile(path):
        raise UserError(f"{path}: no such audio file (utterance '{item.id}')")
    return replace(
        item, audio=path, seconds=seconds, speaker=item.speaker or item.id, sha256=item.sha256 or sums[path]
    )


def _problems(data: DataDir) -> list[str]:
    """Everything in the data that the format cannot hold."""
    path = data.path
    found = [] if len(data) else [f"{path}: no utterances to write"]
    for key, same in groupby(item.id for item in data):
        if (count := len(list(same))) > 1:
            found.append(f"{path}: {amount(count, 'utterance')} are called '{key}'")
    for item in data:
        if not re.fullmatch(r"\S+", item.id) or not re.fullmatch(r"\S+", item.speaker):
            found.append(f"{path}: '{item.id}' of speaker '{item.speaker}': blanks are not allowed in either")
        if not item.id.startswith(item.speaker):
            found.append(f"{path}: '{item.id}' does not begin with its speaker '{item.speaker}'")
        if not _one_line(item.label):
            found.append(f"{path}: '{item.id}': a label is one line, not {item.label!r}")
        if not _one_line(item.audio) or item.audio.endswith("|"):
            found.append(f"{path}: '{item.id}': wav.scp cannot hold the path {item.audio!r}")
        if not 0 < item.seconds < float("inf") or not 0 <= item.start < float("inf"):
            found.append(f"{path}: '{item.id}': {item.seconds} s from {item.start} s is not a time span")
    return found


def _one_line(text: str) -> bool:
    """True where a line of UTF-8 can hold the text; file names in other encodings contain surrogates."""
    encodable = not any("\ud800" <= character <= "\udfff" for character in text)
    return encodable and bool(text) and "\n" not in text and text == text.strip(" \t\r")


def _lines(data: DataDir, relative: bool, partial: bool) -> dict[str, Iterable[str]]:
    """The lines of every file, sorted; with `partial`, utterances are parts of recordings."""
    above = os.path.join(os.path.dirname(base(data.path)), "")

    def entry(audio: str) -> str:
        return f"../{audio[len(above) :]}" if relative and audio.startswith(above) else audio

    speakers = [item.speaker for item in data]
    by_speaker = groupby(sorted(range(len(data)), key=speakers.__getitem__), key=speakers.__getitem__)
    files: dict[str, Iterable[str]] = {
        SUMS: (f"{item.id} {item.sha256}" for item in data),  # first: see data/owned.py
        "wav.scp": (f"{item.id} {entry(item.audio)}" for item in data),
        "text": (f"{item.id} {item.label}" for item in data),
        "utt2spk": (f"{item.id} {item.speaker}" for item in data),
        "spk2utt": (f"{speaker} {' '.join(data[row].id for row in rows)}" for speaker, rows in by_speaker),
        "utt2dur": (f"{item.id} {item.seconds!r}" for item in data),
    }
    if partial:
        names = _recordings({item.audio for item in data})
        files["wav.scp"] = sorted(f"{name} {entry(path)}" for path, name in names.items())
        files["segments"] = (
            f"{item.id} {names[item.audio]} {item.start!r} {item.start + item.seconds!r}" for item in data
        )
    return files


def _recordings(paths: Iterable[str]) -> dict[str, str]:
    """A name for every recording: its file's stem, with a number where two share one."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for path in sorted(paths):
        stem = name = re.sub(r"\s+", "_", Path(path).stem)
        count = 1
        while name in taken:
            count += 1
            name = f"{stem}-{count}"
        taken.add(name)
        names[path] = name
    return names


def _rescued(tables: Tables, key: str, speaker: str, folder: Path | str) -> Item | Problem:
    """The usable part of an utterance, or the reason why it cannot be used."""
    path, label = tables.audio(key), tables.files["text"].get(key)
    if path is None or (tables.segmented and tables.files["segments"].get(key) is None):
        return Problem(folder, "dropped '{}': no usable audio", key)
    if label is None:
        return Problem(folder, "dropped '{}': no label", key)
    if not speaker:
        return Problem(folder, "dropped '{}': no speaker", key)
    span = tables.span(key)
    try:
        start, seconds = span if span is not None else (0.0, audio.length(path))
    except UserError as error:
        return Problem(folder, "dropped '{}': {}", key, error.problems[0])
    if seconds <= 0:
        return Problem(folder, "dropped '{}': {} holds no audio", key, path)
    name = key if key.startswith(speaker) else f"{speaker}-{key}"
    return Item(name, path, label, seconds, start, speaker, tables.files["utt2sha256"].get(key) or "")
