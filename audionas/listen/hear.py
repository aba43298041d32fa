"""Recordings heard by an exported file: its events, and its scores, which are stored and computed once."""

import json
import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from audionas.core import tensors
from audionas.core.errors import UserError
from audionas.core.files import sha256, sha256_text, state
from audionas.core.reporter import Reporter
from audionas.data.kaldi import Item
from audionas.data.sound import BLOCK, conversion
from audionas.listen.events import Event, Spotter
from audionas.listen.exported import Exported
from audionas.listen.sounds import blocks, require_readable
from audionas.models.listener import Listener

TAIL = 0.5  # seconds of silence after a recording: a word at its end is heard a little later
_PART = 600.0  # seconds of audio whose scores are stored together: the most that an interruption costs


class Heard(NamedTuple):
    """Scores of recordings, (hops, keywords) float32 each; a hop is `hop` seconds."""

    items: Sequence[Item]
    scores: Sequence[np.ndarray]
    hop: float


def pieces(seconds: float) -> int:
    """The number of pieces in which a recording is heard, with the silence around it."""
    return 2 + math.ceil(seconds / BLOCK)


def around(listener: Listener, sound: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """A recording's pieces, between a silence as long as the warm-up and one of TAIL."""
    yield np.zeros(listener.warm_up * listener.hop, np.float32)
    yield from sound
    yield tail(listener)


def tail(listener: Listener) -> np.ndarray:
    """The silence after a recording: TAIL, and what a listener may wait for before its last scores."""
    return np.zeros(round(TAIL * listener.sample_rate) + (listener.every - 1) * listener.hop, np.float32)


def spotted(listener: Listener, spotter: Spotter, sound: Iterable[np.ndarray]) -> Iterator[list[Event]]:
    """The events of each piece of a recording, heard after silence; times start with the recording."""
    listener.reset()
    spotter.reset()
    lead = listener.warm_up * listener.hop / listener.sample_rate
    for piece in around(listener, sound):
        events = spotter.step(listener.step(piece))
        yield [event._replace(seconds=event.seconds - lead) for event in events]


def hear(
    found: Exported,
    items: Sequence[Item],
    *,
    store: Path,
    reporter: Reporter,
    name: str,
) -> Heard:
    """The exported file's scores for each recording and the silence after it, computed or read from `store`.

    Each is heard after a silence as long as the warm-up, whose scores are left out; so there is one score per
    hop. Raises UserError as reading and opening do.
    """
    content, parts, ear = sha256(found.file), list(_parts(items)), _Ear(found)
    rate = ear.listener.sample_rate
    files = [store / f"{_key(content, part, rate)}.safetensors" for part in parts]
    known = {file: loaded for file in files if (loaded := _loaded(file)) is not None}
    left = [(file, part) for file, part in zip(files, parts, strict=True) if file not in known]
    require_readable([item for _, part in left for item in part], rate, reporter)

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
    """An exported file that hears recordings with silence around them."""

    def __init__(self, found: Exported) -> None:
        self.listener = found.listen()
        self.columns = [found.bundle.labels.index(word) for word in found.keywords]
        self.hop = self.listener.hop / self.listener.sample_rate

    def scores(self, item: Item) -> Generator[None, None, np.ndarray]:
        """Return the scores of a recording, (hops, keywords); yield after every piece."""
        self.listener.reset()
        sound = blocks(item, self.listener.sample_rate)
        rows = []
        for piece in around(self.listener, sound):
            rows.append(self.listener.step(piece)[:, self.columns])
            yield
        return np.concatenate(rows)[self.listener.warm_up :].astype(np.float32)


def _parts(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Neighbouring recordings that last `_PART` seconds together, at least one."""
    part: list[Item] = []
    for item in items:
        part.append(item)
        if sum(each.seconds for each in part) >= _PART:
            yield part
            part = []
    if part:
        yield part


def _key(content: str, part: Sequence[Item], rate: int) -> str:
    """The key of the exported file, the audio as the file system knows it, and whether it is converted."""
    rows = []
    for item in part:
        rows.append([str(Path(item.audio).absolute()), *state(item.audio), item.start, item.seconds])
    converted = bool(conversion((item.audio for item in part), rate).words(rate))
    return sha256_text(json.dumps([content, TAIL, converted, rows]))[:20]


def _store(file: Path, rows: Sequence[np.ndarray]) -> None:
    lengths = np.array([len(each) for each in rows], np.int64)
    tensors.save_arrays({"scores": np.concatenate(rows), "lengths": lengths}, file)


def _loaded(file: Path) -> list[np.ndarray] | None:
    """The stored scores, or None where no complete file exists."""
    if not file.is_file():
        return None
    try:
        found = tensors.load_arrays(file)
        return np.split(found["scores"], np.cumsum(found["lengths"])[:-1])
    except (UserError, KeyError):
        return None
