"""Readers of common data layouts, as utterances: a folder per class, and the lists of other toolkits."""

import csv
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from audionas.core.errors import UserError
from audionas.core.files import read_text
from audionas.data.audio import SUFFIXES
from audionas.data.kaldi import Item
from audionas.data.labels import UNKNOWN

Row = Mapping[str, Any]


def folder(path: Path | str, *, pattern: str = "", skip: tuple[str, ...] = ()) -> list[Item]:
    """Read one folder per class, named after the label, with its subfolders. `skip` names folders to skip.

    `pattern` is a regular expression with a group `speaker`, searched in `class/.../file.wav`.
    Without one each clip is its own speaker. Seconds and sums are not filled in.

    Raises:
        UserError: no or empty class folders, files that the pattern does not match, ids that clash.
    """
    root = Path(path)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder")
    expression = _expression(pattern)
    classes = sorted(f for f in root.iterdir() if f.is_dir() and f.name[0] != "." and f.name not in skip)
    if not classes:
        raise UserError(
            f"{root}: has no folders", hint="Expected one folder per class, with its clips in it."
        )
    items, problems = [], []
    for label in classes:
        files = _audio_files(label)
        if not files:
            problems.append(f"{label}: no audio file in this class (known: {' '.join(sorted(SUFFIXES))})")
        for file in files:
            item = _from_folder(root, label.name, file, expression)
            if item is None:
                problems.append(f"{file}: the speaker pattern '{pattern}' does not match its path")
            else:
                items.append(item)
    return _checked(items, problems)


def wekws(path: Path | str, root: Path | str = "") -> list[Item]:
    """Read a wekws or WeNet `data.list`: JSON lines with key, wav, txt, duration; txt -1 is filler.

    `root` is the base of relative paths, by default the list's own folder. Raises UserError with
    every bad line.
    """

    def convert(row: Row) -> Item:
        label = str(_need(row, "txt"))
        return _item(str(_need(row, "key")), _need(row, "wav"), UNKNOWN if label == "-1" else label, row)

    return _rows(path, root, _json_lines, convert)


def nemo(path: Path | str, root: Path | str = "") -> list[Item]:
    """Read a NeMo manifest: JSON lines with audio_filepath, duration, offset, command or label.

    `root` as in `wekws`. Raises UserError with every bad line.
    """

    def convert(row: Row) -> Item:
        file = str(_need(row, "audio_filepath"))
        label = row.get("command") or _need(row, "label")
        start = _number(row, "offset")
        stem = "-".join(Path(file).with_suffix("").parts[-2:]) + (f"-{start}" if start else "")
        return _item(stem, file, str(label), row, start=start)

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


def _audio_files(folder: Path) -> list[Path]:
    return sorted(
        Path(base, name)
        for base, _, names in os.walk(folder)
        for name in names
        if Path(name).suffix.lower() in SUFFIXES and name[0] != "."
    )


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
    items, problems = [], []
    for number, row in lines(file):
        try:
            if isinstance(row, str):
                raise ValueError(row)
            item = convert(row)
        except ValueError as error:
            problems.append(f"{file}:{number}: {error}")
            continue
        source = os.path.normpath(os.path.join(begin, item.audio))
        if not os.path.isfile(source):
            problems.append(f"{file}:{number}: no such audio file: {source}")
        items.append(Item(item.id, source, item.label, item.seconds, item.start, item.speaker))
    return _checked(items, problems or ([] if items else [f"{file}: has no lines"]))


def _checked(items: list[Item], problems: list[str]) -> list[Item]:
    """The items sorted by id; two with the same id are a problem too."""
    first: dict[str, Item] = {}
    for item in items:
        if first.setdefault(item.id, item) is not item:
            problems.append(f"{item.audio}: its id '{item.id}' is also that of {first[item.id].audio}")
    if problems:
        raise UserError(problems)
    return sorted(items, key=lambda item: item.id)


def _json_lines(path: Path) -> Iterator[tuple[int, Row | str]]:
    for number, raw in enumerate(path.read_bytes().split(b"\n"), 1):
        if not raw.strip():
            continue
        try:
            row = json.loads(raw)
        except ValueError as error:  # broken JSON, or not UTF-8
            yield number, f"not valid JSON ({error})"
            continue
        yield number, row if isinstance(row, dict) else "not a JSON object"


def _csv_lines(path: Path) -> Iterator[tuple[int, Row | str]]:
    text = read_text(path, encoding="utf-8-sig")
    reader = csv.DictReader(text.splitlines(), skipinitialspace=True)
    for row in reader:
        yield reader.line_num, row


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
