"""The facts of a folder of recordings that decisions need: its labels, clips, lengths and speakers."""

import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from audionas.core.errors import UserError
from audionas.core.files import read_json
from audionas.core.reporter import Reporter
from audionas.core.rng import numpy_rng
from audionas.data import audio, readers
from audionas.data.kaldi import Item
from audionas.data.labels import NOISE

BY_FOLDER = r"^[^/]+/(?P<speaker>[^/]+)"
# Speakers as file names tell them, most certain first: a folder per speaker, speaker_take, speaker-take. With
# each the pattern for the preparation, which takes a file that is named otherwise for a speaker of its own.
PATTERNS = {
    r"/(?P<speaker>[^/]+)/[^/]+$": BY_FOLDER,
    r"/(?P<speaker>[^_/]+)_[^/]*$": r"(?:^|/)(?P<speaker>[^_/]+)[^/]*$",
    r"/(?P<speaker>[^-/]+)-[^/]*$": r"(?:^|/)(?P<speaker>[^-/]+)[^/]*$",
}
PROBED = 200  # files whose length is read
_FIT = 0.9  # share of the names that a pattern must fit


@dataclass(frozen=True)
class Facts:
    """`labels` counts the clips of each folder; `pattern` finds the `speakers`, each in several clips, or is
    empty; `seconds` is the length that 95 % of the clips do not exceed, `longest` that of the longest looked
    at, `hours` the estimated sum.
    """

    labels: Mapping[str, int]
    pattern: str
    speakers: int
    seconds: float
    longest: float
    hours: float

    @property
    def clips(self) -> int:
        """The number of all clips."""
        return sum(self.labels.values())

    @property
    def words(self) -> list[str]:
        """The labels that are no background."""
        return [label for label in self.labels if not label.startswith("_")]


def facts(folder: Path, reporter: Reporter) -> Facts:
    """Look at a folder with one folder per word. Raises UserError as `readers.folder` does, and where no file
    can be read.
    """
    items = readers.folder(folder, skip=(NOISE,), say=reporter.note)
    pattern, speakers = speakers_of([Path(item.audio).relative_to(folder.absolute()) for item in items])
    lengths = _lengths(items)
    every = sorted(lengths)
    return Facts(
        labels=dict(sorted(Counter(item.label for item in items).items())),
        pattern=pattern,
        speakers=speakers,
        seconds=every[min(len(every) - 1, int(0.95 * len(every)))],
        longest=every[-1],
        hours=statistics.fmean(lengths) * len(items) / 3600,
    )


def hours(home: Path, sounds: str) -> float:
    """The hours of continuous sound in the prepared folder `sounds` of a run."""
    file = home / "data" / "hours.json"
    found: dict[str, dict[str, float]] = read_json(file) if file.exists() else {}
    return float(sum(found.get(sounds, {}).values()))


def speakers_of(paths: Sequence[Path]) -> tuple[str, int]:
    """The pattern that finds speakers in at least 90 % of the paths (`word/file`), and their number.

    A name that stands for one file only is no speaker: at least half of the speakers must have several files.
    "" and 0 where no pattern does.
    """
    for pattern, lenient in PATTERNS.items():
        found = [match["speaker"] for path in paths if (match := re.search(pattern, path.as_posix()))]
        counts = Counter(found)
        several = sum(count > 1 for count in counts.values())
        if len(found) >= _FIT * len(paths) and 2 * several > len(counts) > 1:
            return lenient, len(counts)
    return "", 0


def _lengths(items: Sequence[Item]) -> list[float]:
    """Seconds of some clips, drawn evenly; unreadable ones are left to the preparation, which names them."""
    rows = numpy_rng("facts").permutation(len(items))[:PROBED]
    found, problems = [], []
    for row in rows:
        try:
            found.append(audio.probe(items[row].audio).seconds)
        except UserError as error:
            problems += error.problems
    if not found:
        raise UserError(problems, hint="Give recordings that can be read.")
    return found
