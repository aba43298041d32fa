"""What a command leaves in a folder, times aside; and what it should not leave."""

import csv
import hashlib
import io
import itertools
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from tests.torture._forks import Ended

# Keys of times, of the machine, and of the process in which something was measured
TIMES = {
    *("seconds", "started", "environment", "latency_ms", "network_latency_ms", "seconds_per_epoch"),
    *("seconds_per_step", "search_seconds", "train_seconds", "peak_mb", "memory_mb", "ms", "mtime"),
}
MEASURED = re.compile(
    r"\b\d+(\.\d+)?(?= ?(ms|s|seconds|MB|MiB|GB|GiB)\b)"  # in a sentence
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+\d\d:\d\d"
    r"|[\d.]+ \| [\d.]+ × \| [\d.]+ × \|"  # the last columns of the tables of compare
    r"|(?m:(?<=\| )[\d.,]+ \|$)"  # and of what it gave each method, the seconds of a search
)
COMMAND = re.compile(
    r"^- (command|commit): .*|\b[0-9a-f]{12}(-dirty)?(?= \|)", re.MULTILINE
)  # --resume or not
PLACED = re.compile(r"(?<=/sums-)[0-9a-f]{12}(?=\.safetensors$)")  # named by where the recordings lie
DRAFT = re.compile(r"^\.(?!.*\.lock$|audionas$)|\.(part|draft|unpacking)$")


class Whole(NamedTuple):
    """An uninterrupted run: its files, and how many events they took."""

    files: dict[str, Any]
    events: int


def require_same(done: Ended, folder: Path, whole: Whole, what: str) -> None:
    """Fail unless a command that was continued has left what an uninterrupted one leaves, and no more."""
    assert done.status == 0, f"{what}, then: {done.told}"
    assert done.left == [], f"{what}, then processes stay: {done.left}"
    assert (different := differing(left(folder), whole.files)) == [], f"{what}: {different}"
    assert (hidden := drafts(folder)) == [], f"{what}: drafts stay: {hidden}"


def left(folder: Path) -> dict[str, Any]:
    """The files below a folder by name: parsed JSON, text, or a checksum; of logs of times only the names."""
    found, numbers = {}, itertools.count()
    for file in _files(folder):
        name = str(file.relative_to(folder))
        if PLACED.search(name):
            found[PLACED.sub(str(next(numbers)), name)] = "facts of recordings, with their times"
        else:
            found[name] = _content(file, folder)
    return found


def differing(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Names of files that only one has, or that differ."""
    return sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))


def drafts(folder: Path) -> list[str]:
    """Files and folders that were to be renamed, and were not."""
    found = (str(path.relative_to(folder)) for path in folder.rglob("*") if DRAFT.search(path.name))
    return sorted(found)


def _files(folder: Path) -> list[Path]:
    skipped = re.compile(rf"\.lock$|^events\.out\.tfevents|{DRAFT.pattern}")
    return [f for f in sorted(folder.rglob("*")) if f.is_file() and not skipped.search(f.name)]


def _content(file: Path, folder: Path) -> Any:
    raw = file.read_bytes()
    if file.name in ("env.json", "checked.json"):  # times, and the times of files
        return len(json.loads(raw))
    try:
        text = raw.decode().replace(str(folder.resolve()), "FOLDER")
    except UnicodeDecodeError:
        return hashlib.sha256(raw).hexdigest()
    if file.suffix == ".csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        return [_without_times(row) for row in rows]
    if file.suffix == ".json":
        return _without_times(json.loads(text))
    if file.suffix == ".jsonl":
        return [_without_times(json.loads(line)) for line in text.splitlines()]
    if file.suffix == ".html" or file.name == "make.log":  # made from other files; all that was printed
        return len(text) > 0
    return COMMAND.sub("", MEASURED.sub("TIME", text))


def _measured(key: str) -> bool:
    return key in TIMES or key.endswith("_seconds")


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(inner) for key, inner in value.items() if not _measured(key)}
    if isinstance(value, list):
        return [_without_times(inner) for inner in value]
    return value
