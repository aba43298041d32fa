"""Recordings that an exported file listens to, and its scores of them, kept so that they are made once."""

import json
import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from audionas.core.errors import UserError, did_you_mean
from audionas.core.files import atomic, sha256, sha256_text
from audionas.core.report import Reporter
from audionas.data import audio, kaldi, readers
from audionas.data.kaldi import Item
from audionas.export.listener import Listener
from audionas.run._events import Event, Spotter
from audionas.run._exported import Exported

BLOCK = 10.0  # seconds of audio decoded at a time
TAIL = 0.5  # seconds of silence after a recording: a word at its end is heard a little later
_PART = 600.0  # seconds of audio whose scores are stored together: what an interruption may cost


class Heard(NamedTuple):
    """Scores of recordings, (hops, keywords) float32 each; a hop is `hop` seconds."""

    items: Sequence[Item]
    scores: Sequence[np.ndarray]
    hop: float


def recordings(path: Path) -> list[Item]:
    """Of a Kaldi data directory its utterances, of any other folder every audio file in it, of a file itself.

    Raises one UserError with every file that is no audio, and where there is none.
    """
    if (path / "wav.scp").is_file():
        return list(kaldi.read(path))
    if not path.exists():
        raise UserError(f"{path}: no such folder or file")
    files = [path] if path.is_file() else sorted(_audio_files(path))
    if not files:
        raise UserError(
            f"{path}: no audio file here (known: {' '.join(sorted(audio.SUFFIXES))})",
            hint="Give a folder of recordings, or a Kaldi data directory.",
        )
    root = path.parent if path.is_file() else path
    names = unlike([readers.slug("-".join(file.relative_to(root).with_suffix("").parts)) for file in files])
    return timed([Item(name, str(file), "", 0.0) for name, file in zip(names, files, strict=True)])


def clips(path: Path, found: Exported, *, pattern: str = "") -> tuple[list[Item], int]:
    """The clips of keywords in a Kaldi data directory, or in a folder for each keyword; how many were others.

    `pattern` finds a folder's speakers, as in `audionas prep folder`. Raises UserError for a label that the
    model does not know, and for a keyword without a clip.
    """
    prepared = (path / "wav.scp").is_file()
    items = list(kaldi.read(path)) if prepared else readers.folder(path, pattern=pattern)
    labels, known = {item.label for item in items}, found.bundle.labels
    if unknown := sorted(label for label in labels - set(known) if not label.startswith("_")):
        raise UserError(
            [f"{path}: '{label}' is no label of the model.{did_you_mean(label, known)}" for label in unknown],
            hint=f"Its keywords: {' '.join(found.keywords)}",
        )
    if missing := [keyword for keyword in found.keywords if keyword not in labels]:
        raise UserError(
            f"{path}: no clip of {', '.join(missing)}",
            hint="Give clips of every keyword: a folder for each, or a Kaldi data directory.",
        )
    kept = [item for item in items if item.label in found.keywords]
    return (kept if prepared else timed(kept)), len(items) - len(kept)


def timed(items: Sequence[Item]) -> list[Item]:
    """The items with their seconds by the files' headers; one UserError for all that cannot be opened."""
    done, problems = [], []
    for item in items:
        try:
            done.append(replace(item, seconds=audio.length(item.audio)))
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    return done


def hear(
    found: Exported,
    items: Sequence[Item],
    *,
    resample: bool = False,
    store: Path,
    reporter: Reporter,
    name: str,
) -> Heard:
    """The exported file's scores of each recording and its silence after it, computed or found in `store`.

    Each is heard after a silence as long as the warm-up, whose scores are left out; so there is one for each
    hop. Raises UserError as reading and opening do.
    """
    content, parts = sha256(found.file), list(_parts(items))
    files = [store / f"{_key(content, part, resample)}.safetensors" for part in parts]
    known = {file: loaded for file in files if (loaded := _loaded(file)) is not None}
    left = [(file, part) for file, part in zip(files, parts, strict=True) if file not in known]
    ear = _Ear(found, resample)

    def work() -> Iterator[None]:
        for file, part in left:
            rows = []
            for item in part:
                rows.append((yield from ear.scores(item)))
            known[file] = rows
            _store(file, rows)

    total = sum(pieces(item.seconds) for _, part in left for item in part)
    for _ in reporter.progress(work(), name, total):
        pass
    return Heard(items, [rows for file in files for rows in known[file]], ear.hop)


