"""Recordings and speakers that data directories share: what would make a test easier than it looks."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

from audionas.core.errors import Problem
from audionas.core.reporter import amount
from audionas.data import audio
from audionas.data.audio import TOLERANCE
from audionas.data.kaldi import Item
from audionas.data.labels import SILENCE

Content = Callable[[str, Item], str]  # of an item of a set, what tells its file from others: the SHA-256
Span = tuple[float, float]  # seconds, from and to


@dataclass(frozen=True)
class Overlap:
    """Recordings and speakers that sets of utterances share.

    `problems` names each recording under two labels or in two sets. Without the rows of `drop`, by set, there
    is none left. `notes` are sentences about what may be meant: twins within a set and a class, and speakers
    in two sets.
    """

    problems: list[Problem] = field(default_factory=list)
    drop: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    notes: list[str] = field(default_factory=list)


class _Clip(NamedTuple):
    """A part of a file in a set, under a label; `rows` are the utterances that consist of it."""

    start: float
    end: float
    split: str
    label: str
    rows: list[int]


def recorded(_: str, item: Item) -> str:
    """The SHA-256 that was written down at preparation, if it was."""
    return item.sha256


def compare(splits: Mapping[str, Sequence[Item]], content: Content = recorded) -> Overlap:
    """Compare the parts of files that utterances consist of, and their speakers, within and across sets.

    `splits` are in the order in which they give way: what the first shares with another is dropped from the
    first, so training comes before dev and test; a recording under two labels is dropped wherever it is.
    Files are told apart by `content`, and by their path where it is empty. Digital zeros under `_silence_`
    may be in every set. A speaker is unknown where it is empty or the utterance itself.
    """
    found = Overlap()
    twins = 0
    for parts in _files(splits, content):
        clips = _distinct(parts)
        twins += sum(len(c.rows) > 1 and not zeros(splits[c.split][c.rows[0]]) for c in clips)
        if len(clips) > 1:
            _judge(splits, clips, found)
    if twins:
        those = "stand" if twins > 1 else "stands"
        found.notes.append(f"{amount(twins, 'recording')} {those} twice or more in one set under one label")
    found.notes.extend(_speakers(splits))
    return found


def _files(
    splits: Mapping[str, Sequence[Item]], content: Content
) -> Iterator[list[tuple[float, float, str, str, int]]]:
    """The utterances of every file that has several: start, end, set, label, row."""
    numbers: dict[str, int] = {}  # of a file, by its content and by its path
    first: dict[int, tuple[float, float, str, str, int]] = {}
    more: dict[int, list[tuple[float, float, str, str, int]]] = defaultdict(list)
    for split, items in splits.items():
        for row, item in enumerate(items):
            number = numbers.setdefault(content(split, item) or item.audio, len(numbers))
            number = numbers.setdefault(item.audio, number)
            part = (item.start, item.start + item.seconds, split, item.label, row)
            if first.setdefault(number, part) is not part:
                more[number].append(part)
    return ([first[number], *rest] for number, rest in more.items())


def _distinct(parts: Sequence[tuple[float, float, str, str, int]]) -> list[_Clip]:
    """The parts by their start, those alike together."""
    found: dict[tuple[int, int, str, str], _Clip] = {}
    for start, end, split, label, row in sorted(parts, key=lambda part: part[:2]):
        key = (round(start / TOLERANCE), round(end / TOLERANCE), split, label)
        found.setdefault(key, _Clip(start, end, split, label, [])).rows.append(row)
    return list(found.values())


def _judge(splits: Mapping[str, Sequence[Item]], clips: Sequence[_Clip], found: Overlap) -> None:
    """Add the problems of one file."""
    order = list(splits)
    active: list[_Clip] = []
    for clip in clips:
        active = [other for other in active if other.end > clip.start]
        for other in active:
            if not meet((other.start, other.end), (clip.start, clip.end)):
                continue
            same = abs(other.start - clip.start) <= TOLERANCE and abs(other.end - clip.end) <= TOLERANCE
            one, two = sorted((other, clip), key=lambda each: order.index(each.split))
            names = splits[one.split][one.rows[0]], splits[two.split][two.rows[0]]
            if same and clip.label != other.label:
                told = (f"{names[0].id} ({one.split})", one.label, f"{names[1].id} ({two.split})", two.label)
                what = "one recording under two labels: {} as '{}' and {} as '{}'"
                found.problems.append(Problem(names[0].audio, what, *told))
                for each in (one, two):
                    found.drop[each.split].update(each.rows)
            elif clip.split != other.split and not zeros(names[0]):
                what = f"one recording in {_plain(one.split)} and in {_plain(two.split)}: {{}} and {{}}"
                found.problems.append(Problem(names[0].audio, what, names[0].id, names[1].id))
                found.drop[one.split].update(one.rows)
        active.append(clip)


def meet(one: Span, two: Span) -> bool:
    """True where two spans share more than the tolerance of times, or half of the shorter one."""
    shared = min(one[1], two[1]) - max(one[0], two[0])
    return shared > min(TOLERANCE, (one[1] - one[0]) / 2, (two[1] - two[0]) / 2)


def _plain(name: str) -> str:
    """The name of a set as part of a template."""
    return name.replace("{", "{{").replace("}", "}}")


def zeros(item: Item) -> bool:
    """True for what a preparation writes for silence: one file of zeros, for all sets."""
    return item.label == SILENCE and audio.silent(item.audio)


def _speakers(splits: Mapping[str, Sequence[Item]]) -> Iterator[str]:
    """A sentence for every two sets with speakers in both."""
    known = {
        split: {i.speaker for i in items if i.speaker not in ("", i.id)} for split, items in splits.items()
    }
    for one, two in combinations(splits, 2):
        if both := sorted(known[one] & known[two]):
            are = "is" if len(both) == 1 else "are"
            yield (
                f"attention: {amount(len(both), 'speaker')} {are} both in {one} and in {two}, "
                f"such as {both[0]}: "
                f"accuracy in {two} says little about voices never heard"
            )
