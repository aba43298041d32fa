"""MLPerf Tiny's streaming wake word: hits, misses and false positives of a long stream with labelled words.

A word is hit where a detection comes from its start to a hit delay after its end; the other detections are
false positives, and each swallows what follows within a second. Which delay is in force depends on whom one
asks in mlcommons/tiny (commit 1afd2c9):

- 1 s: the rules in the README of `benchmark/runner`.
- 2 s: `calc_detection_stats` there, which adds the second twice.
- 0.5 s: `get_true_and_false_detections` of the training scripts, in which the first second after a word holds
  no false positives either.

The runner's first detection marks the start of the recording; here times start with the recording.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from audionas.core.errors import UserError
from audionas.core.intervals import Interval, exact, poisson
from audionas.core.reporter import amount
from audionas.data.files import transcripts
from audionas.listen.events import Event

HIT_DELAYS = {1.0: "the rules", 2.0: "the runner's code", 0.5: "the training script"}  # in seconds
LIMIT = 8  # false positives, and misses, that the benchmark allows on its track of 1,200 s with 50 words
_DEBOUNCE = 1_000_000  # microseconds


class Count(NamedTuple):
    """The starts of the words hit and missed, and the times of the false positives, in seconds."""

    hits: list[float]
    misses: list[float]
    false: list[float]


def counted(times: Iterable[float], words: Iterable[tuple[float, float]], hit_delay: float) -> Count:
    """Detections at `times` against `words` (start, end), all in seconds of one recording.

    A detection that hits a word counts for no later one, except in the training script. That script's spans
    do not include their ends, those of the others do. Times are compared in microseconds.
    """
    script = hit_delay == 0.5
    every = sorted(_micro(time) for time in times)
    hits, misses, left = list[float](), list[float](), every
    for start, end in words:
        first, last = _micro(start), _micro(end + hit_delay) - script
        own = any(first <= time <= last for time in (every if script else left))
        (hits if own else misses).append(start)
        masked = _micro(end + max(hit_delay, 1.0)) - script
        left = [time for time in left if not first <= time <= masked]
    kept: list[int] = []
    for time in left:
        if not kept or time - kept[-1] > _DEBOUNCE - script:
            kept.append(time)
    return Count(hits, misses, [time / 1e6 for time in kept])


class Stream:
    """Recordings whose words have labelled times, which detections are counted against.

    `truth` is a table as of transcripts, in which a line whose text holds a keyword gives the time of that
    word; `seconds` are those of each recording. Raises UserError for a delay that is none of HIT_DELAYS, and
    where the table names none of the recordings or holds none of the keywords.
    """

    def __init__(
        self, truth: Path, seconds: Mapping[str, float], keywords: Iterable[str], hit_delay: float
    ) -> None:
        if hit_delay not in HIT_DELAYS:
            known = ", ".join(f"{delay:g} ({who})" for delay, who in HIT_DELAYS.items())
            raise UserError(f"--hit-delay {hit_delay:g}: expected {known}")
        spoken = transcripts.by_file(truth, transcripts.read(truth), seconds)
        spans = {word: transcripts.with_words(spoken, [word.replace("_", " ")]) for word in keywords}
        self.spans = {word: each for word, each in spans.items() if any(each.values())}
        self.files, self.hours, self.hit_delay = tuple(seconds), sum(seconds.values()) / 3600, hit_delay
        if not self.spans:
            raise UserError(
                f"{truth}: no line's text holds {' or '.join(spans)}",
                hint="Each line gives the time of one word: file, start_s, end_s, text.",
            )

    def figures(self, events: Iterable[tuple[str, Event]]) -> dict[str, Any]:
        """Each keyword's counts over all recordings, with exact intervals; `events` name their recordings."""
        times: dict[tuple[str, str], list[float]] = defaultdict(list)
        for file, event in events:
            times[event.keyword, file].append(event.seconds)
        found = {}
        for word, spans in self.spans.items():
            each = [counted(times[word, f], spans.get(f, ()), self.hit_delay) for f in self.files]
            hits, misses, false = (sum(map(len, parts)) for parts in zip(*each, strict=True))
            found[word] = _row(hits, misses, false, self.hours)
        how = {"hit_delay_s": self.hit_delay, "as": HIT_DELAYS[self.hit_delay]}
        return {**how, "hours": self.hours, "words": found}


def lines(found: Mapping[str, Any]) -> list[str]:
    """The figures in words."""
    said = [
        f"MLPerf Tiny's streaming wake word, hit delay {found['hit_delay_s']:g} s ({found['as']}), "
        f"{found['hours']:.3g} h:"
    ]
    for keyword, row in found["words"].items():
        miss = Interval.read(row, "missed_interval").words("{:.1%}".format)
        rate = Interval.read(row, "fp_interval").words("{:.3g}".format)
        said.append(
            f"{keyword}: {amount(row['hits'], 'hit')} and {amount(row['misses'], 'miss', 'misses')} of "
            f"{amount(row['words'], 'word')} ({row['missed']:.1%} missed, {miss}), "
            f"{amount(row['false_positives'], 'false positive')} ({row['fp_per_hour']:.3g} per hour, {rate})"
        )
    said.append(f"The benchmark allows {LIMIT} misses and {LIMIT} false positives on its own track.")
    return said


def _row(hits: int, misses: int, false: int, hours: float) -> dict[str, Any]:
    words = hits + misses
    return {
        "words": words,
        "hits": hits,
        "misses": misses,
        "missed": misses / words,
        **exact(misses, words).plain("missed_interval"),
        "false_positives": false,
        "fp_per_hour": false / hours,
        **poisson(false, hours).plain("fp_interval"),
    }


def _micro(seconds: float) -> int:
    return round(1e6 * seconds)