class _Ear:
    """An exported file with the silence around what it hears."""

    def __init__(self, found: Exported, resample: bool) -> None:
        self.listener = found.listen()
        self.resample = resample
        self.columns = [found.bundle.labels.index(word) for word in found.keywords]
        self.hop = self.listener.hop / self.listener.sample_rate

    def scores(self, item: Item) -> Generator[None, None, np.ndarray]:
        """The scores of a recording, (hops, keywords); yields after every piece."""
        self.listener.reset()
        sound = audio.blocks(
            item.audio,
            rate=self.listener.sample_rate,
            start=item.start,
            seconds=item.seconds,
            block=BLOCK,
            resample=self.resample,
        )
        rows = []
        for piece in around(self.listener, sound):
            rows.append(self.listener.step(piece)[:, self.columns])
            yield
        return np.concatenate(rows)[self.listener.warm_up :].astype(np.float32)


def pieces(seconds: float) -> int:
    """In how many a recording is heard, with the silence around it."""
    return 2 + math.ceil(seconds / BLOCK)


def around(listener: Listener, sound: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """A recording's pieces after a silence as long as the warm-up, and before one of TAIL."""
    yield np.zeros(listener.warm_up * listener.hop, np.float32)
    yield from sound
    yield np.zeros(round(TAIL * listener.sample_rate), np.float32)


def spotted(listener: Listener, spotter: Spotter, sound: Iterable[np.ndarray]) -> Iterator[list[Event]]:
    """The events of each piece of a recording, which is heard after silence; times are of the recording."""
    listener.reset()
    spotter.reset()
    lead = listener.warm_up * listener.hop / listener.sample_rate
    for piece in around(listener, sound):
        events = spotter.step(listener.step(piece))
        yield [event._replace(seconds=event.seconds - lead) for event in events]


def _parts(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Neighbours that last `_PART` seconds together, at least one."""
    part: list[Item] = []
    for item in items:
        part.append(item)
        if sum(each.seconds for each in part) >= _PART:
            yield part
            part = []
    if part:
        yield part


def _key(content: str, part: Sequence[Item], resample: bool) -> str:
    """Of the exported file, the audio as the file system knows it, and how it is read."""
    rows = []
    for item in part:
        state = Path(item.audio).stat()
        rows.append(
            [str(Path(item.audio).absolute()), state.st_size, state.st_mtime_ns, item.start, item.seconds]
        )
    return sha256_text(json.dumps([content, TAIL, resample, rows]))[:20]


def _store(file: Path, rows: Sequence[np.ndarray]) -> None:
    lengths = np.array([len(each) for each in rows], np.int64)
    with atomic(file) as draft:
        save_file({"scores": np.concatenate(rows), "lengths": lengths}, draft)


def _loaded(file: Path) -> list[np.ndarray] | None:
    """What was stored, None where nothing whole was."""
    if not file.is_file():
        return None
    try:
        found = load_file(file)
        return np.split(found["scores"], np.cumsum(found["lengths"])[:-1])
    except (OSError, SafetensorError, KeyError):
        return None


def unlike(names: Sequence[str]) -> list[str]:
    """The names, with a number behind one that was there before."""
    found: dict[str, None] = {}
    for name in names:
        own, count = name, 1
        while own in found:
            count += 1
            own = f"{name}-{count}"
        found[own] = None
    return list(found)


def _audio_files(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        inside = file.relative_to(folder).parts
        if file.suffix.lower() in audio.SUFFIXES and not any(part.startswith(".") for part in inside):
            yield file
