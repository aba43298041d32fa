"""A recording of any length as one answer: windows as long as the model's clips slide over it, and a rule."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Literal, NamedTuple

import numpy as np

from audionas.data.labels import is_background

Rule = Literal["highest", "mean", "first"]
PARTS = 4  # a window starts every quarter of a clip, so a word of three quarters lies whole in one
_BATCH = 64  # windows


class Window(NamedTuple):
    """A clip of a recording, (channels, samples), and the sample at which it starts."""

    start: int
    sound: np.ndarray


class Answer(NamedTuple):
    """A label with the score of each: those of the window at `start` seconds, or the mean of all (None).

    `rule` is how `windows` became one: `clip` where there is only one, `highest`, `mean`, `first`, or
    `background` where none of them is a keyword.
    """

    label: str
    scores: dict[str, float]
    rule: str
    windows: int
    start: float | None
    seconds: float

    def plain(self) -> dict[str, Any]:
        """The answer as part of a JSON row."""
        return self._asdict()


def slid(sound: Iterable[np.ndarray], samples: int, *, least: int = 1) -> Iterator[Window]:
    """The windows of a recording in pieces (channels, n): one every `samples` / PARTS, and one at its end.

    A shorter recording is one window, padded with zeros; an end of fewer than `least` samples is none. Only
    a piece and a window are held at a time. Yields nothing for no sound.
    """
    start, hop, kept = 0, max(1, samples // PARTS), None
    for piece in sound:
        kept = piece if kept is None else np.concatenate((kept, piece), -1)
        at = 0
        while kept.shape[-1] - at >= samples + hop:
            yield Window(start + at, kept[:, at : at + samples])
            at += hop
        start, kept = start + at, kept[:, at:]
    if kept is None:
        return
    rest = kept.shape[-1] - samples
    yield Window(start, np.pad(kept, ((0, 0), (0, max(0, -rest))))[:, :samples])
    if rest >= least:
        yield Window(start + rest, kept[:, rest:])


def rule_for(labels: Sequence[str]) -> Rule:
    """`highest` for models of keywords, which have a background; `mean` for others, such as scenes."""
    return "highest" if any(map(is_background, labels)) else "mean"


def answered(
    windows: Iterator[Window],
    scores: Callable[[np.ndarray], np.ndarray],
    labels: Sequence[str],
    rate: int,
    rule: Rule,
    seconds: float,
) -> Answer:
    """Score the windows of a recording of `seconds`, some at a time, and combine them.

    `scores` maps (n, samples) to (n, classes); those of several channels are averaged. `highest`: the window
    with the highest score among those whose best label is not background; where there is none, the background
    with the highest mean. `mean`: the mean over all. `first`: the first window.
    """
    starts, rows = list[int](), list[np.ndarray]()
    while batch := list(islice(windows, _BATCH)):
        sound = np.stack([window.sound for window in batch])
        found = scores(sound.reshape(-1, sound.shape[-1]))
        rows.append(found.reshape(*sound.shape[:2], -1).mean(1))
        starts += [window.start for window in batch]
    table = np.concatenate(rows)
    place, name = _chosen(table, labels, rule)
    row = table.mean(0) if place is None else table[place]
    known = [place for place, label in enumerate(labels) if name != "background" or is_background(label)]
    best = max(known, key=lambda place: row[place])
    said = dict(zip(labels, row.tolist(), strict=True))
    start = None if place is None else starts[place] / rate
    return Answer(labels[best], said, name, len(table), start, seconds)


def _chosen(table: np.ndarray, labels: Sequence[str], rule: Rule) -> tuple[int | None, str]:
    """The window that decides, or None for all of them, and the rule that was applied."""
    if rule == "first" or len(table) == 1:
        return 0, "first" if rule == "first" else "clip"
    if rule == "mean":
        return None, "mean"
    best = table.argmax(1)
    words = [place for place in range(len(table)) if not is_background(labels[best[place]])]
    if not words:
        return None, "background"
    return max(words, key=lambda place: table[place].max()), "highest"
