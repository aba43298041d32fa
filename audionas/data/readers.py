"""Readers of common data layouts, as utterances: a folder per class, and the lists of other toolkits."""

import csv
import json
import os
import re
from codecs import BOM_UTF8
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from audionas.core.errors import Problem, UserError
from audionas.core.files import parsed, read_text
from audionas.core.reporter import Reporter
from audionas.data.files import listing
from audionas.data.kaldi import Item
from audionas.data.labels import UNKNOWN
from audionas.data.tables import LABEL

Row = Mapping[str, Any]
# Folders that archivers, file managers and disks leave; no class is called so
DROPPINGS = frozenset(
    {
        "__MACOSX",
        "__pycache__",
        "@eaDir",
        "lost+found",
        "System Volume Information",
        "$RECYCLE.BIN",
        "RECYCLER",
    }
)


def folder(
    path: Path | str, *, pattern: str = "", skip: tuple[str, ...] = (), say: listing.Say | None = None
) -> list[Item]:
    """Read one folder per class, named after the label, with its subfolders. `skip` names folders to skip,
    besides those that archivers leave (`droppings`).

    `say` is told what looks like sound and is left out, see `listing.sounds`.

    `pattern` is a regular expression with a group `speaker`, searched in `class/.../file.wav`.
    Without one each clip is its own speaker. Seconds and sums are not filled in.

    Raises:
        UserError: no or empty class folders, files that the pattern does not match, ids that clash.
    """
    root = Path(path)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder")
    expression = _expression(pattern)
    left_out = DROPPINGS | {*skip}
    classes = sorted(f for f in root.iterdir() if f.is_dir() and f.name[0] != "." and f.name not in left_out)
    if not classes:
        raise UserError(
            f"{root}: has no folders", hint="Expected one folder per class, with its clips in it."
        )
    items: list[Item] = []
    problems: list[str] = []
    found = _by_class(root, skip, say)
    for label in classes:
        if label.name not in found:
            problems.append(Problem(label, f"no audio file in this class (known: {listing.known()})"))
        for file in found.get(label.name, ()):
            item = _from_folder(root, label.name, file, expression)
            if item is None:
                problems.append(Problem(file, f"the speaker pattern '{pattern}' does not match its path"))
            else:
                items.append(item)
    return _checked(items, problems)


def droppings(path: Path | str) -> list[str]:
    """The folders in `path` that `folder` takes for no class."""
    return sorted(f.name for f in Path(path).iterdir() if f.is_dir() and f.name in DROPPINGS)


def wekws(path: Path | str, root: Path | str = "") -> list[Item]:
    """Read a wekws or WeNet `data.list`: JSON lines with key, wav, txt, duration; txt -1 is filler.

    `root` is the base of relative paths, by default the list's own folder. Labels may be numbers, those of a
    list of words (`words`, `named`). Raises UserError with every bad line.
    """

    def convert(row: Row) -> Item:
        label = _need(row, "txt")
        label = str(label) if type(label) is int else _label(label)
        return _item(str(_need(row, "key")), _need(row, "wav"), UNKNOWN if label == "-1" else label, row)

    return _rows(path, root, _json_lines, convert)


def nemo(path: Path | str, root: Path | str = "") -> list[Item]:
    """Read a NeMo manifest: JSON lines with audio_filepath, duration, offset, command or label.

    `root` as in `wekws`. Raises UserError with every bad line.
    """

    def convert(row: Row) -> Item:
        file = str(_need(row, "audio_filepath"))
        label = _label(row["command"] if row.get("command") not in (None, "") else _need(row, "label"))
        start = _number(row, "offset")
        stem = "-".join(Path(file).with_suffix("").parts[-2:]) + (f"-{start}" if start else "")
        return _item(stem, file, label, row, start=start)

    return _rows(path, root, _json_lines, convert)


def speechbrain(path: Path | str, root: Path | str = "") -> list[Item]:
    """Read a SpeechBrain CSV: ID, duration, start, stop (samples), wav, spk_id, command.

    `root` as in `wekws`; it also replaces `$data_root` and `{data_root}`. Raises UserError with
    every bad line.
    """

    def convert(row: Row) -> Item:
        file = re.sub(r"\$\{?data_root\}?|\{data_root\}", lambda _: str(root), str(_need(row, "wav")))
        first, last, seconds = (_number(row, name) for name in ("start", "stop", "duration"))
        start = first * seconds / (last - first) if last > first else 0.0  # rate = (stop - start) / duration
        speaker = str(row.get("spk_id") or "")
        label = row.get("command") or _need(row, "label")
        return _item(str(_need(row, "ID")), file, str(label), row, start=start, speaker=speaker)

    return _rows(path, root, _csv_lines, convert)


FORMATS: dict[str, Callable[[Path | str, Path | str], list[Item]]] = {
    "wekws": wekws,
    "nemo": nemo,
    "speechbrain": speechbrain,
}


def words(path: Path | str) -> dict[str, str]:
    """The words of a list with a word and its number per line, by number, as wekws has it in dict/words.txt.

    Raises UserError with every other line, and for a number that appears twice.
    """
    found: dict[str, str] = {}
    problems = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        word, _, place = line.strip().rpartition(" ")
        if not word.strip() or not re.fullmatch(r"-?\d+", place) or place in found:
            problems.append(Problem(f"{path}:{number}", "expected a word and its own number, not {!r}", line))
        found[place] = word.strip()
    if problems:
        raise UserError(problems)
    return found


