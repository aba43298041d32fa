"""The text files of a Kaldi data directory, parsed, and every fault in them."""

import os
import re
from codecs import BOM_UTF8
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from audionas.core.errors import Problem, UserError
from audionas.data import audio
from audionas.data.audio import TOLERANCE

FILES = ("wav.scp", "segments", "text", "utt2spk", "spk2utt", "utt2dur", "utt2sha256")
OPTIONAL = ("segments", "utt2sha256")
LONGEST = 10_000_000  # seconds of a recording: 116 days
LABEL = 1000  # characters of a label
_SPACE = re.compile(r"[ \t]+")
_GUESSED = 0.3  # seconds: two frames of an MP3 at 8 kHz, by which a length that no header states may be wrong


class Line(NamedTuple):
    """A line without its key; `number` counts from 1."""

    number: int
    value: str


@dataclass
class TextFile:
    """One file: the first line of every key, and the keys whose value is unusable."""

    path: str
    lines: dict[str, Line] = field(default_factory=dict)
    useless: set[str] = field(default_factory=set)
    faults: list[tuple[int, Problem]] = field(default_factory=list)  # (line, what is wrong)

    def fault(self, line: int, what: str, *details: object) -> None:
        """Record a fault as a template and its details; line 0 means the file as a whole."""
        where = f"{self.path}:{line}" if line else self.path
        self.faults.append((line, Problem(where, what, *details)))

    def spoil(self, key: str, what: str, *details: object) -> None:
        """Record a fault that makes the value of `key` unusable."""
        self.useless.add(key)
        self.fault(self.lines[key].number, f"'{{}}'{what}", key, *details)

    def get(self, key: str) -> str | None:
        """The usable value of a key."""
        line = self.lines.get(key)
        return None if line is None or key in self.useless else line.value


class Tables:
    """All files of a data directory. `base` is the base of relative paths in wav.scp."""

    def __init__(self, folder: Path | str) -> None:
        self.base = base(folder)
        if not os.path.isdir(folder):
            raise UserError(
                f"{folder}: no such data directory", hint="Data directories come from: audionas prep"
            )
        self.files = {name: _load(os.path.join(folder, name)) for name in FILES}
        present = {name for name in FILES if os.path.exists(os.path.join(folder, name))}
        self.segmented = "segments" in present
        needed = set(FILES) - set(OPTIONAL) - ({"utt2dur"} if self.segmented else set())
        for name in sorted(needed - present):
            self.files[name].fault(0, "the file is missing")
        self.present = present
        self.keys = self.files["segments" if self.segmented else "wav.scp"]  # one line per utterance
        self._check()

    def faults(self) -> list[Problem]:
        """Every fault as `path:line: what`, in the order of files and lines."""
        return [problem for table in self.files.values() for _, problem in sorted(table.faults)]

    def recording(self, utterance: str) -> str:
        """The key in wav.scp of an utterance."""
        if not self.segmented:
            return utterance
        value = self.files["segments"].get(utterance)
        return value.split()[0] if value else ""

    def audio(self, utterance: str) -> str | None:
        """The absolute path of an utterance's audio file, or None if it is unusable."""
        value = self.files["wav.scp"].get(self.recording(utterance))
        return None if value is None else resolve(self.base, value)

    def span(self, utterance: str) -> tuple[float, float] | None:
        """Start and seconds of an utterance: from segments, else from utt2dur."""
        seconds = self.files["utt2dur"].get(utterance)
        if not self.segmented:
            return None if seconds is None else (0.0, float(seconds))
        value = self.files["segments"].get(utterance)
        if value is None:
            return None
        start, end = (float(number) for number in value.split()[1:])
        return start, float(seconds) if seconds is not None else end - start

    def speakers(self) -> dict[str, str]:
        """The speaker of each utterance according to spk2utt; the first mention counts."""
        found: dict[str, str] = {}
        for speaker, line in self.files["spk2utt"].lines.items():
            for utterance in line.value.split():
                found.setdefault(utterance, speaker)
        return found

    def measure(self) -> None:
        """Compare the seconds of whole recordings with their files too: a header is read of each."""
        utt2dur = self.files["utt2dur"]
        for key, value in () if self.segmented else _usable(utt2dur):
            if (path := self.audio(key)) is None:
                continue
            lasts = _length(self.files["wav.scp"], key, path)
            if isfinite(lasts) and misfits(path, float(value), lasts):
                utt2dur.spoil(key, ": {} s, but its recording has {:.3f} s", value, lasts)

    def _check(self) -> None:
        _check_audio(self.files["wav.scp"], self.base)
        if self.segmented:
            _check_segments(self.files["segments"], self.files["wav.scp"], self.base)
        _check_speakers(self.files["utt2spk"], self.files["spk2utt"], self.present)
        _check_seconds(self.files["utt2dur"], self.files["segments"])
        _check_sums(self.files["utt2sha256"])
        _check_labels(self.files["text"])
        for name in ("text", "utt2spk", "utt2dur", "utt2sha256"):
            if name in self.present:
                _compare(self.keys, self.files[name])
        if not self.keys.lines:
            self.keys.fault(0, "has no utterances")


