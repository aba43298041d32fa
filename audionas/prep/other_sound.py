"""Sound without a word, beside recordings of words: cut into stretches, of which clips are drawn."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter, amount
from audionas.data.files.transcripts import Utterance, rest, with_words
from audionas.data.kaldi import Item
from audionas.data.labels import is_background
from audionas.data.readers import slug
from audionas.prep.wake.sources import GROUP_SHARES, PARTS, says, scan

STRETCH = 60.0  # seconds at most: a split takes whole stretches
Said = Mapping[str, Sequence[Utterance]]  # by item


def shares_of(splits: Iterable[str]) -> dict[str, float]:
    """The shares of the splits: larger for dev and test than those of clips, since hours measure rates."""
    return {split: share for split, share in GROUP_SHARES.items() if split in {*splits}}


def found(
    places: Sequence[Path], words: Sequence[str], label: str, reporter: Reporter
) -> tuple[list[Item], Said]:
    """The recordings below these folders under one label, and what is said in them, where that is known.

    Left out are those in folders of a word's name. Raises UserError for a folder without audio.
    """
    items, said = list[Item](), dict[str, Sequence[Utterance]]()
    for place in places:
        every = scan(place.resolve(), say=reporter.note)
        kept = [each for each in every if not any(says(each, word) for word in words)]
        if len(kept) < len(every):
            reporter.note(f"{place}: {amount(len(every) - len(kept), 'recording')} of the words left out")
        for each in kept:
            speaker = slug(f"{place.resolve().name}-{each.group}")
            items.append(Item(f"{speaker}-{len(items):05d}", str(each.path), label, 0.0, speaker=speaker))
            said[items[-1].id] = each.said
    return items, said


def stretches(items: Sequence[Item], said: Said, words: Sequence[str], splits: int) -> list[Item]:
    """The recordings in stretches of a minute at most, without the utterances that say a word.

    A split gets whole groups: where there are fewer than splits, each stretch is a group of its own, a tenth
    of its recording at most. Raises UserError where there are fewer stretches than splits.
    """
    few = len({item.speaker for item in items}) < splits
    cut = []
    for item in items:
        longest = min(STRETCH, item.seconds / PARTS) if few else STRETCH
        quiet = rest(0.0, item.seconds, with_words({"": said[item.id]}, words)[""])
        for number, (start, end) in enumerate(_pieces(quiet, longest)):
            name = f"{item.id}-{number:04d}"
            group = name if few else item.speaker
            part = replace(item, id=name, start=item.start + start, seconds=end - start, speaker=group)
            cut.append(part)
    if len({item.speaker for item in cut}) < splits:
        raise UserError(
            f"--negatives: {amount(len(cut), 'stretch', 'stretches')} of sound cannot fill {splits} splits",
            hint="Give a folder with longer recordings, or with more of them.",
        )
    return cut


def clips(items: Sequence[Item], words: Sequence[Item], seconds: float, seed: int) -> list[Item]:
    """Clips of the stretches of a split, drawn evenly: as many as it has `words` at most."""
    from audionas.core.rng import numpy_rng  # imports torch: only when something is drawn

    every = [
        replace(item, id=f"{item.id}-{number:03d}", start=item.start + number * seconds, seconds=seconds)
        for item in items
        for number in range(int(item.seconds / seconds + 1e-6))
    ]
    most = sum(not is_background(item.label) for item in words) or len(words)
    drawn = numpy_rng(seed, "negatives").permutation(len(every))[:most]
    return [every[row] for row in sorted(drawn)]


def _pieces(spans: Iterable[tuple[float, float]], longest: float) -> Iterator[tuple[float, float]]:
    """The spans in pieces of at most `longest` seconds."""
    for start, end in spans:
        many = max(1, math.ceil((end - start) / longest - 1e-6))
        width = (end - start) / many
        yield from ((start + number * width, start + (number + 1) * width) for number in range(many))
