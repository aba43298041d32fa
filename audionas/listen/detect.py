"""`audionas detect`: an exported file listens to continuous audio and reports when a keyword was said."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from audionas.core.errors import Faults, UserError
from audionas.core.files import write_text
from audionas.core.hostile import on_a_line
from audionas.core.reporter import Reporter, amount
from audionas.data.kaldi import Item
from audionas.listen.events import Event, Spotter
from audionas.listen.exported import chosen
from audionas.listen.hear import pieces, spotted
from audionas.listen.sounds import blocks, recordings, require_readable, timed, unlike
from audionas.models.listener import Kind


class Found(NamedTuple):
    """An event in a file; its sound lies in the `clip` seconds before its end."""

    file: str
    event: Event
    clip: float

    def plain(self) -> dict[str, str | float]:
        """The event as one line of JSON."""
        seconds, keyword, score = self.event
        return {"file": self.file, "seconds": round(seconds, 4), "keyword": keyword, "score": round(score, 6)}

    def words(self) -> str:
        """The event in words."""
        return f"{self.file}  {self.event.seconds:.2f} s  {self.event.keyword}  {self.event.score:.3f}"

    def label(self) -> str:
        """A line of an Audacity label track: start, end, text."""
        seconds, keyword, score = self.event
        return f"{max(0.0, seconds - self.clip):.6f}\t{seconds:.6f}\t{on_a_line(keyword)} {score:.3f}\n"


@dataclass(frozen=True)
class Listening:
    """The events to come, the thresholds by keyword, and the recordings with their seconds."""

    events: Iterator[Found]
    thresholds: Mapping[str, float]
    items: Sequence[Item]

    def __iter__(self) -> Iterator[Found]:
        return self.events


def detect(
    folder: Path,
    files: Sequence[Path],
    *,
    file: Path | None = None,
    threshold: Sequence[str] = (),
    smooth: int | None = None,
    refractory: float | None = None,
    patience: str | None = None,
    rule: Kind | None = None,
    audacity: Path | None = None,
) -> Listening:
    """Events in the order of the files and of time, each yielded as soon as it is heard.

    `files` are recordings, folders of them, or Kaldi data directories; whole files are heard, each after a
    silence as long as the model's warm-up. `audacity` is a file for the labels of one recording, or a folder
    for several. Raises UserError before the first event for unusable input: exported file, thresholds,
    recordings.
    """
    faults, paths = Faults(), list[str]()
    with faults:
        found, thresholds, how, stale = chosen(
            folder, file, threshold, smooth=smooth, refractory=refractory, patience=patience, kind=rule
        )
    for path in files:
        with faults:
            paths += (item.audio for item in recordings(path) if item.audio not in paths)
    faults.tell()
    labels = _label_files(paths, audacity)
    listener, reporter = found.listen(), Reporter()
    rate = listener.sample_rate
    items = timed([Item(path, path, "", 0.0) for path in paths])
    require_readable(items, rate, reporter)
    if stale:
        reporter.note(f"{found.file.name} has changed since it was tuned: tune again")
    words = ", ".join(f"{word} {value:.4g}" for word, value in thresholds.items())
    reporter.note(f"{found.file.name}: {how.words()}; thresholds: {words}")
    clip = found.bundle.samples / rate
    spotter = Spotter(listener, thresholds, how)

    def work() -> Iterator[list[Found]]:
        for item in items:
            heard: list[Found] = []
            for events in spotted(listener, spotter, blocks(item, rate)):
                new = [Found(item.audio, event, clip) for event in events]
                heard += new
                yield new
            if labels:
                write_text(labels[item.audio], "".join(each.label() for each in heard))

    total = sum(pieces(item.seconds) for item in items)
    events = (event for new in reporter.progress(work(), "listening", total) for event in new)
    return Listening(events, thresholds, items)


def _label_files(paths: Sequence[str], audacity: Path | None) -> dict[str, Path]:
    """The label file of each recording.

    Raises UserError for one file and several recordings, and for files that exist: labels are drawn by hand,
    too.
    """
    if audacity is None:
        return {}
    found = _placed(paths, audacity)
    if there := [file for file in found.values() if os.path.lexists(file)]:
        raise UserError(
            [f"{file}: already exists" for file in there], hint="Name another one with --audacity."
        )
    return found


def _placed(paths: Sequence[str], audacity: Path) -> dict[str, Path]:
    if len(paths) == 1 and not audacity.is_dir():
        return {paths[0]: audacity}
    if audacity.is_file():
        raise UserError(f"{audacity}: one file cannot hold the labels of {amount(len(paths), 'recording')}",
                        hint="Give a folder: --audacity labels")  # fmt: skip
    names = unlike([Path(path).stem for path in paths])
    return {path: audacity / f"{name}.txt" for path, name in zip(paths, names, strict=True)}