def base(folder: Path | str) -> str:
    """The base of relative paths: the directory itself, or the target if it is a symbolic link."""
    return os.path.realpath(folder) if os.path.islink(folder) else os.path.abspath(folder)


def resolve(folder: str, path: str) -> str:
    """An entry of wav.scp as an absolute path."""
    return os.path.normpath(os.path.join(folder, path))


def misfits(path: str, recorded: float, lasts: float) -> bool:
    """True where a recording lasts longer or shorter than what is recorded of it."""
    return abs(lasts - recorded) > (_GUESSED if path.lower().endswith(".mp3") else TOLERANCE)


def goes_on(path: str, seconds: float) -> bool:
    """True where a recording, if it can be read, goes on after these seconds."""
    try:
        lasts = audio.length(path)
    except UserError:
        return False
    return lasts > seconds and misfits(path, seconds, lasts)


def number(text: str) -> float | None:
    """The finite number in a text, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def _load(path: str) -> TextFile:
    table = TextFile(path)
    if not os.path.exists(path):
        return table
    raw = Path(path).read_bytes().removeprefix(BOM_UTF8).split(b"\n")
    last = ""
    for line, content in enumerate(raw if raw[-1] else raw[:-1], 1):
        try:
            text = content.decode().strip(" \t\r")
        except UnicodeDecodeError:
            table.fault(line, "not UTF-8")
            continue
        key, value = (*_SPACE.split(text, maxsplit=1), "")[:2]
        if not key:
            table.fault(line, "an empty line")
        elif key in table.lines:
            table.fault(line, "'{}' is already on line {}", key, table.lines[key].number)
        else:
            if key < last:  # code points sort like UTF-8 bytes, which is the C locale's order
                table.fault(line, "not sorted: '{}' comes after '{}' (C locale order)", key, last)
            table.lines[key] = Line(line, value)
            if not value:
                what = "its label" if path.endswith(f"{os.sep}text") else "the value"
                table.spoil(key, f": {what} is empty")
        last = max(last, key)
    return table


def _usable(table: TextFile) -> list[tuple[str, str]]:
    return [(key, line.value) for key, line in table.lines.items() if key not in table.useless]


def _check_audio(table: TextFile, folder: str) -> None:
    for key, value in _usable(table):
        if value.startswith("|") or value.endswith("|"):
            table.spoil(key, " is a command, and commands are not run; name an audio file")
        elif not os.path.isfile(path := resolve(folder, value)):
            table.spoil(key, ": no such audio file: {}", path)


def _check_segments(segments: TextFile, recordings: TextFile, folder: str) -> None:
    lengths: dict[str, float] = {}
    for key, value in _usable(segments):
        parts = value.split()
        times = [number(part) for part in parts[1:]]
        if len(parts) != 3 or times[0] is None or times[1] is None:
            segments.spoil(key, ": expected a recording, its start and its end in seconds")
            continue
        start, end = times[0], times[1]
        recording = parts[0]
        if recording not in recordings.lines:
            segments.spoil(key, ": recording '{}' is not in wav.scp", recording)
        elif not 0 <= start < end:
            segments.spoil(key, ": starts at {} s and ends at {} s", start, end)
        elif (path := recordings.get(recording)) is not None:
            if recording not in lengths:
                lengths[recording] = _length(recordings, recording, resolve(folder, path))
            if end > lengths[recording] + TOLERANCE:
                segments.spoil(key, ": ends at {} s, its recording at {:.3f} s", end, lengths[recording])


def _length(recordings: TextFile, key: str, path: str) -> float:
    """Seconds in a recording; one that cannot be opened is a separate fault."""
    try:
        return audio.length(path)
    except UserError as error:
        recordings.spoil(key, ": {}", error.problems[0])
        return float("inf")


def _check_speakers(utt2spk: TextFile, spk2utt: TextFile, present: set[str]) -> None:
    for utterance, speaker in _usable(utt2spk):
        if len(speaker.split()) > 1:
            utt2spk.spoil(utterance, ": a speaker is one word, not '{}'", speaker)
        elif not utterance.startswith(speaker):
            line_number = utt2spk.lines[utterance].number
            utt2spk.fault(line_number, "'{}' does not begin with its speaker '{}'", utterance, speaker)
    if not {"utt2spk", "spk2utt"} <= present:
        return
    listed: set[tuple[str, str]] = set()
    for speaker, line in spk2utt.lines.items():
        for utterance in line.value.split():
            known = utt2spk.lines.get(utterance)
            if (speaker, utterance) in listed:
                spk2utt.fault(line.number, "lists '{}' twice", utterance)
            elif known is None:
                spk2utt.fault(line.number, "lists '{}', which is not in utt2spk", utterance)
            elif known.value != speaker:
                told = (utterance, speaker, known.number, known.value)
                spk2utt.fault(line.number, "gives '{}' to '{}', utt2spk:{} to '{}'", *told)
            listed.add((speaker, utterance))
    for utterance, speaker in _usable(utt2spk):
        if (speaker, utterance) not in listed:
            line_number = utt2spk.lines[utterance].number
            utt2spk.fault(line_number, "spk2utt does not list '{}' under '{}'", utterance, speaker)


def _check_seconds(utt2dur: TextFile, segments: TextFile) -> None:
    for key, value in _usable(utt2dur):
        seconds = number(value)
        if seconds is None or not 0 < seconds <= LONGEST:
            utt2dur.spoil(
                key, ": expected a number of seconds above 0, at most {:,}, not '{}'", LONGEST, value
            )
        elif (segment := segments.get(key)) is not None:
            start, end = (float(part) for part in segment.split()[1:])
            if abs(end - start - seconds) > TOLERANCE:
                utt2dur.spoil(key, ": {} s, but its segment has {:.3f} s", seconds, end - start)


def _check_sums(sums: TextFile) -> None:
    for key, value in _usable(sums):
        if not re.fullmatch(r"[0-9a-f]{64}", value):
            sums.spoil(key, ": not a SHA-256 in hexadecimal digits")


def _check_labels(text: TextFile) -> None:
    for key, value in _usable(text):
        if len(value) > LABEL:
            text.spoil(key, ": its label has {:,} characters, more than {:,}", len(value), LABEL)


def _compare(keys: TextFile, table: TextFile) -> None:
    """Require a line in `table` for every utterance, and for no other."""
    source = os.path.basename(keys.path)
    for key, line in table.lines.items():
        if key not in keys.lines:
            table.fault(line.number, f"utterance '{{}}' is not in {source}", key)
    for key, line in keys.lines.items():
        if key not in table.lines:
            table.fault(0, f"no line for utterance '{{}}' ({source}:{{}})", key, line.number)
