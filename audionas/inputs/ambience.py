"""Continuous audio without a wake word, as windows of a network's input: `data.ambient`."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter, amount
from audionas.core.shards import Shards
from audionas.data import kaldi
from audionas.data.conf import Data
from audionas.data.files import sums
from audionas.data.kaldi import DataDir, Item
from audionas.data.store import waves
from audionas.features import feature_store
from audionas.inputs.audio import ClipInputs, cache_of

PIECE = 256  # windows whose features are stored together
_SHOWN = 5  # recordings named in a message


@dataclass(frozen=True)
class Ambience:
    """Features (pieces, F, T) of stretches of recordings, with the number of `windows` in each, one every
    `hop` frames and `frames` long, and the `hours` of all recordings.

    A window's features are those of its stretch, whose front-end began up to 256 windows before it, as in a
    stream.
    """

    features: Shards
    windows: list[int]
    frames: int
    hop: int
    hours: float
    fingerprint: str

    def batches(self) -> Iterator[np.ndarray]:
        """The windows (n, 1, F, T) float32, in order, up to 256 at a time."""
        for piece, count in enumerate(self.windows):
            whole = np.asarray(self.features[piece : piece + 1])[0]
            slid = np.lib.stride_tricks.sliding_window_view(whole, self.frames, axis=1)
            yield np.ascontiguousarray(slid[:, :: self.hop][:, :count].transpose(1, 0, 2))[:, None]


def open_ambience(data: Data, inputs: ClipInputs, word: str, reporter: Reporter) -> Ambience:
    """The recordings in `data.ambient`, cut every `data.ambient_hop` seconds; decoded and transformed once.

    Raises UserError for recordings labelled as the `word`, for those of the training, and for too little
    sound.
    """
    directory, ears = kaldi.read(Path(data.ambient)), inputs.front_end
    _require_other(directory, inputs, word)
    hours = sum(item.seconds for item in directory) / 3600
    if hours * 3600 * ears.sample_rate < inputs.samples:
        raise UserError(
            f"data.ambient: {data.ambient} holds {3600 * hours:.1f} s, which is no window of "
            f"{inputs.samples / ears.sample_rate:g} s, and no hours to count false accepts in",
            hint="Give minutes to hours of continuous audio in which nobody says the word.",
        )
    if data.on_bad != "keep":  # as a whole: its pieces say nothing about its length
        sums.require_unchanged(directory, cache_of(data), reporter, data.workers)
    frames = max(1, round(data.ambient_hop * ears.sample_rate / ears.hop))
    pieces, windows = _cut(directory, ears.sample_rate, inputs.samples, frames * ears.hop)
    decoded = waves(
        pieces,
        rate=ears.sample_rate,
        samples=inputs.samples + (PIECE - 1) * frames * ears.hop,
        resample=data.resample,
        on_bad="keep" if data.on_bad == "keep" else "error",
        folder=cache_of(data),
        reporter=reporter,
        workers=data.workers,
    )
    stored = feature_store(
        ears,
        decoded.array,
        key=decoded.key,
        folder=cache_of(data),
        reporter=reporter,
        workers=data.workers,
    )
    reporter.note(
        f"ambience: {hours:.2f} h, {amount(sum(windows), 'window')}; one false accept is {1 / hours:.2g}/h"
    )
    return Ambience(stored, windows, inputs.io.frames, frames, hours, decoded.fingerprint)


def _cut(directory: DataDir, rate: int, samples: int, hop: int) -> tuple[DataDir, list[int]]:
    """Stretches of up to PIECE windows of `samples`, one every `hop`, and the number of windows in each.

    A recording that is shorter than a window is one, padded with zeros.
    """
    items, windows = list[Item](), list[int]()
    for item in directory:
        count = 1 + max(0, round(item.seconds * rate) - samples) // hop
        for first in range(0, count, PIECE):
            many = min(PIECE, count - first)
            begin = first * hop / rate
            seconds = min(item.seconds - begin, (samples + (many - 1) * hop) / rate)
            name = f"{item.id}-{first:09d}"
            items.append(replace(item, id=name, start=item.start + begin, seconds=seconds))
            windows.append(many)
    order = sorted(range(len(items)), key=lambda place: items[place].id)  # as a data directory has them
    return DataDir(directory.path, [items[place] for place in order]), [windows[place] for place in order]


def _require_other(directory: DataDir, inputs: ClipInputs, word: str) -> None:
    """Raise UserError where recordings hold the word, or are those of the training."""
    said = [item.id for item in directory if item.label == word]
    known = {name for item in inputs.train.items for name in (item.audio, item.sha256) if name}
    trained = [item.id for item in directory if {item.audio, item.sha256} & known]
    problems = [
        f"data.ambient: {amount(len(ids), 'recording')} {what}: {', '.join(ids[:_SHOWN])}"
        for what, ids in ((f"of '{word}'", said), ("from the training data", trained))
        if ids
    ]
    if problems:
        raise UserError(
            problems, hint="Give continuous audio without the word, apart from training and test."
        )