def named(items: list[Item], known: Mapping[str, str]) -> list[Item]:
    """The items with words instead of numbers. Raises UserError for a number that has no word."""
    if absent := sorted({item.label for item in items} - {*known, UNKNOWN}):
        raise UserError(f"no word has the number {', '.join(absent)}", hint=f"Numbers: {', '.join(known)}")
    return [replace(item, label=known.get(item.label, item.label)) for item in items]


def slug(text: str) -> str:
    """`text` as part of an utterance id: runs of characters except letters, digits, `. + - _` become `_`."""
    return re.sub(r"[^\w.+-]+", "_", text).strip("_") or "_"


def _expression(pattern: str) -> re.Pattern[str] | None:
    if not pattern:
        return None
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise UserError(f"speaker pattern '{pattern}': not a regular expression ({error})") from error
    if "speaker" not in expression.groupindex:
        raise UserError(
            f"speaker pattern '{pattern}': has no group named speaker",
            hint="For files like anna_03.wav: '/(?P<speaker>[^_/]+)_[^/]*$'",
        )
    return expression


def _by_class(root: Path, skip: tuple[str, ...], say: listing.Say | None) -> dict[str, list[Path]]:
    """The sound files below each folder in the root; those beside the folders are left out, which is said."""
    tell, found = say or Reporter().note, defaultdict(list)
    for file in listing.sounds(root, tell, skip=skip):
        found[file.relative_to(root).parts[0] if file.parent != root else ""].append(file)
    if beside := found.pop("", []):
        tell(f"{root}: left out: {listing.told(beside, root)}: in no folder of a class")
    return found


def _from_folder(root: Path, label: str, file: Path, expression: re.Pattern[str] | None) -> Item | None:
    inside = file.relative_to(root)
    take = slug("-".join(inside.with_suffix("").parts[1:]))
    speaker = ""
    if expression is not None:
        match = expression.search(inside.as_posix())
        if match is None or not match["speaker"]:
            return None
        speaker = slug(match["speaker"])
    name = "-".join(part for part in (speaker, slug(label), take) if part)
    return Item(name, os.path.abspath(file), label, 0.0, speaker=speaker)


def _rows(
    path: Path | str,
    root: Path | str,
    lines: Callable[[Path], Iterator[tuple[int, Row | str]]],
    convert: Callable[[Row], Item],
) -> list[Item]:
    """Every row of a list as an item; relative audio paths start at `root`."""
    file = Path(path)
    if not file.is_file():
        raise UserError(f"{file}: no such file")
    begin = os.path.abspath(root or file.parent)
    items: list[Item] = []
    problems: list[str] = []
    for number, row in lines(file):
        try:
            if isinstance(row, str):
                raise ValueError(row)
            item = convert(row)
        except ValueError as error:
            problems.append(Problem(f"{file}:{number}", str(error)))
            continue
        source = os.path.normpath(os.path.join(begin, item.audio))
        if not os.path.isfile(source):
            problems.append(Problem(f"{file}:{number}", "no such audio file: {}", source))
        items.append(Item(item.id, source, item.label, item.seconds, item.start, item.speaker))
    return _checked(items, problems or ([] if items else [f"{file}: has no lines"]))


def _checked(items: list[Item], problems: list[str]) -> list[Item]:
    """The items sorted by id; two with the same id are a problem too."""
    first: dict[str, Item] = {}
    for item in items:
        if first.setdefault(item.id, item) is not item:
            other = first[item.id].audio
            problems.append(Problem(item.audio, "its id '{}' is also that of {}", item.id, other))
    if problems:
        raise UserError(problems)
    return sorted(items, key=lambda item: item.id)


def _json_lines(path: Path) -> Iterator[tuple[int, Row | str]]:
    for number, raw in enumerate(path.read_bytes().removeprefix(BOM_UTF8).split(b"\n"), 1):
        if not raw.strip():
            continue
        try:
            row = parsed(raw)
        except ValueError as error:  # broken or deep JSON, or not UTF-8
            yield number, f"not valid JSON ({error})"
            continue
        yield number, row if isinstance(row, dict) else "not a JSON object"


def _csv_lines(path: Path) -> Iterator[tuple[int, Row | str]]:
    reader = csv.DictReader(read_text(path).splitlines(), skipinitialspace=True)
    for row in reader:
        yield reader.line_num, row


def _label(value: Any) -> str:
    """A label that is text. What a program made of a word without quotes is refused, not guessed."""
    if not isinstance(value, str):
        raise ValueError(
            f"its label is {json.dumps(value)}, not text; write the word that is meant in quotes"
        )
    if len(value) > LABEL:
        raise ValueError(f"its label has {len(value):,} characters, more than {LABEL:,}")
    return value


def _item(name: str, file: Any, label: str, row: Row, *, start: float = 0.0, speaker: str = "") -> Item:
    """An item whose id begins with its speaker; its path is still as in the list."""
    if not label.strip():
        raise ValueError("its label is empty")
    speaker, name = speaker and slug(speaker), slug(name)
    name = name if name.startswith(speaker) else f"{speaker}-{name}"
    return Item(name, str(file), label.strip(), _number(row, "duration"), start, speaker)


def _need(row: Row, key: str) -> Any:
    value = row.get(key)
    if value is None or value == "":
        raise ValueError(f"'{key}' is missing")
    return value


def _number(row: Row, key: str) -> float:
    """A number of at least 0; 0.0 where the key is missing."""
    raw = row.get(key)
    if raw is None or raw == "":
        return 0.0
    try:
        value = float(raw)
    except (TypeError, ValueError):
        raise ValueError(f"'{key}': expected a number, not {raw!r}") from None
    if not 0 <= value < float("inf"):
        raise ValueError(f"'{key}': expected a number of at least 0, not {raw!r}")
    return value
